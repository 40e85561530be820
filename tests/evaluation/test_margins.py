from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from alignment.evaluation.margins import (
    Estimate,
    Rates,
    detectable,
    detectable_rate,
    estimate,
    interval_of,
    p_above,
    p_below,
    p_more_often,
    p_outside,
    p_within,
)
from alignment.evaluation.statistics import sign_flip

# Student's sleep data, R's `sleep`: extra hours by two drugs, paired.
SLEEP = np.subtract(
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
)
DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=3, max_size=12)


def test_one_seed_is_the_paired_t_test_of_r():
    effect = estimate(SLEEP)
    assert (effect.seeds, effect.questions, effect.freedom) == (1, 10, 9)
    # t.test(extra ~ group, paired = TRUE): t = -4.0621, df = 9, p-value = 0.002833, interval -2.4598858 -0.7001142
    assert effect.mean / effect.error == pytest.approx(-4.0621, abs=5e-5)
    assert 2 * p_below(effect) == pytest.approx(0.002833, abs=5e-7)
    assert interval_of(effect) == pytest.approx([-2.4598858, -0.7001142], abs=5e-8)


@pytest.mark.parametrize("margin", [0.1, 1.0, 2.5, 4.0])
def test_margins_are_those_of_scipy_and_statsmodels(margin):
    effect = estimate(SLEEP)
    theirs = scipy.stats.ttest_1samp(SLEEP, -margin, alternative="greater").pvalue
    assert p_above(effect, -margin) == pytest.approx(theirs, rel=1e-9)
    assert p_within(effect, margin) == pytest.approx(DescrStatsW(SLEEP).ttost_mean(-margin, margin)[0], rel=1e-9)


def test_seeds_and_questions_by_hand():
    # Means of questions 0.1, 0.3, 0.5 (variance 0.04), of seeds 0.2 and 0.4 (variance 0.02), mean 0.3.
    effect = estimate([[0.0, 0.2, 0.4], [0.2, 0.4, 0.6]])
    parts = [0.04 / 3, 0.02 / 2]
    assert effect.mean == pytest.approx(0.3)
    assert effect.error == pytest.approx(math.sqrt(sum(parts)))
    assert effect.freedom == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 1))


def test_a_null_is_rarely_rejected_where_seeds_and_questions_vary():
    rng, rejected, trials = np.random.default_rng(0), 0, 400
    for _ in range(trials):
        values = rng.normal(0, 0.5, (1, 60)) + rng.normal(0, 0.05, (4, 1)) + rng.normal(0, 0.3, (4, 60))
        rejected += p_above(estimate(values)) < 0.05
    assert rejected / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    # A test over questions alone takes what is common to the questions of a seed for an effect.
    assert rejected / trials > 0.005


@given(DIFFERENCES, DIFFERENCES, st.randoms(use_true_random=False))
def test_neither_the_order_of_questions_nor_that_of_seeds_matters(first, second, random):
    size = min(len(first), len(second))
    values = np.array([first[:size], second[:size]])
    order = random.sample(range(size), size)
    assert estimate(values[::-1, order]) == pytest.approx(estimate(values), rel=1e-6, abs=1e-9)


@given(DIFFERENCES, st.floats(0.01, 2), st.floats(0.01, 2))
def test_a_wider_margin_is_easier_to_keep_and_harder_to_exceed(values, first, second):
    effect, (low, high) = estimate(values), sorted((first, second))
    assert p_above(effect, -high) <= p_above(effect, -low)
    assert p_within(effect, high) <= p_within(effect, low)
    assert p_outside(effect, high) >= p_outside(effect, low)
    assert p_above(effect, 0.1) + p_below(effect, 0.1) == pytest.approx(1.0)


def test_where_nothing_varies_the_mean_decides():
    same = estimate([[0.0] * 4, [0.0] * 4])
    assert (p_above(same, -0.01), p_above(same), p_within(same, 0.01)) == (0.0, 1.0, 0.0)
    assert interval_of(same) == [0.0, 0.0] and detectable(same) == 0.0
    assert estimate([[0.5]]) is None


def test_the_t_test_agrees_with_the_permutation_of_signs():
    values = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], 400, p=[0.2, 0.5, 0.3])
    effect = estimate(values)
    assert 2 * min(p_above(effect), p_below(effect)) == pytest.approx(sign_flip(values), abs=0.004)


def test_the_detectable_difference_has_the_power_that_statsmodels_gives_it():
    effect = Estimate(0.0, 0.6 / math.sqrt(200), 199, 1, 200)
    size = detectable(effect) / 0.6
    assert TTestPower().power(size, 200, 0.05, alternative="larger") == pytest.approx(0.8, abs=0.005)


def test_rates_of_seeds_by_hand():
    # All of three against none of three: with either rate p it has the probability p^3 (1 - p)^3, at most 1/64.
    assert p_more_often(Rates(3, 3, 0, 3)) == pytest.approx(1 / 64, rel=1e-3)
    assert p_more_often(Rates(2, 2, 0, 2)) == pytest.approx(1 / 16, rel=1e-3)
    assert p_more_often(Rates(0, 5, 0, 5)) == p_more_often(Rates(5, 5, 5, 5)) == 1.0
    assert p_more_often(Rates(0, 3, 3, 3)) == pytest.approx(1.0)


def test_what_rate_a_number_of_seeds_can_show():
    assert detectable_rate(Rates(0, 2, 0, 2)) is None
    # Three of three are needed: a rate r gives them with probability r^3 = 0.8.
    assert detectable_rate(Rates(0, 3, 0, 3)) == pytest.approx(0.8 ** (1 / 3))
    assert detectable_rate(Rates(0, 10, 0, 10)) < detectable_rate(Rates(0, 5, 0, 5))
