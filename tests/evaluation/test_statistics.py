from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.evaluation.statistics import (
    FLIPS,
    benjamini_hochberg,
    bootstrap,
    cluster_bootstrap,
    detectable_change,
    holm,
    mcnemar,
    mean_change,
    over_seeds,
    planned_std,
    sign_flip,
    wilson,
)


def test_wilson_by_hand():
    # 8 of 10, z = 1.959964: centre (0.8 + z^2/20) / (1 + z^2/10) = 0.716740, half width 0.226601
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.490162, abs=1e-5)
    assert high == pytest.approx(0.943318, abs=1e-5)


def test_wilson_has_a_width_at_the_ends_and_none_without_data():
    assert wilson(0, 20) == [0.0, pytest.approx(0.161125, abs=1e-5)]  # z^2 / (20 + z^2)
    assert wilson(20, 20) == [pytest.approx(1 - 0.161125, abs=1e-5), 1.0]
    assert wilson(0, 0) is None
    with pytest.raises(ValueError, match="5 successes of 4"):
        wilson(5, 4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_proportion_and_stays_a_proportion(case):
    successes, n = case
    low, high = wilson(successes, n)
    assert -1e-12 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1 + 1e-12


def test_bootstrap_repeats_itself_and_covers_the_mean():
    values = [0.0, 1.0] * 50
    assert bootstrap(values) == bootstrap(values)
    low, high = bootstrap(values)
    # standard error 0.05: the percentile interval is about 0.5 -+ 0.098, on a grid of steps of 0.01
    assert low == pytest.approx(0.402, abs=0.025)
    assert high == pytest.approx(0.598, abs=0.025)
    assert bootstrap([0.3] * 10) == [pytest.approx(0.3), pytest.approx(0.3)]
    assert bootstrap([0.3]) is None


def test_mcnemar_by_hand():
    # 5 questions only the first got right, 1 only the second: p = 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64
    first = [True] * 5 + [False] + [True] * 3 + [False] * 2
    second = [False] * 5 + [True] + [True] * 3 + [False] * 2
    assert mcnemar(first, second) == {"n": 11, "first_only": 5, "second_only": 1, "p": pytest.approx(14 / 64)}
    assert mcnemar(second, first)["p"] == pytest.approx(14 / 64)
    assert mcnemar(first, first)["p"] == 1.0
    with pytest.raises(ValueError, match="11 with 10"):
        mcnemar(first, second[:10])


def test_holm_by_hand():
    # sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.04 x 1, made monotone
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=20)  # statsmodels takes 40 ms a call
@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


@settings(max_examples=20)  # statsmodels takes 40 ms a call
@given(st.lists(st.floats(0, 1), max_size=12), st.randoms(use_true_random=False))
def test_adjusted_p_values_do_not_depend_on_the_order_and_holm_is_the_stricter(p_values, random):
    order = random.sample(range(len(p_values)), len(p_values))
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p_values)
        assert adjust([p_values[index] for index in order]) == pytest.approx([adjusted[index] for index in order])
    assert all(low <= high + 1e-12 for low, high in zip(benjamini_hochberg(p_values), holm(p_values), strict=True))


def test_the_corrections_are_those_of_r():
    # p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") and "BH" of R
    p_values = [0.01, 0.02, 0.03, 0.04, 0.05]
    assert holm(p_values) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert benjamini_hochberg(p_values) == pytest.approx([0.05] * 5)
    assert benjamini_hochberg([0.01, 0.5, 0.03]) == pytest.approx([0.03, 0.5, 0.045])  # 3/1, 3/3 and 3/2 times p
    assert benjamini_hochberg([]) == []


def test_mcnemar_is_the_exact_test_of_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    # Agresti's approval ratings, R's example of mcnemar.test: 150 and 86 changed their minds.
    first = [True] * (794 + 150) + [False] * (86 + 570)
    second = [True] * 794 + [False] * 150 + [True] * 86 + [False] * 570
    ours = mcnemar(first, second)
    assert (ours["first_only"], ours["second_only"]) == (150, 86)
    assert ours["p"] == pytest.approx(theirs([[794, 150], [86, 570]], exact=True).pvalue, rel=1e-9)
    assert 3e-5 < ours["p"] < 5e-5  # binom.test(86, 236) of R: 3.7e-05


