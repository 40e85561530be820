"""Metrics: strict JSON lines, cut back on resume, and the optional loggers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.training import metrics
from alignment.training.metrics import FILE, open_metrics, strict


def write_steps(folder, first, last, content=b"", **flags):
    with open_metrics(folder, content, **flags) as rows:
        for step in range(first, last + 1):
            rows.write({"step": step, "loss": 1 / step})
        return rows.content


def test_one_object_a_line(tmp_path):
    write_steps(tmp_path / "deep" / "er", 1, 3)
    lines = (tmp_path / "deep" / "er" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": 0.5},
        {"step": 3, "loss": 1 / 3},
    ]


def test_scalars_of_every_kind_and_nonfinite_values():
    row = {
        "step": np.int64(1),
        "a": jnp.float32(0.5),
        "b": np.float32("nan"),
        "c": float("-inf"),
        "d": True,
        "e": jnp.int32(4),
    }
    assert strict(row) == {"step": 1, "a": 0.5, "b": None, "c": None, "d": True, "e": 4, "nonfinite": ["b", "c"]}
    assert strict({"step": 1, "a": 2.0}) == {"step": 1, "a": 2.0}


def test_lines_are_strict_json(tmp_path):
    with open_metrics(tmp_path) as rows:
        rows.write({"step": 1, "loss": float("nan")})

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    line = (tmp_path / "metrics.jsonl").read_text()
    assert json.loads(line, parse_constant=refuse) == {"step": 1, "loss": None, "nonfinite": ["loss"]}


def test_each_row_is_in_the_file_before_the_next(tmp_path):
    rows = open_metrics(tmp_path)
    rows.write({"step": 1})
    assert read_curve(tmp_path / FILE) == [{"step": 1}]  # a kill now would lose nothing
    rows.close()


@pytest.mark.parametrize("remote", [False, True])
def test_resume_cuts_what_came_after_the_checkpoint(tmp_path, monkeypatch, remote):
    monkeypatch.setattr(metrics, "is_remote", lambda folder: remote)
    content = write_steps(tmp_path, 1, 2)
    write_steps(tmp_path, 3, 5, content)
    assert [row["step"] for row in read_curve(tmp_path / FILE)] == [1, 2, 3, 4, 5]
    end = write_steps(tmp_path, 3, 3, content)
    assert [row["step"] for row in read_curve(tmp_path / FILE)] == [1, 2, 3]
    assert end == (tmp_path / "metrics.jsonl").read_bytes()
    write_steps(tmp_path, 1, 1)  # a fresh start
    assert [row["step"] for row in read_curve(tmp_path / FILE)] == [1]


def test_resumed_file_has_the_bytes_of_an_uninterrupted_one(tmp_path):
    write_steps(tmp_path / "whole", 1, 6)
    content = write_steps(tmp_path / "resumed", 1, 4)
    with (tmp_path / "resumed" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')  # killed in the middle of a line
    write_steps(tmp_path / "resumed", 5, 6, content)
    whole, resumed = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "resumed"))
    assert whole == resumed


def test_remote_file_is_sent_when_its_content_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "is_remote", lambda folder: True)
    rows = open_metrics(tmp_path)
    rows.write({"step": 1})
    assert read_curve(tmp_path / FILE) == []  # not sent again so soon
    assert rows.content == b'{"step": 1}\n'
    assert read_curve(tmp_path / FILE) == [{"step": 1}]
    rows.write({"step": 2})
    rows.close()
    assert [row["step"] for row in read_curve(tmp_path / FILE)] == [1, 2]


@pytest.mark.parametrize("damaged", [None, b"", b'{"step": 1, "lo', b"\xff\x00", b'{"step": 1, "loss": 9.0}\n' * 9])
def test_whatever_became_of_the_file_it_is_restored_from_the_checkpoint(tmp_path, damaged):
    content = write_steps(tmp_path, 1, 2)
    (tmp_path / FILE).unlink()
    if damaged is not None:
        (tmp_path / FILE).write_bytes(damaged)
    assert write_steps(tmp_path, 3, 3, content) == (tmp_path / FILE).read_bytes()
    assert read_curve(tmp_path / FILE) == [{"step": step, "loss": 1 / step} for step in (1, 2, 3)]


def test_reading_leaves_out_an_unfinished_line(tmp_path):
    assert read_curve(tmp_path / FILE) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2')
    assert read_curve(tmp_path / FILE) == [{"step": 1}]


@pytest.mark.parametrize(("module", "flag"), [("tensorboardX", "tensorboard"), ("wandb", "wandb")])
def test_a_missing_logger_is_one_clear_line(tmp_path, monkeypatch, module, flag):
    monkeypatch.setitem(sys.modules, module, None)  # makes the import fail
    with pytest.raises(UserError, match=rf"--config\.log\.{flag}=true needs the package {module}; pip install"):
        open_metrics(tmp_path, **{flag: True})
    assert not (tmp_path / "metrics.jsonl").exists()


class FakeRun:
    def __init__(self):
        self.rows, self.exit_code = [], None

    def log(self, row, step):
        self.rows.append((step, row))

    def finish(self, exit_code):
        self.exit_code = exit_code


@pytest.fixture
def wandb_calls(monkeypatch):
    """A stand-in for the wandb package that records init arguments and runs."""
    calls = []

    def init(**arguments):
        calls.append((arguments, FakeRun()))
        return calls[-1][1]

    monkeypatch.setitem(sys.modules, "wandb", types.SimpleNamespace(init=init))
    return calls


def test_wandb_gets_numbers_and_one_run_over_resumes(tmp_path, wandb_calls):
    folder = tmp_path / "demo" / "seed0" / "sft"
    with open_metrics(folder, wandb=True, wandb_project="trial") as rows:
        rows.write({"step": 1, "loss": 0.5, "bad": float("inf"), "note": "text"})
        content = rows.content
    with pytest.raises(RuntimeError), open_metrics(folder, content, wandb=True, wandb_project="trial"):
        raise RuntimeError
    (first, run), (second, crashed) = wandb_calls
    assert run.rows == crashed.rows == [(1, {"loss": 0.5})]  # what the first process may have lost is sent again
    assert (run.exit_code, crashed.exit_code) == (0, 1)
    assert first == second
    assert first["project"] == "trial" and first["name"] == "demo/seed0/sft" and first["resume"] == "allow"


@pytest.mark.parametrize("damaged", [b"", b"0123", b"\xff" * 32, b"g" * 32, b"a" * 33])
def test_a_damaged_run_id_is_replaced_and_said(tmp_path, wandb_calls, capsys, damaged):
    (tmp_path / "wandb_id.txt").write_bytes(damaged)
    open_metrics(tmp_path, wandb=True).close()
    assert wandb_calls[0][0]["id"] == (tmp_path / "wandb_id.txt").read_text()
    assert len(wandb_calls[0][0]["id"]) == 32
    assert "wandb_id.txt: damaged; Weights & Biases continues as the new run" in capsys.readouterr().out


def test_two_folders_are_two_wandb_runs(tmp_path, wandb_calls):
    for name in ("a", "b"):
        open_metrics(tmp_path / name, wandb=True).close()
    assert wandb_calls[0][0]["id"] != wandb_calls[1][0]["id"]


def test_no_logger_is_touched_without_its_flag(tmp_path, wandb_calls):
    write_steps(tmp_path, 1, 2)
    assert wandb_calls == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl"]


def test_tensorboard_events_hold_the_rows_and_the_cut(tmp_path):
    pytest.importorskip("tensorboardX", reason="the extra `log` is not installed")
    from tensorboardX.proto.event_pb2 import Event

    content = write_steps(tmp_path, 1, 2, tensorboard=True)
    write_steps(tmp_path, 3, 3, content, tensorboard=True)
    events = [
        Event.FromString(record)
        for path in sorted((tmp_path / "tensorboard").iterdir())
        for record in tfrecords(path.read_bytes())
    ]
    values = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    assert values == {(1, "loss"): 1.0, (2, "loss"): 0.5, (3, "loss"): np.float32(1 / 3)}
    assert len(values) == sum(len(event.summary.value) for event in events)  # each step once, in whichever file


def test_tensorboard_has_each_step_once_after_a_kill(tmp_path):
    """The first process wrote steps 1 to 4 and saved after 2; its file may also have been cut."""
    pytest.importorskip("tensorboardX", reason="the extra `log` is not installed")
    from tensorboardX.proto.event_pb2 import Event

    content = write_steps(tmp_path, 1, 2, tensorboard=True)
    write_steps(tmp_path, 3, 4, content, tensorboard=True)
    write_steps(tmp_path, 3, 5, content, tensorboard=True)
    (path,) = (tmp_path / "tensorboard").iterdir()
    events = [Event.FromString(record) for record in tfrecords(path.read_bytes())]
    assert [event.step for event in events for _ in event.summary.value] == [1, 2, 3, 4, 5]


# -------------------------------------------------------------------------------------- Weights & Biases as a process

FAKE = """
import json, os
class Run:
    offline = True
    def __init__(self, id, step):
        self.id, self.step = id, step
        self.dir = os.path.join(os.environ["FAKE"], f"offline-run-{os.getpid()}-{id}", "files")
        os.makedirs(self.dir)
    def log(self, row, step):
        with open(os.path.join(self.dir, "rows"), "a", encoding="utf-8") as file:
            file.write(f"{step}\\n")
    def finish(self, exit_code): pass
