from __future__ import annotations

import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.traces.journal import Answer, Key, open_journal


def answer(number: int = 0, **fields) -> Answer:
    text = f"<think>\n{number} mmHg — “ok” \u2028 é\n</think>"
    return Answer(
        **{"id": f"q{number}", "attempt": 0, "teacher": "t", "prompt": "p", "text": text, "finish": "stop"} | fields
    )


def write(path, count: int) -> list[Answer]:
    answers = [answer(number, cost=0.5) for number in range(count)]
    with open_journal(path) as journal:
        for item in answers:
            journal.append(item)
    return answers


def read(path) -> list[Answer]:
    with open_journal(path) as journal:
        return list(journal.answers.values())


def test_what_was_appended_is_there_in_order_with_what_it_cost(tmp_path):
    path = tmp_path / "new folder" / "j.jsonl"
    answers = write(path, 3)
    with open_journal(path) as journal:
        assert list(journal.answers.values()) == answers and journal.spent == 1.5
        assert journal.answers[Key("q1", 0, "t", "p")] == answers[1]


def test_a_line_is_on_disk_when_append_returns(tmp_path):
    path = tmp_path / "j.jsonl"
    with open_journal(path) as journal:
        for number in range(3):
            journal.append(answer(number))
            assert len(path.read_bytes().splitlines()) == number + 1 and path.read_bytes().endswith(b"\n")


def test_every_append_is_forced_to_the_disk(tmp_path, monkeypatch):
    forced = []
    monkeypatch.setattr(os, "fsync", lambda file: forced.append(os.fstat(file).st_size))
    write(tmp_path / "j.jsonl", 2)
    assert len(forced) == 2 and forced[1] == (tmp_path / "j.jsonl").stat().st_size


@given(st.data())
def test_a_journal_cut_anywhere_keeps_every_whole_line_and_goes_on(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("j") / "j.jsonl"
    answers = write(path, 3)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    whole_answers = answers[: whole[:cut].count(b"\n")]
    with open_journal(path) as journal:
        assert list(journal.answers.values()) == whole_answers
        journal.append(answer(9))
    assert read(path) == [*whole_answers, answer(9)]


@pytest.mark.parametrize(
    "tail", [b"\0" * 40, b"\0" * 40 + b"\n", b'{"id": "q1"}\n', b"[1]\n", b'{"id": 1,', b"\xff\xfe\n"]
)
def test_a_last_line_that_is_no_answer_is_cut_off(tmp_path, tail):
    path = tmp_path / "j.jsonl"
    answers = write(path, 2)
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    assert read(path) == answers and path.read_bytes() == whole


def test_a_broken_line_in_the_middle_is_named_and_nothing_is_cut(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"oops\n" + lines[2])
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"j\.jsonl, line 2: no answer of this journal"):
        read(path)
    assert path.read_bytes() == before


def test_two_processes_do_not_share_a_journal(tmp_path):
    path = tmp_path / "j.jsonl"
    with open_journal(path), pytest.raises(UserError, match="another process"), open_journal(path):
        pass
    assert read(path) == []


def test_a_full_disk_leaves_whole_lines_and_names_the_file(tmp_path, monkeypatch):
    path = tmp_path / "j.jsonl"
    answers = write(path, 1)
    real = os.write

    def half(file, line):
        if len(line) < 60:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, line[: len(line) // 2])

    with open_journal(path) as journal:
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(OSError) as caught:
            journal.append(answer(1))
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["q0"] and read(path) == answers


def test_a_place_that_cannot_hold_a_journal_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"j\.jsonl: cannot be written .*--config\.traces\.journal"):
        read(tmp_path / "file" / "j.jsonl")


def test_a_line_whose_text_has_changed_is_refused_by_its_number(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path, 3)
    path.write_bytes(path.read_bytes().replace(b"1 mmHg", b"7 mmHg"))
    with pytest.raises(UserError, match=r"j\.jsonl, line 2: no answer of this journal, or damaged; mend or remove it"):
        read(path)


def test_a_line_of_before_lines_had_hashes_is_read(tmp_path):
    path = tmp_path / "j.jsonl"
    answers = write(path, 2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "sha256"}) + "\n" for line in lines))
    assert read(path) == answers
