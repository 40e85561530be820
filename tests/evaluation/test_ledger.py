from __future__ import annotations

import math

import pytest

from alignment.evaluation.ledger import (
    compare_ledgers,
    ledger_points,
    mean_points,
    pareto_steps,
    slope,
    summarise_ledger,
)
from alignment.evaluation.ledger_plot import ledger_plot
from alignment.metric_schema import METRICS


def rows(kl_slope: float, gain: float = 0.1, steps: int = 4) -> list[dict]:
    """Measured steps whose SFT loss rises by `kl_slope` a nat of KL; retention rises by half of it."""
    made = []
    for step in range(1, steps + 1):
        kl = 0.1 * step
        made.append(
            {"step": step, "kl/mean": kl, "kl/base": 1 + kl, "reasoning/nll": 2 + kl_slope * kl}
            | {"retention/nll": 3 + kl_slope * kl / 2, "completion/accuracy": 0.4 + gain * step, "reward/mean": kl}
            | {"completion/strict": 1.0}
        )
    made[0] |= {"reasoning/nll_start": 2.0, "retention/nll_start": 3.0}
    return [*made, {"step": steps + 1, "kl/mean": 9.0}]  # a step that was not measured


CURVES = {
    "modular": {0: rows(0.5), 1: rows(0.7)},
    "monolithic": {0: rows(2.0), 1: rows(2.4)},
    "reasoning": {0: [{"step": 1, "nll": 1.0}]},
}


def test_points_are_changes_since_the_stage_began():
    points = ledger_points(CURVES)
    assert [(point.arm, point.seed, point.step) for point in points[:5]] == [
        *(("modular", 0, step) for step in (1, 2, 3, 4)),
        ("modular", 1, 1),
    ]
    first = points[0]
    assert (first.reasoning, first.retention) == (pytest.approx(0.05), pytest.approx(0.025))
    assert (first.kl, first.kl_base, first.accuracy, first.strict) == (0.1, 1.1, 0.5, 1.0)
    assert {point.arm for point in points} == {"modular", "monolithic"}


def test_one_slope_and_one_change_a_seed_over_seeds():
    modular, monolithic = summarise_ledger(ledger_points(CURVES))
    assert modular.keys() == METRICS["ledger"].keys()
    assert (modular["arm"], modular["seeds"], modular["checkpoints"]) == ("modular", 2, 4)
    assert modular["reasoning_slope"]["mean"] == pytest.approx(0.6)
    assert modular["retention_slope"]["mean"] == pytest.approx(0.3)
    assert monolithic["reasoning_change"]["mean"] == pytest.approx(0.4 * 2.2)
    # Two seeds, t(0.975, 1) = 12.706: half the width is 12.706 x std / sqrt 2, std of 0.5 and 0.7.
    low, high = modular["reasoning_slope"]["ci"]
    assert high - low == pytest.approx(2 * 12.7062 * 0.1414214 / math.sqrt(2), rel=1e-4)


def test_two_arms_are_compared_at_their_common_seeds():
    points = ledger_points(CURVES)
    compared = compare_ledgers(points, "modular", "monolithic")
    assert compared["reasoning_slope"]["mean"] == pytest.approx(-1.6) and compared["reasoning_slope"]["n"] == 2
    assert compare_ledgers(points, "modular", "base") is None


def test_a_slope_needs_three_points_and_two_divergences():
    points = ledger_points({"modular": {0: rows(0.5)}})
    assert slope(points, "reasoning") == pytest.approx(0.5)
    assert slope(points[:2], "reasoning") is None
    assert slope([point._replace(kl=0.1) for point in points], "reasoning") is None
    assert slope([point._replace(retention=None) for point in points], "retention") is None


def test_the_front_holds_what_nothing_beats():
    points = ledger_points(CURVES)
    # Both arms gain alike, and the monolithic one pays more for it at every step: it is beaten everywhere.
    assert pareto_steps(points) == {("modular", step) for step in (1, 2, 3, 4)}
    assert mean_points(points)["modular", 4] == (pytest.approx(0.24), pytest.approx(0.8))
    better = ledger_points(CURVES | {"monolithic": {0: rows(2.0, gain=0.14)}})
    assert ("monolithic", 4) in pareto_steps(better) and ("modular", 4) in pareto_steps(better)


def test_the_figure_is_drawn_of_what_was_measured():
    colour = {"modular": "#009e73", "monolithic": "#cc79a7"}
    drawn = ledger_plot(ledger_points(CURVES), colour)
    assert drawn.startswith("<svg") and "Loss of unseen text over KL" in drawn
    alone = {
        "modular": {0: [{name: value for name, value in row.items() if "retention" not in name} for row in rows(1)]}
    }
    assert "Loss of unseen text" not in ledger_plot(ledger_points(alone), colour)
    assert ledger_plot([], colour) is None
