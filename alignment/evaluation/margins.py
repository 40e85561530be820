"""One-sided tests of a mean difference against a margin: greater, no worse (non-inferiority), the same (TOST).

Differences are [S, Q]: of S seeds that trained both arms and Q questions that both answered. They vary by question and
by seed. The variance of their mean is taken as the sum of that of Q questions (seeds averaged) and that of S seeds
(questions averaged), with the degrees of freedom of Welch and Satterthwaite. The part that question and seed share is
counted twice, so that the tests are conservative. With one seed the test is Student's over questions, and says nothing
about other seeds. A metric of which a seed has one value is [1, S].
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.stats

from alignment.evaluation.statistics import Interval


class Estimate(NamedTuple):
    """A mean difference and how well it is known."""

    mean: float
    error: float  # standard error of the mean
    freedom: float  # degrees of freedom of the error
    seeds: int
    questions: int


def estimate(differences: np.ndarray) -> Estimate | None:
    """Return the mean of [S, Q] differences with its standard error; None for fewer than two questions."""
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW  # loads pandas: not before a report is made

    values = np.atleast_2d(np.asarray(differences, np.float64))
    seeds, questions = values.shape
    if questions < 2:
        return None
    by_question, mean = DescrStatsW(values.mean(axis=0)), float(values.mean())
    if seeds == 1:
        return Estimate(mean, float(by_question.std_mean), questions - 1, seeds, questions)
    # The mean over questions, less seeds that scatter around 0: the variances of two independent means add up.
    both = CompareMeans(by_question, DescrStatsW(values.mean(axis=1) - mean))
    error = float(both.std_meandiff_separatevar)
    return Estimate(mean, error, float(both.dof_satt()) if error else questions - 1, seeds, questions)


def p_above(effect: Estimate, bound: float = 0.0) -> float:
    """Return the one-sided p of the claim that the true mean is above `bound`; 0 or 1 where nothing varies.

    With `bound` = -margin it is the test of non-inferiority: "no worse by more than the margin".
    """
    if not effect.error:
        return float(effect.mean <= bound)
    return float(scipy.stats.t.sf((effect.mean - bound) / effect.error, effect.freedom))


def p_below(effect: Estimate, bound: float = 0.0) -> float:
    """Return the one-sided p of the claim that the true mean is below `bound`."""
    return p_above(effect._replace(mean=-effect.mean), -bound)


def p_within(effect: Estimate, margin: float) -> float:
    """Return the p of the claim that the true mean lies inside +-`margin`: two one-sided tests (Schuirmann 1987)."""
    return max(p_above(effect, -margin), p_below(effect, margin))


def p_outside(effect: Estimate, margin: float) -> float:
    """Return the p of the claim that the true mean lies outside +-`margin`, on either side (Bonferroni)."""
    return min(1.0, 2 * min(p_above(effect, margin), p_below(effect, -margin)))


def interval_of(effect: Estimate, level: float = 0.95) -> Interval:
    """Return the two-sided interval of the true mean."""
    half = float(scipy.stats.t.ppf((1 + level) / 2, effect.freedom)) * effect.error
    return [effect.mean - half, effect.mean + half]


def detectable(effect: Estimate, level: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true difference that a one-sided test at `level` shows with this power.

    (t_{1 - level} + t_power) error, with the degrees of freedom of the error; the shift of a noncentral t is
    approximated by that of a central one. For TOST read it as the margin that a difference of 0 would be inside of with
    a power of 2 `power` - 1.
    """
    return float(scipy.stats.t.ppf([1 - level, power], effect.freedom).sum()) * effect.error


class Rates(NamedTuple):
    """How often something happened in two arms: counts of seeds."""

    first: int
    first_seeds: int
    second: int
    second_seeds: int


def p_more_often(rates: Rates) -> float:
    """Return the one-sided p of Boschloo's exact test that it happens more often in the first arm (Boschloo 1970)."""
    table = [[rates.first, rates.second], [rates.first_seeds - rates.first, rates.second_seeds - rates.second]]
    if rates.first + rates.second in (0, rates.first_seeds + rates.second_seeds):
        return 1.0
    return float(scipy.stats.boschloo_exact(table, alternative="greater").pvalue)


def detectable_rate(rates: Rates, level: float = 0.05, power: float = 0.8) -> float | None:
    """Return the smallest rate of the first arm that is shown with this power where it never happens in the second.

    None where even all seeds against none are not enough.
    """
    seeds = rates.first_seeds
    for count in range(1, seeds + 1):
        if p_more_often(rates._replace(first=count, second=0)) < level:
            return float(scipy.stats.beta.ppf(power, count, seeds - count + 1))  # P(Binomial >= count) = power
    return None