def test_the_cluster_bootstrap_holds_both_sources_of_variation():
    rng = np.random.default_rng(0)
    by_question, by_seed = rng.normal(0, 1, (1, 400)), np.array([[-1.0], [0.0], [1.0], [0.5], [-0.5]])
    low, high = cluster_bootstrap(by_question + by_seed)
    error = math.sqrt(np.var(by_question) / 400 + np.var(by_seed) / 5)  # of the two means, which do not interact
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    assert cluster_bootstrap(by_question) == pytest.approx(bootstrap(by_question[0]), abs=0.03)
    assert cluster_bootstrap([[0.2, 0.2], [0.2, 0.2]]) == pytest.approx([0.2, 0.2])
    assert cluster_bootstrap([[0.2], [0.3]]) is None
    assert cluster_bootstrap(by_question + by_seed) == [low, high]


def test_mean_change_by_hand():
    # means 2 and 5, variances 1 and 4 (ddof 1), n = 3 each
    change, error = mean_change([1.0, 2.0, 3.0], [3.0, 5.0, 7.0])
    assert change == pytest.approx(3.0)
    assert error == pytest.approx(math.sqrt(1 / 3 + 4 / 3))
    assert mean_change([1.0], [2.0]) == (1.0, None)
    assert mean_change([], [2.0]) == (None, None)


def test_over_seeds_by_hand():
    # mean 0.6, std 0.1, t(0.975, 2) = 4.302653
    summary = over_seeds([0.5, 0.6, 0.7])
    assert (summary["n"], summary["mean"], summary["std"]) == (3, pytest.approx(0.6), pytest.approx(0.1))
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert summary["ci"] == pytest.approx([0.6 - half, 0.6 + half], abs=1e-6)
    assert over_seeds([0.5]) == {"n": 1, "mean": 0.5, "std": None, "ci": None}
    assert over_seeds([]) == {"n": 0, "mean": None, "std": None, "ci": None}


def test_sign_flip_by_hand():
    assert sign_flip([1, 1, 1, 0, 1]) == 2 / 16  # of the 16 patterns of the four that differ, all + and all -
    assert sign_flip([2, -1]) == 1.0 and sign_flip([0.0, 0.0]) == sign_flip([]) == 1.0
    assert sign_flip([3, 2, 1]) == 2 / 8 and sign_flip([3, 2, -1]) == 4 / 8


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.5])
def test_sign_flip_of_many_is_near_the_normal_test(shift):
    values = np.random.default_rng(1).normal(shift, 1.0, 60)
    normal = 2 * scipy.stats.norm.sf(abs(values.sum()) / math.sqrt(np.sum(values**2)))
    # A share of 9999 random patterns has an error of at most 0.005; the sum of 60 signed values is almost normal.
    assert sign_flip(values) == pytest.approx(normal, abs=4 * math.sqrt(0.25 / FLIPS) + 0.005)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_sign_flip_ignores_order_and_sign_and_counts_patterns(values, random):
    shuffled = random.sample(values, len(values))
    patterns = np.array(np.meshgrid(*[[-1, 1]] * len(values))).reshape(len(values), -1)
    share = np.mean(np.abs(np.dot(values, patterns)) >= abs(sum(values)))
    assert sign_flip(values) == pytest.approx(share)
    assert sign_flip(shuffled) == sign_flip([-value for value in values]) == pytest.approx(share)


def test_a_change_of_the_detectable_size_is_detected_in_four_of_five_trials():
    rng, std, n = np.random.default_rng(0), 0.6, 200
    change = detectable_change(std, n)
    samples = rng.normal(change, std, (4000, n))
    detected = np.mean(scipy.stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05)
    assert detected == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / 4000) + 0.005)  # t instead of normal: 0.005
    assert detectable_change(std, 0) is None


def test_what_is_planned_with_is_the_worst_case_of_independent_answers():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 20_000, 3, 4)) < 0.5  # 3 seeds, 4 samples
    simulated = np.std(first.mean(axis=(1, 2)) - second.mean(axis=(1, 2)))
    assert planned_std(seeds=3, samples=4) == pytest.approx(simulated, rel=0.03)
    assert planned_std(1) == pytest.approx(math.sqrt(0.5))
