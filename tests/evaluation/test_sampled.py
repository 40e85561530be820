from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from evaluation.vignette import mumble, record, respond

from alignment.errors import UserError
from alignment.evaluation.sampled import KEYS, majority, pass_at_k, sampled_outcomes, summarise_samples

RIGHT, WRONG, OTHER, NONE = respond(letter="B"), respond(letter="A"), respond(letter="C"), mumble()


def test_pass_at_k_by_hand():
    # Of 4 samples 2 are right: of the 6 pairs only one holds no right one.
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_at_k(4, 1, 4) == 1.0 and pass_at_k(4, 0, 4) == 0.0 and pass_at_k(4, 1, 1) == 0.25
    for bad in ((4, 5, 1), (4, -1, 1), (4, 2, 0), (4, 2, 5)):
        with pytest.raises(ValueError, match="pass@"):
            pass_at_k(*bad)


@pytest.mark.parametrize(("n", "right", "k"), [(5, 2, 3), (6, 1, 2), (6, 5, 4)])
def test_pass_at_k_is_the_share_of_the_subsets_with_a_right_sample(n, right, k):
    subsets = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_a_tie_of_the_majority_is_decided_by_lot():
    assert majority([RIGHT, RIGHT, WRONG, OTHER], record()) == 1.0
    assert majority([RIGHT, WRONG, NONE, NONE], record()) == 0.5
    assert majority([WRONG, WRONG, RIGHT, NONE], record()) == majority([NONE, NONE], record()) == 0.0


def test_samples_are_scored_by_hand():
    records = [record("q0"), record("q1"), record("q2")]
    samples = [[RIGHT] * 4, [RIGHT, WRONG, WRONG, NONE], [WRONG] * 4]
    row = summarise_samples(samples, records)
    assert tuple(row) and row.keys() == set(KEYS) and row["samples"] == 4
    assert row["sampled_accuracy"] == pytest.approx((1 + 1 / 4 + 0) / 3)
    assert row["pass_at_k"] == pytest.approx(2 / 3) and row["majority_at_k"] == pytest.approx(1 / 3)
    assert row["sampled_valid_rate"] == row["sampled_strict_rate"] == pytest.approx(11 / 12)
    assert row["pass_at_k_chance"] == pytest.approx(1 - (3 / 4) ** 4)
    low, high = row["sampled_accuracy_ci95"]
    assert 0 <= low < row["sampled_accuracy"] < high <= 1
    assert sampled_outcomes(samples, records) == {"q0": 1.0, "q1": 0.25, "q2": 0.0}


def test_the_interval_is_over_questions_and_not_over_samples():
    """64 samples a question say no more about other questions: the width is that of 20 questions."""
    records = [record(f"q{index}") for index in range(20)]
    groups = [[RIGHT if index % 2 else WRONG] for index in range(20)]
    narrow, wide = (summarise_samples([group * k for group in groups], records) for k in (64, 1))
    assert narrow["sampled_accuracy_ci95"] == wide["sampled_accuracy_ci95"]
    width = np.diff(narrow["sampled_accuracy_ci95"])[0]
    assert width == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 20), rel=0.15)  # the normal approximation, n = 20


def test_without_samples_every_value_is_null_and_stale_ones_are_refused():
    assert summarise_samples([], [record()]) == dict.fromkeys(KEYS)
    with pytest.raises(UserError, match="samples of 1 records for 2"):
        summarise_samples([[RIGHT]], [record("q0"), record("q1")])
