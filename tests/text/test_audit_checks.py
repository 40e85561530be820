"""Every audit check on hand-made responses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.record import Record
from alignment.text.audit_checks import CHECKS
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

THINK = TEMPLATES["think_answer"]
RECORD = Record(
    id="r",
    source="test",
    question="He has crushing chest pain and a troponin of 4.2. What is the diagnosis?",
    options={"A": "Myocardial infarction", "B": "Pericarditis", "C": "Pneumonia", "D": "Costochondritis"},
    gold="A",
    context=("A smoker wakes with cold sweats.",),
)
REASONING = (
    "The crushing chest pain suggests the heart. A troponin of 4.2 means necrosis. Cold sweats fit. "
    "Pericarditis (B) would ease on leaning forward. So option A is the answer: myocardial infarction."
)
GOOD = f"<think>{REASONING}</think><answer>\\boxed{{A}}</answer>"


def check(name: str, text: str, **options) -> float:
    return CHECKS[name].function(parse(text, RECORD.letters, THINK, **options), RECORD)


def test_a_good_response_on_every_check():
    values = {name: check(name, GOOD) for name in CHECKS}
    assert values == {
        "strict_format": 1.0,
        "tags_once": 1.0,
        "tag_order": 1.0,
        "nothing_outside": 1.0,
        "reasoning_length": 1.0,
        "answer_reasoning_agreement": 1.0,
        "grounding": pytest.approx(3 / 5),  # "chest pain"; 4.2; "cold sweats"
        "option_coverage": pytest.approx(1 / 3),  # B of B, C, D
        "distractor_rejection": 0.0,  # "would ease" is no word of rejection
    }


@pytest.mark.parametrize("text", ["", "The answer is A.", "<answer>\\boxed{A}</answer>"])
def test_without_reasoning_nothing_can_be_audited(text):
    for name in CHECKS:
        if name != "tags_once":
            assert check(name, text) == 0.0
    assert check("tags_once", text) == (0.5 if "<answer>" in text else 0.0)


@pytest.mark.parametrize(
    ("text", "strict", "once", "order", "outside"),
    [
        ("So <think>x</think><answer>A</answer>", 0, 1.0, 1, 0),
        ("<answer>A</answer><think>x</think>", 0, 1.0, 0, 0),
        ("<think>x</think><answer>A</answer></answer>", 0, 0.75, 0, 0),
        ("<think></think><answer>A</answer>", 0, 1.0, 1, 1),
        ("<think>x</think>\n<answer>A</answer>", 1, 1.0, 1, 1),
    ],
)
def test_format_checks(text, strict, once, order, outside):
    names = ("strict_format", "tags_once", "tag_order", "nothing_outside")
    assert tuple(check(name, text) for name in names) == (strict, once, order, outside)


def test_truncation_breaks_only_the_strict_format():
    assert check("strict_format", GOOD, truncated=True) == 0.0
    assert check("tag_order", GOOD, truncated=True) == 1.0
    assert check("nothing_outside", GOOD, truncated=True) == 1.0


@pytest.mark.parametrize(("count", "expected"), [(0, 0.0), (19, 0.0), (20, 1.0)])
def test_reasoning_length_counts_words(count, expected):
    assert check("reasoning_length", f"<think>{'word ' * count}</think>") == expected


@pytest.mark.parametrize(
    ("reasoning", "answer", "expected"),
    [
        ("Option A fits.", "\\boxed{A}", 1.0),
        ("Option A fits.", "\\boxed{B}", 0.0),
        ("Pneumonia, no: pericarditis.", "\\boxed{B}", 1.0),  # agreement is judged on wrong answers too
        ("The answer is B, not A.", "\\boxed{B}", 1.0),
        ("It hurts.", "\\boxed{A}", 0.0),
        ("Option A fits.", "unsure", 0.0),
    ],
)
def test_agreement(reasoning, answer, expected):
    assert check("answer_reasoning_agreement", f"<think>{reasoning}</think><answer>{answer}</answer>") == expected


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("Crushing chest trouble. Something else.", 0.5),
        ("Pain in the chest.", 0.0),  # words of the stem, but no two in a row
        ("The level is 4.2!", 1.0),
        ("The level is 42.", 0.0),
        ("Pericarditis, myocardial infarction.", 0.0),  # options are no part of the stem
        ("", 0.0),
    ],
)
def test_grounding(reasoning, expected):
    assert check("grounding", f"<think>{reasoning}</think>") == expected


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("Options B, C and D fail.", 1.0),
        ("Pneumonia and pneumonia again, and option C.", 1 / 3),
        ("Option A.", 0.0),  # gold is no distractor
    ],
)
def test_option_coverage(reasoning, expected):
    assert check("option_coverage", f"<think>{reasoning}</think>") == pytest.approx(expected)


def test_checks_say_what_a_report_needs():
    assert all(check.name == name and check.description for name, check in CHECKS.items())
    assert [name for name, check in CHECKS.items() if not check.binary] == [
        "tags_once",
        "grounding",
        "option_coverage",
        "distractor_rejection",
    ]
    assert set(CHECKS["strict_format"].rewarded_by) >= {"format", "soft_tags", "gated_accuracy"}
    assert CHECKS["reasoning_length"].rewarded_by == ()


@given(st.text(), st.text(), st.booleans())
def test_every_value_lies_in_the_unit_interval(reasoning, answer, truncated):
    text = f"<think>{reasoning}</think><answer>{answer}</answer>"
    for name, audit in CHECKS.items():
        value = check(name, text, truncated=truncated)
        assert value in (0.0, 1.0) if audit.binary else 0.0 <= value <= 1.0


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("Pericarditis (B) is unlikely. Pneumonia is wrong.", 2 / 3),
        ("Pericarditis (B) fits. It is not Pneumonia, nor Costochondritis.", 2 / 3),
        ("It is not a myocardial infarction.", 0.0),  # the right option
        ("Options B, C and D are excluded.", 1.0),
        ("Pericarditis is likely. Not so.", 0.0),  # another sentence
        ("", 0.0),
    ],
)
def test_distractor_rejection(reasoning, expected):
    text = f"<think>{reasoning}</think><answer>\\boxed{{A}}</answer>"
    assert check("distractor_rejection", text) == pytest.approx(expected)
