"""The schema of the metrics: what every key of metrics.jsonl, results.json and the report is.

`alignment/assets/metrics.toml` declares them, in groups: those of a training step (`stage`, `sft`, `grpo`, with the
`channels` and `symptoms` that the patterns reward/<channel> and watch/<symptom> stand for), of the evaluation, and of
the comparisons between arms.
"""

from __future__ import annotations

import difflib
import importlib.resources
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.errors import UserError


class Metric(NamedTuple):
    """The declaration of one metric."""

    name: str  # a key, or a pattern such as reward/<channel>
    unit: str  # "" where it has none
    formula: str
    healthy: str = ""  # a rule of thumb for reading it
    module: str = ""  # what computes it, under alignment/
    reduction: str = "mean"  # over the optimiser steps of a rollout: mean, max or sum


_DECLARED = tomllib.loads(
    (importlib.resources.files("alignment") / "assets" / "metrics.toml").read_text(encoding="utf-8")
)
OLD_NAMES: dict[str, str] = _DECLARED.pop("old_names")  # in files written before -> now
METRICS = {group: {row["name"]: Metric(**row) for row in rows} for group, rows in _DECLARED.items()}
TRAINING = METRICS["stage"] | METRICS["sft"] | METRICS["grpo"]
RESULTS = (
    METRICS["evaluation"]
    | METRICS["sampled"]
    | METRICS["likelihood"]
    | METRICS["stability"]
    | METRICS["power"]
    | METRICS["decoupling"]
)
REDUCTIONS = {"mean": np.mean, "max": max, "sum": sum}


def find_metric(key: str) -> Metric:
    """Return the declaration of a key of metrics.jsonl or results.json.

    Raises:
      UserError: the key is not declared; the message gives its present name, or the nearest one.
    """
    declared = TRAINING | RESULTS
    prefix = key.partition("/")[0]
    for name in (key, f"{prefix}/<channel>", f"{prefix}/<symptom>"):
        if name in declared and key != prefix + "/":
            return declared[name]
    if key in OLD_NAMES:
        raise UserError(f"the metric {key!r} is now called {OLD_NAMES[key]!r}")
    nearest = difflib.get_close_matches(key, declared, n=1, cutoff=0.0)[0]
    raise UserError(f"unknown metric {key!r}; did you mean {nearest!r}? docs/metrics.md lists all of them")


def reduce_steps(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Reduce the metrics of a rollout's optimiser steps, each as it is declared; what is not declared to its mean."""
    reductions = {name: TRAINING[name].reduction if name in TRAINING else "mean" for name in rows[0]}
    return {name: float(REDUCTIONS[kind]([float(row[name]) for row in rows])) for name, kind in reductions.items()}


def with_current_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the names of `OLD_NAMES` replaced by the present ones."""
    return {OLD_NAMES.get(name, name): value for name, value in row.items()}
