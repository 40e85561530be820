"""The stability map: at which learning rates an arm learns without harm, from the results of a sweep in one workdir.

An arm of the sweep is named `ARM@learning_rate=RATE`. At one seed it *holds* at a rate where a verdict (`verdicts`)
says *learned* for at least one decoding and *harmed* for none, and its training neither collapsed nor ended harmed
(`stability`). The stability of an arm is the width of the longest range of neighbouring rates at which it holds,
counted in rates: of a grid in factors of two, each rate stands for one factor of two around it, so a single rate is a
width of 1 and none is 0. A range that reaches an end of the grid may go on beyond it.

Arms are compared by width, and not at one rate that suits one of them. Rule and width are a reconstruction: no source
paper says when a method counts as stable.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.evaluation.statistics import over_seeds
from alignment.evaluation.verdicts import HARMED, LEARNED

Row = Mapping[str, Any]

MIN_RATES = 3  # of an arm that is mapped
_RATE = "learning_rate="


class Point(NamedTuple):
    """One arm at one rate and one seed."""

    arm: str  # without the rate
    rate: float
    seed: int
    row: Row  # of results.json, with `verdicts`
    holds: bool
    kl_step: float | None  # nat a token and step, of the policy that sampled last from the start


class Width(NamedTuple):
    """The longest range of neighbouring rates at which an arm holds."""

    count: int  # of its rates
    low: float | None  # first and last rate; None where the count is 0
    high: float | None
    is_open: bool  # whether it reaches an end of the grid


class ArmMap(NamedTuple):
    """What the map says about one arm."""

    arm: str
    rates: list[float]  # of the grid
    by_seed: dict[int, Width]
    width: dict[str, Any]  # `statistics.over_seeds` of the counts of `by_seed`
    best_rate: float  # highest accuracy on the development split, mean over seeds
    best_score: float


def split_rate(label: str) -> tuple[str, float | None]:
    """Return (the arm without its rate, the rate); (`label`, None) where it names none.

    `modular@beta=0@learning_rate=2e-3` is (`modular@beta=0`, 0.002).
    """
    rates = [part for part in label.split("@") if part.startswith(_RATE)]
    arm = "@".join(part for part in label.split("@") if not part.startswith(_RATE))
    return arm, float(rates[0].removeprefix(_RATE)) if rates else None


def holds(row: Row) -> bool:
    """Whether a results row with `verdicts` learned by some decoding and nothing of it was harmed."""
    verdicts = {*(row.get("verdicts") or {}).values()}
    return LEARNED in verdicts and HARMED not in verdicts and not row.get("collapsed") and not row.get("harmed")


def map_points(rows: Sequence[Row]) -> list[Point]:
    """Return the points of all arms with at least `MIN_RATES` rates, by arm, rate and seed; [] where there are none.

    Args:
      rows: of results.json, completed by `verdicts.with_verdicts`.
    """
    points = []
    for row in rows:
        arm, rate = split_rate(row["arm"])
        if rate is not None:
            kl, steps = row.get("kl_final"), row.get("steps")
            points.append(Point(arm, rate, row["seed"], row, holds(row), None if kl is None else kl / steps))
    grids = _grids(points)
    return sorted((p for p in points if len(grids[p.arm]) >= MIN_RATES), key=lambda p: p[:3])


def widest(rates: Sequence[float], held: Sequence[bool]) -> Width:
    """Return the longest range of neighbouring `rates` [R], ascending, that are held [R]; of equals the lowest."""
    runs = [[*run] for held_, run in itertools.groupby(range(len(rates)), key=held.__getitem__) if held_]
    if not runs:
        return Width(0, None, None, False)
    longest = max(runs, key=len)
    first, last = longest[0], longest[-1]
    return Width(len(longest), rates[first], rates[last], first == 0 or last == len(rates) - 1)


def arm_maps(points: Sequence[Point]) -> list[ArmMap]:
    """Return the map of each arm of `map_points`.

    A rate that a seed lacks, as in a sweep that is not finished, is not held by it.
    """
    maps = []
    for arm, rates in _grids(points).items():
        mine = [point for point in points if point.arm == arm]
        held = {(point.seed, point.rate): point.holds for point in mine}
        seeds = sorted({point.seed for point in mine})
        by_seed = {seed: widest(rates, [held.get((seed, rate), False) for rate in rates]) for seed in seeds}
        scores = {rate: development_score([point for point in mine if point.rate == rate]) for rate in rates}
        best = max(rates, key=lambda rate: (scores[rate], -rate))
        width = over_seeds([width.count for width in by_seed.values()])
        maps.append(ArmMap(arm, rates, by_seed, width, best, scores[best]))
    return maps


def best_labels(points: Sequence[Point], maps: Sequence[ArmMap]) -> list[str]:
    """Return the label of each mapped arm at its best rate."""
    best = {(entry.arm, entry.best_rate) for entry in maps}
    return list(dict.fromkeys(point.row["arm"] for point in points if (point.arm, point.rate) in best))


def development_score(points: Sequence[Point]) -> float:
    """Return the accuracy on the development questions, sampled where there are samples, mean over `points`; -1: none.

    Rates are chosen by it, so that no reported question has a part in the choice.
    """
    parts = [point.row.get("dev") or {} for point in points]
    name = "sampled_accuracy" if all(part.get("sampled_accuracy") is not None for part in parts) else "accuracy"
    scores = [part[name] for part in parts if part.get(name) is not None]
    return float(np.mean(scores)) if scores else -1.0


def width_difference(first: ArmMap, second: ArmMap) -> dict[str, Any]:
    """Return `statistics.over_seeds` of the first arm's width minus that of the second, at their common seeds."""
    seeds = sorted(first.by_seed.keys() & second.by_seed.keys())
    return over_seeds([first.by_seed[seed].count - second.by_seed[seed].count for seed in seeds])


def _grids(points: Sequence[Point]) -> dict[str, list[float]]:
    grids: dict[str, set[float]] = {}
    for point in points:
        grids.setdefault(point.arm, set()).add(point.rate)
    return {arm: sorted(rates) for arm, rates in grids.items()}
