"""The number that is answered."""

from __future__ import annotations

import pytest

from alignment.text.numbers import last_number, stated_number
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3 + 4 is 7.5.", 7.5),
        ("1,250.5 mL", 1250.5),
        ("-3", -3.0),
        ("range 3-5", 5.0),
        ("about 12,", 12.0),
        ("none", None),
        ("9" * 50_000, float("inf")),
    ],
)
def test_last_number(text, number):
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("answer", "number"),
    [("from 3 we get \\boxed{4.5 mL}", 4.5), ("so 4.5", 4.5), ("\\boxed{4} \\boxed{5}", None), ("no idea", None)],
)
def test_stated_number(answer, number):
    assert stated_number(parse(f"<think>1</think><answer>{answer}</answer>", (), TEMPLATES["think_answer"])) == number
