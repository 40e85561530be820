from __future__ import annotations

import dataclasses
import math

import pytest

from alignment.errors import UserError
from alignment.record import Record, validate

CHOICE = Record("1", "made", "Which?", {"A": "one", "B": "two"}, "B")
TEXT = Record("2", "made", "What?", answer="Aspirin.")
NUMBER = Record("3", "made", "How much?", answer="21.5", limits=(20.0, 23.0))
SHOWN = Record("4", "made", "Why?", cot="Because.", response="So.")


@pytest.mark.parametrize("record", [CHOICE, TEXT, NUMBER, SHOWN, dataclasses.replace(NUMBER, answer="01/21/2017")])
def test_every_kind_of_gold_may_enter(record):
    assert validate(record, "here") is record


def test_the_gold_text_is_that_of_the_option_or_the_answer():
    assert (CHOICE.gold_text, TEXT.gold_text, NUMBER.gold_text, SHOWN.gold_text) == ("two", "Aspirin.", "21.5", "")
    assert CHOICE.letters == ("A", "B") and TEXT.letters == ()


def test_options_are_told_apart_by_case_as_genotypes_are():
    validate(dataclasses.replace(CHOICE, options={"A": "Aa", "B": "AA", "C": "aa"}), "here")


@pytest.mark.parametrize(
    "record, change, words",
    [
        (CHOICE, {"question": "\n"}, "the question is empty"),
        (CHOICE, {"options": {}}, "0 option(s)"),
        (CHOICE, {"options": {"B": "two"}}, "1 option(s)"),
        (CHOICE, {"options": {"A": "one", "b": "two"}}, "option 'b': options are named by single capital letters"),
        (CHOICE, {"options": {"A": " ", "B": "two"}}, "option A is empty"),
        (CHOICE, {"options": {"A": "x", "B": "y", "C": "y"}}, "options B and C have equal text, 'y'"),
        (CHOICE, {"gold": ""}, "no gold answer; remove the row"),
        (CHOICE, {"gold": "C"}, "gold letter 'C' is outside the options (A, B)"),
        (TEXT, {"answer": " "}, "no gold answer: neither"),
        (NUMBER, {"limits": (math.nan, 23.0)}, "limits nan to 23.0 are not two finite numbers in order"),
        (NUMBER, {"limits": (0.0, math.inf)}, "not two finite numbers"),
        (NUMBER, {"limits": (23.0, 20.0)}, "not two finite numbers in order"),
        (NUMBER, {"answer": "24"}, "gold number 24 is outside its own limits, 20.0 to 23.0"),
        (TEXT, {"facts": ("half \udc80",)}, "half of a surrogate pair"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(record, change, words):
    with pytest.raises(UserError) as caught:
        validate(dataclasses.replace(record, **change), "a.jsonl, line 7")
    assert str(caught.value).startswith("a.jsonl, line 7: ") and words in str(caught.value)
