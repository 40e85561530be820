"""Killed with -9 again and again: nothing that was answered is asked twice, and no answer is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from loopback import KEY, VARIABLE, Loopback, completion, flags, good, traces_config

ROOT = Path(__file__).resolve().parents[2]
CONCURRENCY = 4
QUESTIONS = 48


def start(config) -> subprocess.Popen:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | {VARIABLE: KEY, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "alignment.build_data", *flags(config)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)


def answered(path: Path) -> dict[tuple[str, int], str]:
    """What the journal holds: (id, try) -> text; a torn last line is none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {(row["id"], row["attempt"]): row["text"] for row in map(json.loads, lines)}


@pytest.mark.ci
def test_killed_runs_go_on_where_they_were(tmp_path):
    def behave(record, nth):  # every third question is answered wrongly for ever, and has three tries
        number = int(record.id[5:])
        act = completion(good(record, record.letters[(record.letters.index(record.gold) + (number % 3 == 0)) % 3]))
        act.delay = 0.02 + 0.01 * (number % 4)
        return act

    journal = tmp_path / "set.journal.jsonl"
    with Loopback(behave) as server:
        config = traces_config(tmp_path, server.url, QUESTIONS)
        config.traces.endpoint.concurrency = CONCURRENCY
        known: dict[tuple[str, int], str] = {}
        for kill in range(3):
            process, before = start(config), len(server.requests)
            while len(server.requests) < before + 14 + kill:
                assert process.poll() is None, process.stderr.read().decode()[-2000:]
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stderr.close()
            answers = answered(journal)
            assert known.items() <= answers.items() and len(answers) > len(known)  # nothing lost, something new
            # What was not finished at the kill is what was in flight.
            assert len(server.requests) - len(answers) <= CONCURRENCY * (kill + 1)
            assert not (tmp_path / "set").exists()
            known = answers
            with journal.open("ab") as file:
                file.write(b'{"id": "tiny-1", "att')  # a line torn by the kill
        finished_questions = {int(key[0][5:]) for key, text in known.items() if int(key[0][5:]) % 3}
        asked_before = len(server.requests)
        process = start(config)
        error = process.stderr.read().decode()
        assert process.wait() == 0, error[-2000:]
        process.stderr.close()
        later = [request.index for request in server.requests[asked_before:]]

    assert finished_questions and not finished_questions & set(later)  # nothing finished is asked again
    answers = answered(journal)
    assert known.items() <= answers.items()
    # Every try was asked for once, but for those in flight at one of the three kills.
    expected = {(f"tiny-{n}", attempt) for n in range(QUESTIONS) for attempt in range(1 if n % 3 else 3)}
    assert set(answers) == expected and len(expected) <= len(server.requests) <= len(expected) + 3 * CONCURRENCY
    assert len(later) == len(expected) - len(known)
    traces = [json.loads(line) for line in (tmp_path / "set" / "traces.jsonl").read_text().splitlines()]
    assert {trace["id"] for trace in traces} == {f"tiny-{n}" for n in range(QUESTIONS) if n % 3}


@pytest.mark.ci
@pytest.mark.parametrize("signum, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_in_one_line_and_the_same_command_goes_on(tmp_path, signum, status):
    def behave(record, nth):
        act = completion(good(record))
        act.delay = 0.1
        return act

    with Loopback(behave) as server:
        config = traces_config(tmp_path, server.url, QUESTIONS)
        process = start(config)
        while len(server.requests) < 14:
            assert process.poll() is None, process.stderr.read().decode()[-2000:]
            time.sleep(0.001)
        process.send_signal(signum)
        error = process.communicate(timeout=60)[1].decode()
        assert process.returncode == status and "Traceback" not in error, error
        assert error.splitlines()[-1].startswith("interrupted; to resume, run: ")
        known, asked_before = answered(tmp_path / "set.journal.jsonl"), len(server.requests)
        process = start(config)
        error = process.communicate(timeout=60)[1].decode()
        assert process.returncode == 0, error
        assert known and len(server.requests) - asked_before == QUESTIONS - len(known)


def test_a_finished_build_asks_nothing_and_a_changed_filter_judges_anew(tmp_path, monkeypatch):
    from alignment.build_data import main

    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Loopback(lambda record, nth: completion(good(record))) as server:
        config = traces_config(tmp_path, server.url)
        assert main(flags(config)) == 0 and len(server.requests) == 6
        first = (tmp_path / "set" / "manifest.json").read_text()
        assert main(flags(config)) == 0 and len(server.requests) == 6
        rows = [
            json.loads(text)["splits"]["train"]["rows_sha256"]
            for text in (first, (tmp_path / "set" / "manifest.json").read_text())
        ]
        assert rows[0] == rows[1]
        config.traces.update(tries=1)
        config.traces.filters.min_words = 1000
        config.traces.filters.max_words = 2000
        assert (
            main(flags(config)) == 2 and len(server.requests) == 6
        )  # all too short now, and none is asked about again
        config.traces.filters.update(min_words=20, max_words=600)
        config.traces.temperature = 0.9  # other answers: another prompt hash
        assert main(flags(config)) == 0 and len(server.requests) == 12
