"""Progress on a terminal, in a log, and with --quiet."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from alignment.common import progress

ROOT = Path(__file__).parents[2]

DOOR = """
import sys, time
from alignment import cli
from alignment.common.progress import each, progress, say, warn
from ml_collections import ConfigDict
def run(args):
    with progress(40, "[1/2] sft", "step", initial=20) as shown:
        for step in range(20, 40):
            time.sleep(0.02)
            shown.update(headline={"nll": f"{step / 100:.2f}"})
    say("a notice")
    warn("a warning")
    print(sum(each(range(5), "records", "record")))
sys.exit(cli.main(run, description="d", defaults=ConfigDict, needs_workdir=False))
"""
LINE = re.compile(r"\[1/2\] sft: step (\d+)/40, [\d.]+ (step/s|s/step), \d\d:\d\d (left|in all); nll 0\.\d\d")


def run(*flags, seconds="0.1"):
    env = {**os.environ, "PYTHONPATH": str(ROOT), progress.SECONDS_VARIABLE: seconds}
    return subprocess.run([sys.executable, "-c", DOOR, *flags], capture_output=True, text=True, env=env)


@pytest.mark.ci
def test_a_pipe_gets_plain_lines_with_rate_time_left_and_metrics():
    done = run()
    lines = done.stderr.splitlines()
    shown = [LINE.fullmatch(line) for line in lines if line.startswith("[1/2]")]
    assert len(shown) >= 2 and all(shown), done.stderr
    steps = [int(match[1]) for match in shown]
    assert steps == sorted(steps) and steps[0] > 20 and steps[-1] == 40  # what was done before does not count as done
    assert [match[3] for match in shown] == ["left"] * (len(shown) - 1) + ["in all"]
    assert "\r" not in done.stderr and lines[-1].startswith("records: record 5/5")
    assert done.stdout == "a notice\na warning\n10\n"


@pytest.mark.ci
def test_a_loop_shorter_than_the_interval_is_one_line():
    assert [line.split(",")[0] for line in run(seconds="30").stderr.splitlines()] == [
        "[1/2] sft: step 40/40",
        "records: record 5/5",
    ]


@pytest.mark.ci
def test_quiet_leaves_results_and_warnings():
    done = run("--quiet")
    assert (done.stdout, done.stderr, done.returncode) == ("a warning\n10\n", "", 0)


def on_a_terminal(*flags):
    """Everything the door writes to a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    process = subprocess.Popen([sys.executable, "-c", DOOR, *flags], stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    chunks = []

    def read():
        try:
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
        except OSError:  # how Linux says that the other end of a terminal is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait() == 0
    reader.join()
    os.close(ours)
    return b"".join(chunks).decode()


@pytest.mark.ci
def test_a_terminal_gets_a_bar_with_the_time_left():
    shown = on_a_terminal()
    assert "\r[1/2] sft: " in shown and "40/40" in shown and "nll 0." in shown and "<" in shown
    assert "a notice" in shown and "a warning" in shown


@pytest.mark.ci
def test_a_quiet_terminal_gets_no_bar():
    assert on_a_terminal("--quiet").replace("\r\n", "\n") == "a warning\n10\n"


def test_time_left_and_rate_count_what_this_run_did(monkeypatch, capsys):
    clock = iter([0.0, *[60.0] * 10])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    shown = progress.Progress(100, "train", "step", initial=40)
    shown.update(30)  # 30 steps in a minute, 30 left
    assert capsys.readouterr().err == "train: step 70/100, 2 s/step, 01:00 left\n"


def test_no_loop_shows_progress_by_another_way():
    using = [path for path in (ROOT / "alignment").rglob("*.py") if "from tqdm" in path.read_text(encoding="utf-8")]
    assert [path.name for path in using] == ["progress.py"]
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "alignment").rglob("*.py")}
    loud = {"snapshot_download(", "datasets.load_dataset(folder", "numbers.map"}  # calls that show bars of their own
    quietened = {name for name, text in sources.items() if "disable_progress_bars" in text}
    assert {name for name, text in sources.items() if any(call in text for call in loud)} == quietened
