"""Metrics: strict JSON lines, cut back on resume, and the optional loggers."""

from __future__ import annotations

import json
import sys
import types

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
    assert run.rows == [(1, {"loss": 0.5})]
    assert (run.exit_code, crashed.exit_code) == (0, 1)
    assert first == second
    assert first["project"] == "trial" and first["name"] == "demo/seed0/sft" and first["resume"] == "allow"


@pytest.mark.parametrize("damaged", [b"", b"0123", b"\xff" * 32, b"g" * 32, b"a" * 33])
def test_a_damaged_run_id_is_replaced_and_said(tmp_path, wandb_calls, capsys, damaged):
    (tmp_path / "wandb_id.txt").write_bytes(damaged)
    open_metrics(tmp_path, wandb=True).close()
    assert wandb_calls[0][0]["id"] == (tmp_path / "wandb_id.txt").read_text()
    assert len(wandb_calls[0][0]["id"]) == 32
    assert "wandb_id.txt: damaged; Weights & Biases goes on under a new run" in capsys.readouterr().out


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
    starts = [event.step for event in events if event.HasField("session_log")]
    assert starts[-1] == 3  # everything from step 3 on that an earlier file holds is void


def tfrecords(content):
    """The payloads of a TFRecord file: length (8 bytes), checksum (4), payload, checksum (4)."""
    while content:
        length = int.from_bytes(content[:8], "little")
        yield content[12 : 12 + length]
        content = content[16 + length :]
