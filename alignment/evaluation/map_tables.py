"""The tables of a stability map, as lines of text cells."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from alignment.evaluation.stability_map import ArmMap, Point, width_difference
from alignment.evaluation.tables import NONE, number, percent

MAP_HEAD = ("arm", "rate", "sampled", "greedy", "strict format", "KL a step", "verdicts, sampled", "greedy", "holds")
WIDTH_HEAD = ("arm", "width, factors of two", "95 % over seeds", "by seed", "ranges by seed", "best rate", "its score")
DIFFERENCE_HEAD = ("first", "second", "first minus second, factors of two", "95 % over seeds")


def map_rows(points: Sequence[Point]) -> list[list[str]]:
    """Return a line of `MAP_HEAD` for each arm and rate of a stability map, means over seeds."""
    lines = []
    for arm, rate in dict.fromkeys((point.arm, point.rate) for point in points):
        same = [point for point in points if (point.arm, point.rate) == (arm, rate)]
        values = [mean_of([point.row.get(key) for point in same]) for key in ("sampled_accuracy", "accuracy")]
        values += [mean_of([point.row.get("strict_rate") for point in same])]
        judged = [", ".join(p.row["verdicts"].get(decoding, NONE) for p in same) for decoding in ("sampled", "greedy")]
        kl = number(mean_of([point.kl_step for point in same]))
        lines.append(
            [arm, f"{rate:g}", *map(percent, values), kl, *judged, f"{sum(p.holds for p in same)} of {len(same)}"]
        )
    return lines


def width_rows(maps: Sequence[ArmMap]) -> list[list[str]]:
    """Return a line of `WIDTH_HEAD` for each arm of a stability map; `+` marks a range that reaches an end."""
    return [
        [
            entry.arm,
            f"{entry.width['mean']:.2g}",
            limits(entry.width["ci"]),
            ", ".join(f"{width.count}{'+' if width.is_open else ''}" for width in entry.by_seed.values()),
            ", ".join(f"{w.low:g} to {w.high:g}" if w.count else "none" for w in entry.by_seed.values()),
            f"{entry.best_rate:g}",
            percent(entry.best_score if entry.best_score >= 0 else None),
        ]
        for entry in maps
    ]


def difference_rows(maps: Sequence[ArmMap]) -> list[list[str]]:
    """Return for each two arms of a stability map their names, the difference of their widths and its interval."""
    pairs = itertools.combinations(maps, 2)
    differences = [(first.arm, second.arm, width_difference(first, second)) for first, second in pairs]
    return [[first, second, f"{d['mean']:+.2g}", limits(d["ci"])] for first, second, d in differences if d["n"]]


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None of none."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None


def limits(interval: Sequence[float] | None) -> str:
    """Format an interval of plain numbers; a dash where there is none."""
    return f"{interval[0]:.1f} to {interval[1]:.1f}" if interval else NONE
