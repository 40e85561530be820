"""Whether a reward stage had enough completions to learn from: the share of its gradient that is signal.

g_1 and g_2 are the gradients of two halves of a step's groups (`training.power`). Over the measured steps

    c = sum g_1.g_2 / sum (|g_1|^2 + |g_2|^2) / 2

estimates |mu|^2 / (|mu|^2 + sigma^2 / n): 1 without noise, 0 without signal. A rollout of N* = n (1 - c) / c
completions has as much signal as noise in its gradient. N* is the noise scale of McCandlish et al. 2018 (1812.06162,
equation 2.9), in completions, from pairs of independent gradients. Pairs and interval are a reconstruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.stats

from alignment.evaluation.statistics import RESAMPLES, Interval
from alignment.metric_schema import METRICS

Row = Mapping[str, Any]
KEYS = tuple(METRICS["power"])
HALVES = ("power/dot", "power/first", "power/second")


def training_power(rows: Sequence[Row]) -> dict[str, Any]:
    """Summarise the metric rows of one reward stage, in the order of its steps, under the names in `KEYS`.

    A value is None where the rows lack what it needs: c without a measured step, its interval with fewer than two. All
    are None without rows.
    """
    if not rows:
        return dict.fromkeys(KEYS)
    measured = np.array([[row.get(name) for name in HALVES] for row in rows], float).reshape(-1, 3)
    measured = measured[np.isfinite(measured).all(axis=1)]
    halves = [row["power/completions"] for row in rows if "power/completions" in row]
    sampled = [row["rollout/completions"] for row in rows if "rollout/completions" in row]
    flat = [row["groups/zero_variance"] for row in rows if "groups/zero_variance" in row]
    share, interval = signal_share(measured), signal_interval(measured)
    half = halves[0] if halves else None
    needed = completions_needed(half, share)
    bound = interval is not None and interval[0] <= 0
    if bound:
        needed = completions_needed(half, interval[1])
    return {
        "signal_share": share,
        "signal_share_ci95": interval,
        "completions_needed": needed,
        "completions_needed_is_bound": bound,
        "completions_per_half": half,
        "measured_steps": len(measured),
        "completions": int(sum(sampled)) if sampled else None,
        "groups_with_signal": 1 - float(np.mean(flat)) if flat else None,
    }


def signal_share(halves: np.ndarray) -> float | None:
    """Return c of [M, 3] values g_1.g_2, |g_1|^2, |g_2|^2 of M steps; None without steps or with gradients of 0."""
    dot, first, second = np.asarray(halves, float).reshape(-1, 3).sum(axis=0)
    return float(2 * dot / (first + second)) if first + second > 0 else None


def signal_interval(halves: np.ndarray, level: float = 0.95, seed: int = 0) -> Interval | None:
    """Return the percentile bootstrap interval of c over steps; None for fewer than two or with gradients of 0."""
    if len(halves) < 2 or signal_share(halves) is None:
        return None
    dot, norms = halves[:, 0], (halves[:, 1] + halves[:, 2]) / 2
    interval = scipy.stats.bootstrap(
        (dot, norms),
        lambda dot, norms, axis=-1: dot.sum(axis) / np.maximum(norms.sum(axis), np.finfo(float).tiny),
        n_resamples=RESAMPLES,
        confidence_level=level,
        paired=True,
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [float(interval.low), float(interval.high)]


def completions_needed(half: float | None, signal: float | None) -> float | None:
    """Return N* = n (1 - c) / c for n completions in a half; None where c is unknown or not above 0."""
    if half is None or signal is None or signal <= 0:
        return None
    return half * max(1 - signal, 0.0) / signal
