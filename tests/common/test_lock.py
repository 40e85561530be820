"""One owner at a time: refused while alive, taken over when gone, released however the block ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from alignment.common import lock
from alignment.common.lock import locked, process_start
from alignment.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = {"host": "node7", "machine": "node7 another-boot"}
HOLD = """
import signal, sys, time
from alignment.common.lock import locked
from alignment.errors import UserError
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
while time.time() < float(sys.argv[2]):
    pass
try:
    with locked(sys.argv[1] + "/run.lock", "--workdir=x"):
        print("held", flush=True)
        time.sleep(float(sys.argv[3]))
except UserError as error:
    print(f"refused: {error}", flush=True)
"""


def holder(folder, begin=0.0, hold=60.0):
    command = [sys.executable, "-c", HOLD, str(folder), str(begin), str(hold)]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)


def write_owner(path, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(lock._myself()) | changes))


def test_the_file_names_the_owner_and_goes_with_the_folder_that_was_made_for_it(tmp_path):
    path = tmp_path / "new" / "run.lock"
    with locked(path, "--workdir=new") as held:
        owner = json.loads(path.read_text())
        assert owner["pid"] == os.getpid() and owner["started"] == process_start(os.getpid()) != ""
        held.check()
    assert not path.parent.exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_it_is_released_on_errors_and_leaves_what_was_written(tmp_path, error):
    path = tmp_path / "new" / "run.lock"
    with pytest.raises(error), locked(path, "--workdir=new"):
        (path.parent / "results.json").write_text("{}")
        raise error
    assert [entry.name for entry in path.parent.iterdir()] == ["results.json"]


def test_a_second_holder_is_refused_in_one_line_that_names_the_first(tmp_path):
    path = tmp_path / "run.lock"
    with locked(path, "--workdir=runs/demo"):
        before = path.read_text()
        wanted = rf"--workdir=runs/demo: in use by process {os.getpid()} on .* since 20.*Z \(.*\); wait for it"
        with pytest.raises(UserError, match=wanted) as caught, locked(path, "--workdir=runs/demo"):
            pass
        assert "\n" not in str(caught.value)
        assert path.read_text() == before
    assert not path.exists()


@pytest.mark.parametrize(
    ("changes", "alive"),
    [
        ({}, True),
        ({"started": "1"}, False),  # the id has been given to another process since
        ({"pid": 2**22 + 1}, False),  # beyond the largest id of Linux
        ({"heartbeat": 0.0}, True),  # a process that runs needs no heartbeat: its machine was suspended
        (ELSEWHERE, True),
        (ELSEWHERE | {"pid": 2**22 + 1, "started": "1"}, True),
        (ELSEWHERE | {"age": 200}, True),
        (ELSEWHERE | {"age": 301}, False),
    ],
)
def test_who_is_gone_is_replaced_and_who_is_alive_is_not(tmp_path, changes, alive):
    path, messages = tmp_path / "run.lock", []
    age = changes.get("age", 0)
    write_owner(path, **{"heartbeat": time.time() - age} | {k: v for k, v in changes.items() if k != "age"})
    if alive:
        with pytest.raises(UserError, match="in use by process"), locked(path, "--workdir=x", messages.append):
            pass
        assert path.exists() and not messages
        return
    with locked(path, "--workdir=x", messages.append) as held:
        assert json.loads(path.read_text())["token"] == held.token
    assert len(messages) == 1 and "its owner is gone (process" in messages[0] and not path.exists()


def test_an_owner_elsewhere_is_refused_with_its_last_sign_of_life(tmp_path):
    write_owner(tmp_path / "run.lock", heartbeat=time.time() - 100, **ELSEWHERE)
    wanted = r"on node7 .*last sign of life 10\d s ago.*run\.lock ends 5 minutes after its last sign"
    with pytest.raises(UserError, match=wanted), locked(tmp_path / "run.lock", "--workdir=x"):
        pass


def test_a_heartbeat_in_whole_seconds_is_one_and_the_refusal_stays_one_line(tmp_path):
    write_owner(tmp_path / "run.lock", heartbeat=int(time.time()), command="python -c 'a\nb'", **ELSEWHERE)
    with (
        pytest.raises(UserError, match=r"on node7 since \S+ \(python -c 'a b'\)"),
        locked(tmp_path / "run.lock", "--x"),
    ):
        pass


def test_a_process_whose_start_nobody_knew_and_that_does_not_run_is_gone(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    write_owner(tmp_path / "run.lock", pid=ended.pid, started="")
    with locked(tmp_path / "run.lock", "--workdir=x", lambda message: None):
        pass


def test_a_folder_in_place_of_the_lock_file_is_one_line(tmp_path):
    (tmp_path / "run.lock").mkdir()
    with pytest.raises(UserError, match=r"run\.lock is a folder.*move it away"), locked(tmp_path / "run.lock", "--x"):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', "\xff", "null", "[" * 100_000])
def test_a_lock_file_that_no_run_wrote_is_replaced(tmp_path, content):
    path, messages = tmp_path / "run.lock", []
    path.write_bytes(content.encode("latin-1"))
    with locked(path, "--workdir=x", messages.append):
        pass
    assert "an unreadable lock file" in messages[0]


@pytest.mark.parametrize("wrong", [{"pid": "many"}, {"heartbeat": float("inf")}, {"heartbeat": None}])
def test_a_lock_file_with_a_wrong_value_is_replaced(tmp_path, wrong):
    write_owner(tmp_path / "run.lock", **(ELSEWHERE | wrong))
    with locked(tmp_path / "run.lock", "--workdir=x", lambda message: None):
        pass


def test_the_heartbeat_is_renewed_and_never_over_another_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT", 0.01)
    path = tmp_path / "run.lock"
    with locked(path, "--workdir=x") as held:
        first = json.loads(path.read_text())["heartbeat"]
        while json.loads(path.read_text())["heartbeat"] == first:
            time.sleep(0.01)
        with lock._exclusive(tmp_path):  # as another run does that takes the folder over
            write_owner(path, token="another", **ELSEWHERE)
        with pytest.raises(UserError, match="on node7 took this folder over"):
            held.check()
    assert json.loads(path.read_text())["token"] == "another"


def test_where_nothing_excludes_the_other_the_later_writer_wins(tmp_path, monkeypatch):
    """As in an object store: both found no lock and wrote one; both look again after a while."""
    path = tmp_path / "run.lock"
    monkeypatch.setattr(lock, "is_remote", lambda path: True)
    monkeypatch.setattr(time, "sleep", lambda seconds: write_owner(path, token="another", pid=1, **ELSEWHERE))
    with pytest.raises(UserError, match="in use by process 1 on node7"), locked(path, "--workdir=x"):
        pass
    assert json.loads(path.read_text())["token"] == "another"
    path.unlink()
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    with locked(path, "--workdir=x") as held:
        assert json.loads(path.read_text())["token"] == held.token
    assert not path.exists()


def test_without_proc_the_start_comes_from_ps_and_without_ps_the_process_must_do(tmp_path, monkeypatch):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(lock, "PROC", tmp_path)
    if lock.shutil.which("ps"):
        assert process_start(os.getpid()) == process_start(os.getpid()) != process_start(1)
        assert process_start(ended.pid) == ""
    monkeypatch.setattr(lock.shutil, "which", lambda name: None)
    assert process_start(os.getpid()) == "unknown"
    assert process_start(ended.pid) == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
def test_a_process_that_ended_but_was_not_waited_for_counts_as_gone():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    while Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert process_start(ended.pid) == ""
    ended.wait()


@pytest.mark.ci
@pytest.mark.parametrize("before", ["nothing", "a stale lock"])
def test_of_processes_that_start_at_the_same_instant_exactly_one_wins(tmp_path, before):
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        if before == "a stale lock":
            write_owner(folder / "run.lock", started="1")
        begin = time.time() + 1.5
        processes = [holder(folder, begin, 3.0) for _ in range(4)]
        results = [process.communicate(timeout=60)[0].splitlines()[-1] for process in processes]
        assert sorted(line.split(":")[0] for line in results) == ["held", "refused", "refused", "refused"]
        winner = processes[results.index("held")]
        assert all(f"in use by process {winner.pid} on" in line for line in results if line != "held")
        assert not (folder / "run.lock").exists()


@pytest.mark.ci
@pytest.mark.parametrize(("how", "left"), [(signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, False)])
def test_a_killed_owner_is_replaced_at_once_and_one_that_was_told_to_end_leaves_no_lock(tmp_path, how, left):
    with holder(tmp_path) as process:
        assert process.stdout.readline() == "held\n"
        process.send_signal(how)  # for SIGKILL it stays a zombie until it is waited for
        while process_start(process.pid):
            time.sleep(0.01)
        assert (tmp_path / "run.lock").exists() == left
        messages = []
        with locked(tmp_path / "run.lock", "--workdir=x", messages.append):
            pass
        assert len(messages) == left
