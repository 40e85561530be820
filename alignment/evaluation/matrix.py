"""The alignment matrix filled in from an evaluation: every cell diagnosed, and weights for the next round proposed.

Per cell, with m the mean of its channel over the responses it applies to, T the target, v the share of responses under
the channel's floor and `sev` its severity (a reconstruction, the weakness and risk of tri_factor with another scale):

    deficit = clip((T - m) / (T - worst), 0, 1)           the weakest cell has the largest
    risk = sev v                                          the riskiest cell has the largest
    w <- w exp(a deficit) (1 + b risk), scaled so that the weights of the matrix keep their sum
    T <- T + (best - T) / 2 where m has reached T

a and b are `config.grpo.weights.weakness` and `.risk`. A cell that is weakest or riskiest and not paid for enters with
the smallest weight that is. A person accepts the proposal, or does not, by running the file it is written to.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np

from alignment.evaluation.tables import number, percent
from alignment.record import Record
from alignment.rewards.matrix import Cell, observed
from alignment.rewards.presets import Weight
from alignment.text.parser import Response

CAUSES = 3  # shown of each cell


@dataclasses.dataclass(frozen=True)
class Finding:
    """One cell of the matrix as an evaluation has it."""

    cell: Cell
    weight: Weight  # with the coefficient paid; 0 where the channel is not paid for
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

    findings: tuple[Finding, ...]
    weakest: str | None  # channel; None where every target is met
    riskiest: str | None  # channel; None where nothing is violated


def diagnose(
    responses: Sequence[Response],
    records: Sequence[Record],
    scores: Mapping[str, np.ndarray],
    weights: Mapping[str, Weight],
) -> Matrix:
    """Fill the matrix in.

    Args:
      responses: [N].
      records: [N], what they answer.
      scores: {channel: raw values [N], NaN where it does not apply} of every cell of `observed(weights)`.
      weights: the reward that was paid.
    """
    findings = tuple(_find(cell, responses, records, scores[cell.channel], weights) for cell in observed(weights))
    weakest, riskiest = (max(findings, key=key) for key in (lambda f: f.deficit, lambda f: f.risk))
    return Matrix(
        findings,
        weakest.cell.channel if weakest.deficit > 0 else None,
        riskiest.cell.channel if riskiest.risk > 0 else None,
    )


def _find(
    cell: Cell,
    responses: Sequence[Response],
    records: Sequence[Record],
    values: np.ndarray,
    weights: Mapping[str, Weight],
) -> Finding:
    weight = weights.get(cell.channel) or dataclasses.replace(cell.default, value=0.0)
    applies = ~np.isnan(values)
    under = np.flatnonzero(applies & (np.nan_to_num(values) < weight.floor))
    causes = collections.Counter(cell.diagnose(responses[index], records[index]) for index in under)
    n = int(applies.sum())
    if not n:
        return Finding(cell, weight, 0, None, None, ())
    return Finding(cell, weight, n, float(values[applies].mean()), len(under) / n, tuple(causes.most_common()))


def propose(matrix: Matrix, weakness: float, risk: float) -> dict[str, Weight]:
    """Return {channel: weight} for the next round: of what is paid, and of the weakest and riskiest cell.

    Args:
      matrix: of this round.
      weakness, risk: the strengths a and b.
    """
    paid = {f.cell.channel: f.weight.value for f in matrix.findings if f.weight.value > 0}
    if not paid:
        return {}
    entering = {name: min(paid.values()) for name in (matrix.weakest, matrix.riskiest) if name and name not in paid}
    before = paid | entering
    chosen = [finding for finding in matrix.findings if finding.cell.channel in before]
    wish = [before[f.cell.channel] * math.exp(weakness * f.deficit) * (1.0 + risk * f.risk) for f in chosen]
    scale = sum(before.values()) / sum(wish)
    return {
        finding.cell.channel: dataclasses.replace(finding.weight, value=scale * value, target=_next_target(finding))
        for finding, value in zip(chosen, wish, strict=True)
    }


def _next_target(finding: Finding) -> float:
    target = finding.weight.target
    solved = finding.mean is not None and finding.mean >= target
    return target + (finding.cell.best - target) / 2 if solved else target


def entries(proposal: Mapping[str, Weight]) -> tuple[str, ...]:
    """Return the proposal in the form of `--config.grpo.channels`: "channel=weight@target"."""
    return tuple(f"{name}={weight.value:.4g}@{weight.target:.4g}" for name, weight in proposal.items())


def plain_rows(matrix: Matrix, proposal: Mapping[str, Weight]) -> list[dict]:
    """Return one dict a cell, for JSON and for the report."""
    return [
        {
            "category": finding.cell.category,
            "metric": finding.cell.metric,
            "channel": finding.cell.channel,
            "n": finding.n,
            "mean": finding.mean,
            "target": finding.weight.target,
            "violations": finding.violations,
            "causes": dict(finding.causes),
            "deficit": finding.deficit,
            "risk": finding.risk,
            "weakest": finding.cell.channel == matrix.weakest,
            "riskiest": finding.cell.channel == matrix.riskiest,
            "weight": finding.weight.value,
            "next_weight": proposal[finding.cell.channel].value if finding.cell.channel in proposal else None,
            "next_target": proposal[finding.cell.channel].target if finding.cell.channel in proposal else None,
        }
        for finding in matrix.findings
    ]


HEAD = ("category", "metric", "mean", "target", "violations", "diagnosis", "channel", "weight", "next", "")


def text_matrix(rows: Sequence[Mapping]) -> str:
    """Return the rows as aligned plain text, the category named once."""
    lines, before = [HEAD], None
    for row in rows:
        lines.append(("" if row["category"] == before else row["category"], *_cells(row)))
        before = row["category"]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(row: Mapping) -> tuple[str, ...]:
    causes = ", ".join(f"{cause} ({count})" for cause, count in list(row["causes"].items())[:CAUSES])
    marks = " and ".join(name for name in ("weakest", "riskiest") if row[name])
    numbers = (number(row["mean"]), number(row["target"]), percent(row["violations"]))
    return (row["metric"], *numbers, causes, row["channel"], number(row["weight"]), number(row["next_weight"]), marks)
