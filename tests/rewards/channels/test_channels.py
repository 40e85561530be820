"""The channels on hand-worked responses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.record import Record
from alignment.rewards.registry import ScoreBatch
from alignment.rewards.score import score_channel
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

RECORD = Record("r", "test", "q", {"A": "a", "B": "b"}, "B")
BLOCKS = "<think>x</think><answer>{}</answer>"


def value(name: str, text: str = "", ids=(), template: str = "think_answer", truncated: bool = False) -> float:
    response = parse(text, RECORD.letters, TEMPLATES[template], truncated=truncated)
    return float(score_channel(ScoreBatch([response], [RECORD], [ids]), name)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BLOCKS.format("\\boxed{B}"), 1.0),
        (BLOCKS.format("\\boxed{A}"), 0.0),
        (BLOCKS.format("\\boxed{B} \\boxed{B}"), 0.0),  # unparseable is wrong
        (BLOCKS.format("The answer is B."), 1.0),
        (BLOCKS.format("He has hepatitis B"), 0.0),
        ("no tags, yet \\boxed{B}", 1.0),
        ("", 0.0),
    ],
)
def test_accuracy(text, expected):
    assert value("accuracy", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BLOCKS.format("y"), 1.0),
        (BLOCKS.format("y") + "<|im_end|> anything", 1.0),
        (BLOCKS.format("y") + " anything", 0.0),
        (BLOCKS.format(""), 0.0),
        ("<think>x</think><answer>y", 0.0),
    ],
)
def test_format(text, expected):
    assert value("format", text) == expected


def test_format_of_a_truncated_completion_is_0():
    assert value("format", BLOCKS.format("y"), truncated=True) == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think></think><answer></answer>", 1.0),
        ("</answer>so</think><answer><think>", 1.0),  # position does not matter
        ("<think><think></think><answer>", 0.5),
        ("<Think>", 0.0),
        ("<think>" * 2, 0.0),
        ("", 0.0),
    ],
)
def test_soft_tags(text, expected):
    assert value("soft_tags", text) == expected


def test_soft_tags_of_the_other_template():
    assert value("soft_tags", "<dx></dx><conclusion>", template="dx_conclusion") == 0.75


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, 3, 4], 0.0),
        ([5] * 5, -2 / 3),
        ([1, 2, 3, 1, 2, 3], -0.25),
        ([5, 5, 5], 0.0),
        ([5, 5], 0.0),
        ([], 0.0),
    ],
)
def test_repetition(ids, expected):
    assert value("repetition", ids=ids) == pytest.approx(expected, abs=1e-6)
    assert value("repetition", ids=np.array(ids, np.int32)) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_repetition_lies_between_minus_one_and_zero_and_grows_with_copies(ids):
    assert -1.0 < value("repetition", ids=ids) <= 0.0
    if len(ids) >= 3:
        assert value("repetition", ids=ids * 3) < 0.0
