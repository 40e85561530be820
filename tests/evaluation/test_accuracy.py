from __future__ import annotations

import pytest
from evaluation.vignette import mumble, record, respond

from alignment.errors import UserError
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.statistics import wilson


def test_strict_accuracy_by_hand():
    # right and strict; right, format broken; wrong and strict; right where it is not paid
    responses = [respond(), respond(before="Well. "), respond(letter="A"), mumble("The answer is B.")]
    summary = summarise(responses, [record(f"r{i}") for i in range(4)])
    assert summary == {
        "accuracy": 0.5,
        "accuracy_ci95": wilson(2, 4),
        "lenient_accuracy": 0.75,
        "lenient_accuracy_ci95": wilson(3, 4),
        "lenient_valid_rate": 1.0,
        "valid_rate": 0.75,
        "valid_rate_ci95": wilson(3, 4),
        "accuracy_given_valid": pytest.approx(2 / 3),
        "strict_rate": 0.5,
        "strict_rate_ci95": wilson(2, 4),
        "truncated_rate": 0.0,
        "chance": 0.25,
        "n": 4,
    }


def test_without_any_letter_accuracy_is_zero_and_that_of_the_valid_unknown():
    summary = summarise([mumble(), mumble("")], [record("a"), record("b")])
    assert (summary["accuracy"], summary["valid_rate"], summary["accuracy_given_valid"]) == (0.0, 0.0, None)


def test_truncated_responses_are_counted():
    summary = summarise([respond(truncated=True), respond()], [record("a"), record("b")])
    assert (summary["truncated_rate"], summary["strict_rate"]) == (0.5, 0.5)


def test_unpaired_or_empty_input_is_refused():
    with pytest.raises(UserError, match="1 responses to 2 records"):
        summarise([respond()], [record("a"), record("b")])
    with pytest.raises(UserError, match="evaluation set is empty"):
        summarise([], [])
