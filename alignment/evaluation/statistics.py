"""The few statistics a comparison of arms needs: intervals, a paired test, the error of a change.

The functions take and return plain numbers. `None` means that a value cannot be computed from so few numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.stats

from alignment.errors import UserError

Interval = list[float]  # [low, high]

RESAMPLES = 2000
FLIPS = 9999  # random sign patterns


def wilson(successes: int, n: int, level: float = 0.95) -> Interval | None:
    """Return the Wilson score interval of a proportion (Wilson 1927), or None where `n` is 0.

    Unlike the normal approximation it stays inside [0, 1] and has a width at 0 of n and n of n.

    Raises:
      ValueError: not 0 <= successes <= n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return None
    interval = scipy.stats.binomtest(int(successes), int(n)).proportion_ci(level, method="wilson")
    return [float(interval.low), float(interval.high)]


def bootstrap(values: Sequence[float], level: float = 0.95, seed: int = 0) -> Interval | None:
    """Return the percentile bootstrap interval of the mean of `values` [N], or None for fewer than two values.

    Single elements are resampled, so `values` holds one value for each question. The same `seed` gives the same
    interval.
    """
    if len(values) < 2:
        return None
    interval = scipy.stats.bootstrap(
        (np.asarray(values, np.float64),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="percentile",
        batch=100,  # bounds memory at 100 x N for large evaluation sets
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> dict:
    """Compare two arms on the same questions with the exact McNemar test.

    Only the questions that exactly one of the two got right carry information; under the null hypothesis each of them
    goes to either arm with probability 1/2, so the two-sided p is binomial and needs no large sample.

    Returns:
      `n`, `first_only` and `second_only` (questions only that arm got right), and `p`, 1.0 if nothing differs.

    Raises:
      ValueError: the two do not have one value a question each.
    """
    if len(first) != len(second):
        raise ValueError(f"paired comparison of {len(first)} with {len(second)} questions")
    first_only = sum(a and not b for a, b in zip(first, second, strict=True))
    second_only = sum(b and not a for a, b in zip(first, second, strict=True))
    differing = first_only + second_only
    p = float(scipy.stats.binomtest(first_only, differing, 0.5).pvalue) if differing else 1.0
    return {"n": len(first), "first_only": first_only, "second_only": second_only, "p": p}


def sign_flip(differences: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p of the sign-flip permutation test that paired differences [N] are centred on 0.

    Under the null hypothesis each question's difference is as likely with the other sign. p is the share of all sign
    patterns whose sum is at least as far from 0 as the observed one: of all 2^n of them where at most 13 differences
    are not 0, otherwise of `FLIPS` random ones and the observed one (Phipson and Smyth 2010, so that p is never 0).
    Differences may be averages over seeds.
    """
    values = np.asarray([value for value in differences if value], np.float64)
    if len(values) < 2:  # either sign is as far from 0
        return 1.0
    test = scipy.stats.permutation_test(
        (values,),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=1000,  # bounds memory at 1000 x N
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)


def cluster_bootstrap(differences: np.ndarray, level: float = 0.95, seed: int = 0) -> Interval | None:
    """Return the percentile bootstrap interval of the mean of [S, Q] differences over seeds and questions.

    Seeds and questions are resampled independently of each other (the pigeonhole bootstrap, Owen 2007), so
    that the interval speaks of other seeds as well as of other questions. Its variance is at least the true one on
    average; with two or three seeds an interval of so few resampled values is rough all the same. None for fewer than
    two questions; with one seed it is over questions alone.
    """
    values = np.atleast_2d(np.asarray(differences, np.float64))
    if values.shape[1] < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = [rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) / size for size in values.shape]
    means = np.sum((weights[0] @ values) * weights[1], axis=1)
    return np.quantile(means, [(1 - level) / 2, (1 + level) / 2]).tolist()


def detectable_change(std: float, n: int, level: float = 0.95, power: float = 0.8) -> float | None:
    """Return the smallest mean change of n paired differences that a two-sided test detects with this power.

    (z_{(1 + level) / 2} + z_power) std / sqrt(n), the normal approximation (Card et al. 2020, 2010.06595, compute the
    same for accuracies); None without differences.

    Args:
      std: standard deviation between the differences of questions; n: questions.
    """
    quantiles = scipy.stats.norm.ppf([(1 + level) / 2, power])
    return float(quantiles.sum()) * std / math.sqrt(n) if n else None


def detectable_of(differences: Sequence[float]) -> float | None:
    """Return `detectable_change` of the paired differences [N] that were seen; None for fewer than two."""
    return detectable_change(float(np.std(differences, ddof=1)), len(differences)) if len(differences) > 1 else None


def planned_std(seeds: int, samples: int = 1, accuracy: float = 0.5) -> float:
    """Return the standard deviation to plan with before a change is measured: sqrt(2 a (1 - a) / (seeds samples)).

    Both arms answer a question right with probability a (a half is the worst case) and independently of each other.
    Questions of which one arm always gets right what the other never does are not thought of.

    Raises:
      UserError: everything is right or everything is wrong, so that there is no headroom to plan with.
    """
    if not 0 < accuracy < 1:
        raise UserError(
            f"no power estimate: all answers are {'right' if accuracy > 0 else 'wrong'}, which leaves no headroom; "
            "--config.grpo.skip_without_headroom=true skips such a reward stage"
        )
    return math.sqrt(2 * accuracy * (1 - accuracy) / (seeds * samples))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted for their number by Holm's step-down method (Holm 1979), in the order given.

    A claim is then wrong with at most the level's probability anywhere in the family.
    """
    if not len(p_values):
        return []
    from statsmodels.stats.multitest import multipletests  # it loads pandas, which no other step of a run needs

    return multipletests(p_values, method="holm")[1].tolist()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return the p values adjusted by Benjamini and Hochberg (1995), in the order given.

    Claims below the level are then wrong in at most that share on average, which allows more of them than Holm's.
    """
    return scipy.stats.false_discovery_control(p_values, method="bh").tolist() if len(p_values) else []


def mean_change(first: Sequence[float], last: Sequence[float]) -> tuple[float | None, float | None]:
    """Return (mean of `last` minus mean of `first`, its standard error).

    The error sqrt(var(first)/n + var(last)/m), variances with ddof 1, takes the values as independent. Neighbouring
    training steps are not (they share a policy), so for a training curve it is a lower bound. It is None for windows of
    fewer than two values, the change None for empty ones.
    """
    if not first or not last:
        return None, None
    change = float(np.mean(last) - np.mean(first))
    if min(len(first), len(last)) < 2:
        return change, None
    return change, math.sqrt(np.var(first, ddof=1) / len(first) + np.var(last, ddof=1) / len(last))


def over_seeds(values: Sequence[float], level: float = 0.95) -> dict:
    """Summarise one number a seed.

    Returns:
      `n`, `mean`, `std` (between seeds, ddof 1) and `ci` of the mean from Student's t with n - 1 degrees of freedom;
      `std` and `ci` are None for one seed, `mean` too for none.
    """
    n = len(values)
    mean = float(np.mean(values)) if n else None
    if n < 2:
        return {"n": n, "mean": mean, "std": None, "ci": None}
    std = float(np.std(values, ddof=1))
    half = float(scipy.stats.t.ppf((1 + level) / 2, n - 1)) * std / math.sqrt(n)
    return {"n": n, "mean": mean, "std": std, "ci": [mean - half, mean + half]}
