from __future__ import annotations

import json

import pytest

from alignment.errors import UserError
from alignment.record import Record
from alignment.reward_model.judgements import hold_out, read_feedback

KNOWN = [Record(f"q{n}", "test", f"Question number {n}?", {"A": "yes", "B": "no"}, "A") for n in range(10)]
PAIR = {"id": "q0", "responses": ["one", "two"], "preferred": "first"}
THUMB = {"prompt": "What is it?", "response": "one", "thumb": "up", "theme": "clear"}


def write(folder, *rows):
    path = folder / "log.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_both_forms_are_read(tmp_path):
    rows = (PAIR, PAIR | {"preferred": "second"}, PAIR | {"preferred": "tie"}, THUMB, THUMB | {"thumb": "down"})
    judgements, left_out = read_feedback(write(tmp_path, *rows), KNOWN)
    assert [judgement.verdict for judgement in judgements] == [1.0, 0.0, 0.5, 1.0, 0.0] and left_out == 0
    assert [judgement.is_pair for judgement in judgements] == [True, True, True, False, False]
    assert [judgement.is_tie for judgement in judgements] == [False, False, True, False, False]
    assert judgements[0].record is KNOWN[0] and judgements[0].responses == ("one", "two")
    assert judgements[3].record.question == "What is it?" and judgements[3].theme == "clear"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{", "not valid JSON"),
        ({"id": "q0"}, "give either responses"),
        (PAIR | {"response": "one"}, "give either responses"),
        (PAIR | {"responses": ["one"]}, "has 1 text"),
        (PAIR | {"responses": ["one", "one"]}, "both are the same"),
        (PAIR | {"responses": ["one", " "]}, "a response is empty"),
        (PAIR | {"responses": "one"}, "not a list of text"),
        (PAIR | {"preferred": "1"}, "'preferred' is '1'; write first, second, tie"),
        (PAIR | {"preferred": True}, "field 'preferred' is bool"),
        ({**PAIR, "preferred": None}, "field 'preferred' is missing"),
        (THUMB | {"thumb": "sideways"}, "write up, down"),
        (PAIR | {"id": "q99"}, "id 'q99' is no question of --config.data.rl"),
        (PAIR | {"prompt": "What?"}, "one of the two"),
        ({name: PAIR[name] for name in ("responses", "preferred")}, "one of the two"),
        (THUMB | {"response": "half \ud800"}, "surrogate"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, words):
    with pytest.raises(UserError) as caught:
        read_feedback(f"{write(tmp_path, PAIR, row)}?refuse=0", KNOWN)
    assert "log.jsonl, line 2" in str(caught.value) and words in str(caught.value)


def test_one_bad_row_is_left_out_and_more_than_the_share_are_an_error(tmp_path, capsys):
    bad = THUMB | {"thumb": "sideways"}
    judgements, _ = read_feedback(write(tmp_path, PAIR, bad, THUMB), KNOWN)
    assert len(judgements) == 2
    printed = capsys.readouterr()
    assert "1 of 3 judgements left out" in printed.out + printed.err and "line 2" in printed.out + printed.err
    with pytest.raises(UserError, match=r"line 2: .*2 of 4 cannot be used.*\?refuse=SHARE"):
        read_feedback(write(tmp_path, PAIR, bad, bad, THUMB), KNOWN)


def test_evaluation_questions_are_left_out_by_id_and_by_words(tmp_path):
    rows = (PAIR, PAIR | {"id": "q1"}, THUMB | {"prompt": "question NUMBER 1"})
    judgements, left_out = read_feedback(write(tmp_path, *rows), KNOWN[:1], KNOWN[1:])
    assert [judgement.record.id for judgement in judgements] == ["q0"] and left_out == 2
    with pytest.raises(UserError, match="all 1 judgements are on evaluation questions"):
        read_feedback(write(tmp_path, PAIR), [], KNOWN)


def test_held_out_questions_are_held_out_whole(tmp_path):
    rows = [PAIR | {"id": record.id} for record in KNOWN] * 2
    judgements, _ = read_feedback(write(tmp_path, *rows), KNOWN)
    fitted, tested = hold_out(judgements, 0.3, seed=0)
    assert len(tested) == 6 and len(fitted) == 14
    assert not {judgement.record.id for judgement in fitted} & {judgement.record.id for judgement in tested}
    assert hold_out(judgements, 0.3, seed=0) == (fitted, tested) != hold_out(judgements, 0.3, seed=1)
    assert hold_out(judgements, 0.0, seed=0) == (judgements, [])
