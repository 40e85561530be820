from __future__ import annotations

import numpy as np
import pytest

from alignment.evaluation.comparisons import compare_pairs
from alignment.evaluation.control_arms import LEVEL, judge_controls, withheld_claims, withhold

CONTROLS = {"modular": {"random": "modular@reward=random", "noop": "modular@steps=0"}}


def scores(accuracy: float, seeds=(0, 1, 2), questions: int = 300) -> dict:
    """Answers to the same draws, so that arms of one accuracy answer alike."""
    draws = np.random.default_rng(0).random((len(seeds), questions))
    return {
        seed: {f"q{index}": bool(value < accuracy) for index, value in enumerate(row)}
        for seed, row in zip(seeds, draws, strict=True)
    }


def planted(modular: float, random: float, noop: float) -> dict:
    return {"modular": scores(modular), "modular@reward=random": scores(random), "modular@steps=0": scores(noop)}


@pytest.mark.parametrize(
    "accuracies, as_good",
    [
        ((0.7, 0.5, 0.5), [False, False]),
        ((0.7, 0.7, 0.5), [True, False]),  # the random reward gains as much
        ((0.7, 0.8, 0.5), [True, False]),
        ((0.5, 0.5, 0.5), [True, True]),
    ],
)
def test_a_control_does_as_well_unless_the_arm_is_shown_to_be_better(accuracies, as_good):
    judged = judge_controls({"greedy": planted(*accuracies), "sampled": {}}, CONTROLS)
    assert [(row["control"], row["decoding"]) for row in judged] == [("random", "greedy"), ("noop", "greedy")]
    assert [row["as_good"] for row in judged] == as_good
    assert all((row["p"] < LEVEL) != row["as_good"] for row in judged)
    assert all((row["interval"][0] > 0) != row["as_good"] for row in judged)  # the same test as an interval


def test_a_control_that_is_barely_worse_on_few_questions_still_withholds():
    by_arm = {"modular": scores(0.52, (0,), 100), "modular@steps=0": scores(0.51, (0,), 100)}
    (row,) = judge_controls({"greedy": by_arm}, {"modular": {"noop": "modular@steps=0"}})
    assert row["difference"] >= 0 and row["as_good"]


def test_what_is_withheld_is_the_gain_and_nothing_else():
    judged = judge_controls({"greedy": planted(0.7, 0.7, 0.5), "sampled": planted(0.7, 0.5, 0.5)}, CONTROLS)
    withheld = withheld_claims(judged)
    assert withheld == {("modular", "greedy"): "its control random does as well (+0.0 points, +0.0 to +0.0)"}
    verdicts = [
        {"arm": "modular", "decoding": "greedy", "seed": None, "verdict": "learned", "reason": "rose"},
        {"arm": "modular", "decoding": "sampled", "seed": None, "verdict": "learned", "reason": "rose"},
        {"arm": "modular", "decoding": "greedy", "seed": 1, "verdict": "harmed", "reason": "fell"},
        {"arm": "modular@reward=random", "decoding": "greedy", "seed": None, "verdict": "learned", "reason": "rose"},
    ]
    result = withhold(verdicts, withheld, "learned")
    assert [row["verdict"] for row in result] == ["withheld", "learned", "harmed", "learned"]
    assert result[0]["reason"] == "rose; its control random does as well (+0.0 points, +0.0 to +0.0)"
    assert result[1:] == verdicts[1:]


def test_an_arm_whose_control_does_as_well_is_not_called_more_accurate():
    outcomes = {**planted(0.7, 0.7, 0.5), "base": scores(0.3)}
    withheld = withheld_claims(judge_controls({"greedy": outcomes}, CONTROLS))
    overall = [row for row in compare_pairs(outcomes, (), withheld) if row["seed"] is None]
    readings = {(row["first"], row["second"]): row["reading"] for row in overall}
    assert readings["modular", "base"].startswith("no claim for modular: its control random does as well")
    assert readings["modular@steps=0", "base"] == "modular@steps=0 more accurate"


def test_without_controls_nothing_is_judged():
    assert judge_controls({"greedy": planted(0.7, 0.5, 0.5)}, {}) == []
    assert judge_controls({"greedy": {"modular": scores(0.5)}}, CONTROLS) == []
