"""Explicit statements of the final answer, by example, on published answers, and in time."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from growth import grows_linearly
from hypothesis import given
from hypothesis import strategies as st

from alignment.text.parser import parse
from alignment.text.stated import find_stated
from alignment.text.templates import TEMPLATES

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
TRACES = "medmcqa_dev_halfA/medmcqa_dev_halfA_llm_cot.jsonl"


def stated(text: str) -> str | None:
    found = find_stated(text, "ABCD")
    assert found is None or text[found.start :].startswith(found.letter)
    return found.letter if found else None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is B", "B"),
        ("Therefore, the correct answer is (C).", "C"),
        ("the answer is therefore option D: sepsis.", "D"),
        ("Answer: **A**", "A"),
        ("The answer to the question is B.", "B"),
        ("Thus the most appropriate choice would be C. Fibrin", "C"),
        ("the final answer is \\boxed{D}", "D"),
        ("Option B is the correct answer.", "B"),
        ("(C) is therefore the most likely answer", "C"),
        ("The answer is A because the vein runs there.", "A"),
        ("The answer is B. No, the answer is C.", "C"),  # the last statement counts
        ("Is the answer B? No. The answer is D.", "D"),
        ("The answer is A. Impulse conduction is slower.", "A"),
    ],
)
def test_statements(text, letter):
    assert stated(text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The answer is not B.",
        "B is not the correct answer.",
        "The answer is either B or C.",
        "The answer is B or C.",
        "The answer is B, C",
        "The answer is B. Propylene or D. Sulphone.",
        "The answer is A rare disease of the heart.",  # an article
        "The answer is E.",  # no option of this question
        "Option B is correct.",  # of a statement, in questions of the kind "all of these are true EXCEPT"
        "Option B: this is wrong.",
        "Let us find the correct answer, option by option:\n\nA. The first",
        "determine which one is most likely the correct answer:\n\nA. The first",
        "Fibrin is the best choice, which is what B says.",
        "The answer is Fibrin.",  # never a guess from an option's words
        "vitamin C is the answer to scurvy, group B is the best option",
        "Vitamin C is the or answer",
    ],
)
def test_anything_else_is_unparsed(text):
    if text.startswith("vitamin"):  # "vitamin C is the answer" cannot be told from a statement
        assert stated(text) == "C"
    else:
        assert stated(text) is None


@given(st.lists(st.sampled_from(["answer", "option", "is", "the", "best", "not", "or", "B", "A", ":", ".", "\n", "C"])))
def test_what_is_stated_is_an_option_that_stands_there(words):
    stated(" ".join(words))


def test_text_whose_lower_case_is_longer():
    assert stated("İİİ the answer is B.") == "B"


@pytest.mark.parametrize(
    "unit", ["answer ", "the answer is ", "answer is A, B ", "A is the best ", "((", "answer is A or "]
)
def test_reading_is_linear_in_the_text(unit):
    assert grows_linearly(lambda size: find_stated(unit * (size // len(unit)), "ABCD"))


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_published_answers():
    """An answer that says which option it means was scored by that option; elsewhere there is no verdict."""
    rows = [json.loads(line) for line in (Path(FOLDER) / TRACES).read_text().splitlines()]
    responses = [parse(row["cot"], "ABCD", TEMPLATES["think_answer"]) for row in rows]
    pairs = [(response.verdict, row["pred"]) for response, row in zip(responses, rows, strict=True) if response.verdict]
    coverage, agreement = len(pairs) / len(rows), sum(said == scored for said, scored in pairs) / len(pairs)
    print(f"stated in {coverage:.1%} of {len(rows)} answers; agreement {agreement:.2%}")
    assert coverage == pytest.approx(0.24, abs=0.01)
    assert agreement >= 0.99
