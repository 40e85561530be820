from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.data import contamination
from alignment.data.contamination import COMMON, find_overlaps, prepare, tally
from alignment.data.ids import normalised_question
from alignment.data.vignettes import generate
from alignment.record import Record

LETTERS = "abcdefghij"


def text(seed, words=60, length=5):
    rng = random.Random(seed)
    return " ".join("".join(rng.choices(LETTERS, k=length)) for _ in range(words))


def record(name, question, **fields):
    return Record(name, "made", **{"question": question, "options": {"A": "x", "B": "y"}, "gold": "A"} | fields)


TESTS = [record(f"t{n}", text(n)) for n in range(40)]
TRAIN = [record(f"r{n}", text(1000 + n)) for n in range(200)]


def piece(number, start, count):
    return " ".join(TESTS[number].question.split()[start : start + count])


def test_what_is_planted_is_found_and_nothing_else():
    planted = [
        record("whole", TESTS[3].question.upper() + "?"),
        record("words", f"{text(2001)} {piece(5, 40, 13)} {text(2002)}"),
        record("thought", text(2003), cot=f"I recall {piece(6, 0, 20)}."),
        record("response", text(2004), response=f"{piece(7, 10, 30)}"),
        record("context", text(2005), context=(text(2006), piece(8, 20, 25))),
        record("too little", f"{text(2007)} {piece(9, 0, 10)} {text(2008)}"),  # 59 characters
    ]
    overlaps = find_overlaps([*TRAIN, *planted], prepare({"exam": TESTS}))
    named = {(TRAIN + planted)[index].id: overlap for index, overlap in overlaps.items()}
    assert {name: overlap.record for name, overlap in named.items()} == {
        "whole": "t3", "words": "t5", "thought": "t6", "response": "t7", "context": "t8"
    }  # fmt: skip
    assert named["whole"].kinds == ("question", "words", "characters") and named["whole"].share == 1.0
    assert named["words"].test == "exam" and named["words"].text in piece(5, 40, 13)
    assert tally(overlaps.values()) == {"question": 1, "words": 5, "characters": 5}


def test_the_two_overlaps_are_apart():
    long_words = record("t", text(1, 12, 30))  # twelve words, 371 characters
    short_words = record("t", text(2, 20, 2))  # twenty words, 59 characters
    for test, kinds in ((long_words, ("characters",)), (short_words, ("words",))):
        (overlap,) = find_overlaps([record("r", f"so {test.question} or")], prepare({"exam": [test]})).values()
        assert overlap.kinds == kinds


def by_hand(train, test, words, characters):
    """Second implementation: every run of one looked for in the other."""
    left, right = normalised_question(train), normalised_question(test)
    runs = [left.split()[i : i + words] for i in range(len(left.split()) - words + 1)]
    has_words = any(f" {' '.join(run)} " in f" {right} " for run in runs)
    has_characters = any(left[i : i + characters] in right for i in range(len(left) - characters + 1))
    return ("question",) * (left == right) + ("words",) * has_words + ("characters",) * has_characters


PHRASES = st.lists(st.sampled_from(["a", "bb", "c", "fever", "38"]), min_size=1, max_size=9).map(" ".join)


@settings(max_examples=150)
@given(PHRASES, PHRASES, st.integers(1, 4), st.integers(1, 9))
def test_every_shared_run_is_found_and_no_other(left, right, words, characters):
    train, test = record("r", left), record("t", right)
    overlaps = find_overlaps([train], prepare({"exam": [test]}, words, characters))
    wanted = by_hand(train, test, words, characters)
    assert (overlaps[0].kinds if overlaps else ()) == wanted


def test_runs_do_not_cross_from_field_to_field():
    left, right = piece(1, 0, 8), piece(1, 8, 8)
    assert not find_overlaps([record("r", left, cot=right)], prepare({"exam": TESTS}))
    assert find_overlaps([record("r", f"{left} {right}")], prepare({"exam": TESTS}))


def test_the_share_of_the_question_decides_where_some_is_allowed():
    quoting = record("r", f"{text(1)[:9]} {piece(4, 0, 30)}")  # half of sixty words
    tested = prepare({"exam": TESTS})
    (overlap,) = find_overlaps([quoting], tested, 0.4).values()
    assert overlap.share == pytest.approx(0.5, abs=0.01)
    assert not find_overlaps([quoting], tested, 0.51)
    assert find_overlaps([record("r", TESTS[4].question)], tested, 1.0)[0].kinds == ("question",)


def test_a_phrase_of_many_questions_tells_nothing():
    phrase = text(77, 20)
    few = [record(f"t{n}", f"{text(300 + n)} {phrase}") for n in range(COMMON)]
    many = [*few, record("one more", f"{text(400)} {phrase}")]
    train = [record("r", f"{phrase} {text(500)}")]
    assert find_overlaps(train, prepare({"exam": few})) and not find_overlaps(train, prepare({"exam": many}))


def test_every_set_is_compared_and_named():
    tested = prepare({"one": TESTS[:20], "two": TESTS[20:]})
    overlaps = find_overlaps([record("r", piece(2, 0, 40)), record("s", piece(30, 0, 40))], tested)
    assert [(overlap.test, overlap.record) for overlap in overlaps.values()] == [("one", "t2"), ("two", "t30")]


def test_vignettes_are_compared_with_others_by_the_whole_question_alone():
    train, test = generate(300, 0, "train"), generate(300, 0, "eval")
    again = dataclasses.replace(test[5], id="again")
    quoting = record("r", test[9].question + " Or not?")
    tested = prepare({"vignettes": test, "exam": TESTS})
    leaking = dataclasses.replace(train[0], id="leaking", cot=TESTS[0].question)
    overlaps = find_overlaps([*train, again, quoting, leaking], tested)
    assert overlaps.keys() == {300, 301, 302}
    assert overlaps[300].kinds == ("question",) and overlaps[301].record == test[9].id and overlaps[302].test == "exam"


def test_chunks_do_not_change_what_is_found(monkeypatch):
    train = [*TRAIN[:20], record("r", TESTS[0].question), *TRAIN[20:30], record("s", piece(1, 0, 13))]
    tested = prepare({"exam": TESTS})
    whole = find_overlaps(train, tested)
    monkeypatch.setattr(contamination, "CHUNK", 7)
    assert find_overlaps(train, tested) == whole and whole.keys() == {20, 31}