class UsageError(Exception): pass
def init(project, name, id, resume):
    if "NO_LOGIN" in os.environ:
        raise UsageError("No API key configured.\\nUse `wandb login` to log in.")
    return Run(id, int(os.environ.get("SERVER_STEP", 0)))
"""
DOOR = """
import os, pathlib, sys
from alignment.common.entry_point import run_entry_point
from alignment.training.metrics import open_metrics
folder, first, last, killed = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "killed"
def run():
    stored = folder / "content"
    with open_metrics(folder, stored.read_bytes() if stored.exists() else b"", wandb=True) as rows:
        for step in range(first, last + 1):
            rows.write({"step": step, "loss": 1 / step})
            if killed and step == last - 2:
                stored.write_bytes(rows.content)  # the checkpoint, two steps before the kill
        if killed:
            os._exit(9)
sys.exit(run_entry_point(run, "nothing"))
"""


def log_to_wandb(tmp_path, first, last, end="whole", package=True, **environment):
    if package:
        (tmp_path / "wandb.py").write_text(FAKE, encoding="utf-8")
    (tmp_path / "run").mkdir(exist_ok=True)
    path = f"{Path(__file__).parents[2]}:{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    env = {**os.environ, "PYTHONPATH": path, "FAKE": str(tmp_path / "wandb"), **environment}
    words = [sys.executable, "-c", DOOR, str(tmp_path / "run"), str(first), str(last), end]
    return subprocess.run(words, capture_output=True, text=True, env=env, cwd=tmp_path, stdin=subprocess.DEVNULL)


def fake_steps(tmp_path, pattern):
    (path,) = (tmp_path / "wandb").glob(f"{pattern}/files/rows")
    return [int(line) for line in path.read_text(encoding="utf-8").split()]


@pytest.mark.ci
def test_without_a_login_there_is_one_line(tmp_path):
    done = log_to_wandb(tmp_path, 1, 2, NO_LOGIN="1")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: --config.log.wandb=true: ") and "`wandb login`" in done.stderr


@pytest.mark.ci
def test_an_offline_run_that_was_killed_has_every_step_once(tmp_path):
    assert log_to_wandb(tmp_path, 1, 5, "killed").returncode == 9
    done = log_to_wandb(tmp_path, 4, 7)
    assert done.returncode == 0, done.stderr
    assert fake_steps(tmp_path, "offline-run-*") == [1, 2, 3, 4, 5, 6, 7]
    assert fake_steps(tmp_path, "superseded-offline-run-*") == [1, 2, 3, 4, 5]  # kept, and left out of `wandb sync`


@pytest.mark.ci
def test_an_online_run_is_sent_only_what_the_server_lacks(tmp_path):
    assert log_to_wandb(tmp_path, 1, 5, "killed").returncode == 9
    done = log_to_wandb(tmp_path, 4, 7, SERVER_STEP="3")  # the server has steps 1 and 2; 3 was lost on the way
    assert done.returncode == 0, done.stderr
    assert fake_steps(tmp_path, "offline-run-*") == [3, 4, 5, 6, 7]


def leveldb_records(content):
    """The records of a .wandb file: LevelDB's log format behind a header of 7 bytes."""
    position, parts = 7, b""
    while position + 7 <= len(content):
        if (room := 32768 - position % 32768) < 7:
            position += room
            continue
        length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
        parts += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # whole, or the last part of several
            yield parts
            parts = b""


