"""The decoupling ledger: what a reward stage gains and what it costs of SFT and pre-training, by checkpoint.

Two claims are tested with it. *Reinforcement after SFT raises the SFT loss* (2601.07389): the change of the held-out
loss of the reasoning over a stage, one a seed. *The KL predicts forgetting* (2509.04259): the slope of a loss over the
KL to the stage's reference, by least squares over the checkpoints of a seed, one a seed. Intervals are Student's t over
seeds, so that they are None for one seed; points of one seed share a policy and are no independent evidence.
"""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.stats

from alignment.evaluation.statistics import over_seeds

Rows = Sequence[Mapping[str, Any]]
LOSSES = {"reasoning": "reasoning/nll", "retention": "retention/nll"}
MIN_POINTS = 3  # of a slope


class Point(NamedTuple):
    """One measured step of one arm and seed; None where it was not measured."""

    arm: str
    seed: int
    step: int
    reasoning: float | None  # change of the held-out SFT loss since the stage began, nat a token
    retention: float | None  # change of the loss of unseen text, nat a token
    kl: float | None  # to the reference, nat a token
    kl_base: float | None  # to the base without adapters
    reward: float | None
    accuracy: float | None  # of the step's completions
    strict: float | None


def ledger_points(curves: Mapping[str, Mapping[int, Rows]]) -> list[Point]:
    """Return the measured steps of every arm and seed, in order; those without a held-out loss are left out."""
    points = []
    for arm, seed, rows in ((arm, seed, rows) for arm, by_seed in curves.items() for seed, rows in by_seed.items()):
        recorded = {name: [_number(row, f"{metric}_start") for row in rows] for name, metric in LOSSES.items()}
        starts = {
            name: next((value for value in values if value is not None), None) for name, values in recorded.items()
        }
        for row in rows:
            changes = {
                name: None if None in (starts[name], _number(row, metric)) else _number(row, metric) - starts[name]
                for name, metric in LOSSES.items()
            }
            if any(change is not None for change in changes.values()):
                names = ("kl/mean", "kl/base", "reward/mean", "completion/accuracy", "completion/strict")
                points.append(Point(arm, seed, row["step"], *changes.values(), *(_number(row, name) for name in names)))
    return points


def summarise_ledger(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Summarise every arm over its seeds, with the names that assets/metrics.toml declares under `ledger`."""
    summaries = []
    for arm, group in itertools.groupby(points, key=lambda point: point.arm):
        by_seed = _by_seed(list(group))
        summary = {"arm": arm, "seeds": len(by_seed), "checkpoints": min(map(len, by_seed.values()))}
        for name in LOSSES:
            summary[f"{name}_change"] = over_seeds(list(_changes(by_seed, name).values()))
            summary[f"{name}_slope"] = over_seeds(list(_slopes(by_seed, name).values()))
        summaries.append(summary)
    return summaries


def compare_ledgers(points: Sequence[Point], first: str, second: str) -> dict[str, Any] | None:
    """Return the differences of two arms at their common seeds, first minus second; None where they share none."""
    sides = [_by_seed([point for point in points if point.arm == arm]) for arm in (first, second)]
    if not set(sides[0]) & set(sides[1]):
        return None
    compared: dict[str, Any] = {"first": first, "second": second}
    for name, (kind, values) in itertools.product(LOSSES, (("change", _changes), ("slope", _slopes))):
        left, right = (values(side, name) for side in sides)
        compared[f"{name}_{kind}"] = over_seeds([left[seed] - right[seed] for seed in left if seed in right])
    return compared


def pareto_steps(points: Sequence[Point], loss: str = "reasoning") -> set[tuple[str, int]]:
    """Return (arm, step) of the checkpoints that none beats, by means over seeds.

    One is beaten by another with at least its accuracy and at most its loss, and with one of the two better.
    """
    means = mean_points(points, loss)

    def is_beaten(point: tuple[float, float]) -> bool:
        cost, gain = point
        return any(
            other_cost <= cost and other_gain >= gain and (other_cost, other_gain) != point
            for other_cost, other_gain in means.values()
        )

    return {key for key, point in means.items() if not is_beaten(point)}


def mean_points(points: Sequence[Point], loss: str = "reasoning") -> dict[tuple[str, int], tuple[float, float]]:
    """Return {(arm, step): (mean change of the loss, mean accuracy)} over seeds, of the steps that have both."""
    present = [point for point in points if None not in (getattr(point, loss), point.accuracy)]
    keys = dict.fromkeys((point.arm, point.step) for point in present)
    means = {}
    for key in keys:
        same = [point for point in present if (point.arm, point.step) == key]
        means[key] = tuple(float(np.mean([getattr(point, name) for point in same])) for name in (loss, "accuracy"))
    return means


def slope(points: Sequence[Point], loss: str) -> float | None:
    """Return the least-squares slope of a loss over the KL to the reference; None for few points or one KL."""
    pairs = [(point.kl, getattr(point, loss)) for point in points if None not in (point.kl, getattr(point, loss))]
    if len(pairs) < MIN_POINTS or len({kl for kl, _ in pairs}) < 2:
        return None
    return float(scipy.stats.linregress(*zip(*pairs, strict=True)).slope)


def _by_seed(points: Sequence[Point]) -> dict[int, list[Point]]:
    by_seed: dict[int, list[Point]] = {}
    for point in points:
        by_seed.setdefault(point.seed, []).append(point)
    return by_seed


def _changes(by_seed: Mapping[int, Sequence[Point]], loss: str) -> dict[int, float]:
    last = {seed: getattr(points[-1], loss) for seed, points in by_seed.items()}
    return {seed: value for seed, value in last.items() if value is not None}


def _slopes(by_seed: Mapping[int, Sequence[Point]], loss: str) -> dict[int, float]:
    slopes = {seed: slope(points, loss) for seed, points in by_seed.items()}
    return {seed: value for seed, value in slopes.items() if value is not None}


def _number(row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, numbers.Real) and math.isfinite(value) else None
