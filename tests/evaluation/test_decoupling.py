"""The last measurement of each kind, whatever rows lack it."""

from __future__ import annotations

from alignment.evaluation.decoupling import KEYS, decoupling


def test_the_last_measured_value_counts():
    rows = [
        {"step": 1, "reasoning/nll_start": 1.5, "reasoning/nll": 1.6, "distance/weights": 0.1},
        {"step": 2, "loss": 0.0},
        {"step": 3, "reasoning/nll": 1.9, "reasoning/nll_without_reward": 1.5, "distance/weights": None},
    ]
    assert decoupling(rows) == {
        "reasoning_nll_start": 1.5,
        "reasoning_nll": 1.9,
        "reasoning_nll_without_reward": 1.5,
        "retention_nll_start": None,
        "retention_nll": None,
        "kl_base": None,
        "weights_moved": 0.1,
        "weights_moved_share": None,
    }
    assert decoupling([]) == dict.fromkeys(KEYS)
