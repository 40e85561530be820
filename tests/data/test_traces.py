from __future__ import annotations

import json

import pytest

from alignment.data.traces import attach_traces
from alignment.errors import UserError
from alignment.record import Record

RECORDS = [Record(name, "s", f"Question {name}?", {"A": "Gout.", "B": "Angina"}, "A") for name in ("q1", "q2", "q3")]


def attach(tmp_path, *rows):
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return attach_traces(RECORDS, str(path))


def trace(name="q1", cot="because", **fields):
    return {"id": name, "cot": cot, **fields}


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"pred": "A"},
        {"pred": " (a). "},
        {"pred": "gout"},
        {"correct": True},
        {"correct": "true"},
        {"correct": 1},
        {"gold": "A", "pred": "A", "correct": True},
        {"pred": None, "correct": True},
    ],
)
def test_a_trace_that_ends_in_the_gold_answer_is_kept(tmp_path, stated):
    explained, _ = attach(tmp_path, trace(**stated))
    assert [(record.id, record.cot) for record in explained] == [("q1", "because")]


@pytest.mark.parametrize(
    "stated, fate",
    [
        ({"pred": "B"}, "with a wrong final answer"),
        ({"pred": ""}, "with a wrong final answer"),
        ({"correct": False}, "with a wrong final answer"),
        ({"pred": "A", "correct": False}, "with a wrong final answer"),
        ({"pred": "N", "correct": True}, "with a wrong final answer"),
        ({"gold": "B", "pred": "A"}, "made for another gold letter"),
        ({"cot": " "}, "empty"),
        ({"id": "q9"}, "for questions not in this part"),
    ],
)
def test_any_other_trace_is_left_out_and_counted(tmp_path, stated, fate):
    explained, note = attach(tmp_path, trace("q2", pred="A"), trace() | stated)
    assert [record.id for record in explained] == ["q2"]
    assert note.endswith(f"left out: 1 {fate}")


def test_the_first_correct_trace_of_several_is_taken_and_the_note_says_so(tmp_path):
    rows = [trace(cot="one", pred="B"), trace(cot="two", pred="A"), trace(cot="three", pred="A"), trace("q3", pred="A")]
    explained, note = attach(tmp_path, *rows)
    assert [(record.id, record.cot) for record in explained] == [("q1", "two"), ("q3", "because")]
    assert note == (
        "chains of thought from traces.jsonl: 2 of 3 records explained, by the first correct trace of each; left out: "
        "1 further traces of a question already explained; 1 with a wrong final answer"
    )


def test_a_trace_that_states_no_answer_is_kept_and_said_to_be_unchecked(tmp_path):
    explained, note = attach(tmp_path, trace(), trace("q2", pred="A"))
    assert len(explained) == 2 and "(1 of them state no answer and were not checked)" in note and note.endswith("none")


def test_ids_are_compared_as_text(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": 7, "cot": "c"}\n')
    assert (
        attach_traces([Record("7", "s", "Q?", {"A": "x", "B": "y"}, "A")], str(tmp_path / "t.jsonl"))[0][0].cot == "c"
    )


def test_a_file_without_a_usable_trace_shows_both_kinds_of_id(tmp_path):
    with pytest.raises(UserError) as caught:
        attach(tmp_path, trace("other-1"), trace("q1", pred="B"))
    message = str(caught.value)
    assert "no trace can be used (1 for questions not in this part; 1 with a wrong final answer)" in message
    assert "'other-1'" in message and "'q1'" in message


@pytest.mark.parametrize("row, words", [({"cot": "x"}, "'id' is missing"), ({"id": "q1"}, "'cot' is missing")])
def test_a_row_without_id_or_cot_is_left_out_and_named(tmp_path, row, words):
    explained, note = attach(tmp_path, trace(), row)
    assert [record.id for record in explained] == ["q1"]
    assert "1 of 2 rows left out" in note and f"traces.jsonl, line 2: field {words}" in note
    with pytest.raises(UserError, match=rf"line 2: field {words}.* \(2 of 3 cannot be used, 1 are let pass"):
        attach(tmp_path, trace(), row, row)


def test_a_line_that_is_cut_is_left_out_and_named(tmp_path):
    path = tmp_path / "traces.jsonl"
    path.write_text(json.dumps(trace()) + "\n" + '{"id": "q2", "co')
    explained, note = attach_traces(RECORDS, str(path))
    assert [record.id for record in explained] == ["q1"] and "traces.jsonl, line 2" in note
