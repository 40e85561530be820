"""The alignment matrix of an evaluation: every cell diagnosed, and weights for the next round proposed.

The cells are declared in `alignment/evaluation/matrix_cells.py`. Per cell, with m the mean of its channel over the
responses it applies to, T the target, v the share of responses under the channel's floor and `sev` its severity (a
reconstruction: weakness and risk of tri_factor on another scale):

    deficit = clip((T - m) / (T - worst), 0, 1)           the weakest cell has the largest
    risk = sev v                                          the riskiest cell has the largest
    w <- w exp(a deficit) (1 + b risk), scaled so that the weights of the matrix keep their sum
    T <- T + (best - T) / 2 where m has reached T

a and b are `config.grpo.weights.weakness` and `.risk`. A weakest or riskiest cell whose channel is not part of the
reward enters with the smallest weight of the reward. A person accepts the proposal by running the file that holds it.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from alignment.common.tables import text_table
from alignment.evaluation.matrix_cells import Cell, observed
from alignment.evaluation.tables import number, percent
from alignment.record import Record
from alignment.rewards.presets import Weight
from alignment.text.parser import Response

CAUSES = 3  # shown of each cell


@dataclasses.dataclass(frozen=True)
class CellResult:
    """One cell of the matrix with its values in an evaluation."""

    cell: Cell
    weight: Weight  # of the channel in the reward; value 0 where the channel is not part of it
    n: int  # responses it applies to
    mean: float | None  # None where it applies to none
    violations: float | None  # share under the floor
    causes: tuple[tuple[str, int], ...]  # of the violations, most frequent first

    @property
    def deficit(self) -> float:
        """How far the mean is from the target, as a share of the way from the worst value."""
        target = self.weight.target
        if self.mean is None:
            return 0.0
        return min(1.0, max(0.0, (target - self.mean) / max(target - self.cell.worst, 1e-9)))

    @property
    def risk(self) -> float:
        """Severity times the share of violations."""
        return self.weight.severity * (self.violations or 0.0)


@dataclasses.dataclass(frozen=True)
class Matrix:
    """All cells, and which of them are worst."""

    results: tuple[CellResult, ...]
    weakest: str | None  # channel; None where every target is met
    riskiest: str | None  # channel; None where nothing is violated


def diagnose(
    responses: Sequence[Response],
    records: Sequence[Record],
    scores: Mapping[str, np.ndarray],
    weights: Mapping[str, Weight],
) -> Matrix:
    """Diagnose every cell that is shown.

    Args:
      responses: [N].
      records: [N], what they answer.
      scores: {channel: raw values [N], NaN where it does not apply} of every cell of `observed(weights)`.
      weights: of the channels of the reward the model was trained with.
    """
    results = tuple(
        _diagnose_cell(cell, responses, records, scores[cell.channel], weights) for cell in observed(weights)
    )
    weakest, riskiest = (max(results, key=key) for key in (lambda result: result.deficit, lambda result: result.risk))
    return Matrix(
        results,
        weakest.cell.channel if weakest.deficit > 0 else None,
        riskiest.cell.channel if riskiest.risk > 0 else None,
    )


def _diagnose_cell(
    cell: Cell,
    responses: Sequence[Response],
    records: Sequence[Record],
    values: np.ndarray,
    weights: Mapping[str, Weight],
) -> CellResult:
    weight = weights.get(cell.channel) or dataclasses.replace(cell.default, value=0.0)
    applies = ~np.isnan(values)
    under = np.flatnonzero(applies & (np.nan_to_num(values) < weight.floor))
    causes = collections.Counter(cell.diagnose(responses[index], records[index]) for index in under)
    n = int(applies.sum())
    if not n:
        return CellResult(cell, weight, 0, None, None, ())
    return CellResult(cell, weight, n, float(values[applies].mean()), len(under) / n, tuple(causes.most_common()))


def propose(matrix: Matrix, weakness: float, risk: float) -> dict[str, Weight]:
    """Return {channel: weight} for the next round: of the reward's channels, and of the weakest and riskiest cell.

    Args:
      matrix: of this round.
      weakness, risk: the strengths a and b.
    """
    rewarded = {result.cell.channel: result.weight.value for result in matrix.results if result.weight.value > 0}
    if not rewarded:
        return {}
    entering = {
        name: min(rewarded.values()) for name in (matrix.weakest, matrix.riskiest) if name and name not in rewarded
    }
    before = rewarded | entering
    chosen = [result for result in matrix.results if result.cell.channel in before]
    target_weights = [
        before[result.cell.channel] * math.exp(weakness * result.deficit) * (1.0 + risk * result.risk)
        for result in chosen
    ]
    scale = sum(before.values()) / sum(target_weights)
    proposal = {}
    for result, value in zip(chosen, target_weights, strict=True):
        target = result.weight.target
        if result.mean is not None and result.mean >= target:  # solved: half of the way to the best value is next
            target += (result.cell.best - target) / 2
        proposal[result.cell.channel] = dataclasses.replace(result.weight, value=scale * value, target=target)
    return proposal


def entries(proposal: Mapping[str, Weight]) -> tuple[str, ...]:
    """Return the proposal in the form of `--config.grpo.channels`: "channel=weight@target"."""
    return tuple(f"{name}={weight.value:.4g}@{weight.target:.4g}" for name, weight in proposal.items())


def plain_rows(matrix: Matrix, proposal: Mapping[str, Weight]) -> list[dict]:
    """Return one dict a cell, for JSON and for the report."""
    rows = []
    for result in matrix.results:
        cell, proposed = result.cell, proposal.get(result.cell.channel)
        rows.append(
            {
                "category": cell.category,
                "metric": cell.metric,
                "channel": cell.channel,
                "n": result.n,
                "mean": result.mean,
                "target": result.weight.target,
                "violations": result.violations,
                "causes": dict(result.causes),
                "deficit": result.deficit,
                "risk": result.risk,
                "weakest": cell.channel == matrix.weakest,
                "riskiest": cell.channel == matrix.riskiest,
                "weight": result.weight.value,
                "next_weight": proposed and proposed.value,
                "next_target": proposed and proposed.target,
            }
        )
    return rows


HEAD = ("category", "metric", "mean", "target", "violations", "diagnosis", "channel", "weight", "next", "")


def text_matrix(rows: Sequence[Mapping]) -> str:
    """Return the rows as aligned plain text that names each category once."""
    lines, category = [HEAD], None
    for row in rows:
        causes = ", ".join(f"{cause} ({count})" for cause, count in list(row["causes"].items())[:CAUSES])
        numbers = (number(row["mean"]), number(row["target"]), percent(row["violations"]))
        weights = (number(row["weight"]), number(row["next_weight"]))
        marks = " and ".join(name for name in ("weakest", "riskiest") if row[name])
        shown_category = "" if row["category"] == category else row["category"]
        lines.append((shown_category, row["metric"], *numbers, causes, row["channel"], *weights, marks))
        category = row["category"]
    return text_table(lines)
