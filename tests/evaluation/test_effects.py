from __future__ import annotations

import math

import numpy as np
import pytest

from alignment.evaluation.effects import headroom, paired_change


def test_differences_are_averaged_over_seeds_by_hand():
    start = {0: {"a": 0.0, "b": 1.0, "c": 0.5}, 1: {"a": 0.0, "b": 0.0, "c": 0.5}}
    end = {0: {"c": 1.0, "a": 1.0, "b": 1.0}, 1: {"a": 0.5, "b": 0.0, "c": 1.0}}
    change = paired_change(end, start)
    assert change.questions == 3 and change.seed_changes == (0.5, pytest.approx(1 / 3))
    assert change.start == pytest.approx(1 / 3) and change.difference == pytest.approx(5 / 12)
    assert change.p == 0.5  # two questions differ: of the four sign patterns two are as far from 0
    std = np.std([0.75, 0.0, 0.5], ddof=1)
    assert change.detectable == pytest.approx((1.959964 + 0.841621) * std / math.sqrt(3), rel=1e-6)


def test_only_questions_and_seeds_of_both_arms_count():
    change = paired_change({0: {"a": 1.0, "b": 0.0}, 1: {"a": 1.0}}, {0: {"a": 0.0, "c": 1.0}, 2: {"a": 1.0}})
    assert change.questions == 1 and change.seed_changes == (1.0,) and change.ci95 is change.detectable is None
    assert paired_change({0: {"a": 1.0}}, {1: {"a": 1.0}}) is None
    assert paired_change({0: {"a": 1.0}}, {0: {"b": 1.0}}) is None


def test_the_interval_is_that_of_paired_questions():
    """Questions differ widely and every one gains 10 points: paired, nothing is uncertain."""
    start = {0: {str(index): index / 100 for index in range(90)}}
    end = {0: {name: value + 0.1 for name, value in start[0].items()}}
    change = paired_change(end, start)
    assert change.ci95 == pytest.approx([0.1, 0.1]) and change.p < 0.001


def test_headroom_is_the_ceiling_or_else_the_majority():
    samples = {"samples": 4, "majority_at_k": 0.7, "sampled_accuracy": 0.5}
    assert headroom(0.6, 0.9, samples) == (pytest.approx(0.3), "ceiling minus start", True)
    assert headroom(0.6, None, samples) == (pytest.approx(0.2), "majority@4 minus pass@1", False)
    assert headroom(0.6, None, {}) is None
