"""Calibration by hand."""

from __future__ import annotations

import math

import pytest

from alignment.errors import UserError
from alignment.evaluation.calibration import calibration, option_probabilities
from alignment.record import Record

RECORDS = [Record(str(number), "made", "?", {"A": "one", "B": "two"}, "A") for number in range(4)]


def test_probabilities_are_the_softmax_whatever_the_offset():
    expected = {"A": 0.75, "B": 0.25}
    for offset in (0.0, -4000.0):
        row = {letter: offset + math.log(p) for letter, p in expected.items()}
        assert option_probabilities(row) == pytest.approx(expected)


def test_ece_brier_and_nll_of_four_questions():
    # Three answers at 0.8, of which two are right, and a right one at 1.0.
    rows = [{"A": 0.8, "B": 0.2}, {"A": 0.8, "B": 0.2}, {"A": 0.2, "B": 0.8}, {"A": 1.0, "B": 0.0}]
    measured = calibration(rows, RECORDS)
    assert measured["ece"] == pytest.approx(3 / 4 * (0.8 - 2 / 3))
    assert measured["brier"] == pytest.approx((2 * (0.04 + 0.04) + (0.64 + 0.64) + 0) / 4)
    assert measured["nll"] == pytest.approx(-(2 * math.log(0.8) + math.log(0.2)) / 4)
    assert measured["reliability"] == [
        pytest.approx({"confidence": 0.8, "accuracy": 2 / 3, "n": 3}),
        {"confidence": 1.0, "accuracy": 1.0, "n": 1},
    ]


def test_no_questions_are_refused():
    with pytest.raises(UserError, match="nothing to evaluate"):
        calibration([], [])