@pytest.mark.ci
def test_the_real_package_offline_has_every_step_once_and_says_in_one_line_that_nobody_is_logged_in(tmp_path):
    pytest.importorskip("wandb", reason="the package wandb is not installed (extra `log`)")
    from wandb.proto.wandb_internal_pb2 import Record

    quiet = {"HOME": str(tmp_path), "NETRC": str(tmp_path / "none"), "WANDB_SILENT": "true", "WANDB_API_KEY": ""}
    done = log_to_wandb(tmp_path, 1, 2, package=False, **quiet)
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: --config.log.wandb=true: ")
    assert "Traceback" not in done.stderr

    offline = quiet | {"WANDB_MODE": "offline"}
    assert log_to_wandb(tmp_path, 1, 5, "killed", package=False, **offline).returncode == 9
    done = log_to_wandb(tmp_path, 4, 7, package=False, **offline)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    stored = map(Record.FromString, leveldb_records(path.read_bytes()))
    steps = [record.history.step.num for record in stored if record.WhichOneof("record_type") == "history"]
    assert steps == [1, 2, 3, 4, 5, 6, 7]


def tfrecords(content):
    """The payloads of a TFRecord file: length (8 bytes), checksum (4), payload, checksum (4)."""
    while content:
        length = int.from_bytes(content[:8], "little")
        yield content[12 : 12 + length]
        content = content[16 + length :]
