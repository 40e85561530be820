from __future__ import annotations

import pytest

from alignment.evaluation.comparisons import compare_pairs, plain_names, seed_summary, unearned_gains
from alignment.evaluation.statistics import over_seeds


def answers(right: int, n: int = 200) -> dict[str, bool]:
    return {f"q{i}": i < right for i in range(n)}


def row(
    arm: str, seed: int = 0, accuracy: float = 0.5, auditability: float = 0.5, collapsed: bool | None = None, n=200
):
    never = None if collapsed is None else False
    stability = {"collapsed": collapsed, "never_learned": never, "reward_drawdown": None if collapsed is None else 0.1}
    return {
        "arm": arm,
        "seed": seed,
        "accuracy": accuracy,
        "auditability": auditability,
        "strict_rate": 0.9,
        "n": n,
        **stability,
    }


def test_pairs_by_hand():
    pairs = compare_pairs({"base": {0: answers(60)}, "modular": {0: answers(140)}, "sft_cot": {0: answers(141)}})
    assert [(pair["first"], pair["second"]) for pair in pairs] == [
        ("base", "modular"),
        ("base", "sft_cot"),
        ("modular", "sft_cot"),
    ]
    assert (pairs[0]["first_only"], pairs[0]["second_only"], pairs[0]["difference"]) == (0, 80, pytest.approx(-0.4))
    assert pairs[0]["p"] == pytest.approx(2 * 0.5**80) and pairs[0]["p_holm"] == pytest.approx(2 * 2 * 0.5**80)
    low, high = pairs[0]["ci95"]
    assert low < -0.4 < high < -0.3
    assert [pair["reading"] for pair in pairs] == [
        "modular more accurate",
        "sft_cot more accurate",
        "no difference shown; 1.4 points would be",  # one question of 200: std 0.0707, (1.96 + 0.84) std / sqrt(200)
    ]
    assert [pair["detectable"] for pair in pairs[2:]] == [pytest.approx(2.8016 * 0.0707107 / 200**0.5, rel=1e-3)]


def test_several_seeds_are_compared_together_and_corrected_apart():
    first, second = {0: answers(140), 1: answers(120)}, {0: answers(60), 1: answers(118)}
    together, *single = compare_pairs({"a": first, "b": second})
    assert [row["seed"] for row in (together, *single)] == [None, 0, 1]
    assert (together["n"], together["first_only"], together["difference"]) == (200, None, pytest.approx(0.205))
    assert together["p_holm"] == together["p"] < 0.001 and together["reading"] == "a more accurate"
    assert [row["p_holm"] for row in single] == pytest.approx([2 * 2 * 0.5**80, 0.5])
    assert single[1]["p_bh"] == 0.5 and single[1]["ci95_seeds"] is None
    # Between the seeds lie 39 points: an interval that speaks of other seeds is far wider.
    (low, high), (low_seeds, high_seeds) = together["ci95"], together["ci95_seeds"]
    assert high_seeds - low_seeds > 2 * (high - low) and low_seeds < low < high < high_seeds


def test_few_questions_allow_no_claim():
    (pair,) = compare_pairs({"a": {0: answers(0, 99)}, "b": {0: answers(99, 99)}})
    assert pair["p_holm"] < 1e-6 and pair["reading"] == "no claim: 99 questions are too few"


def test_pairs_are_made_within_a_seed_and_over_shared_questions():
    pairs = compare_pairs({"a": {0: answers(10, 20), 1: answers(5, 20)}, "b": {1: answers(5, 15), 2: answers(9, 20)}})
    assert [(pair["seed"], pair["n"]) for pair in pairs] == [(1, 15)]
    assert compare_pairs({"a": {0: {"x": True}}, "b": {0: {"y": True}}}) == []
    assert compare_pairs({}) == []


def test_seed_summary_by_hand():
    rows = [
        row("modular", seed, accuracy=a, collapsed=c)
        for seed, a, c in ((0, 0.5, True), (1, 0.6, False), (2, 0.7, False))
    ]
    (summary,) = seed_summary(rows)
    assert summary["accuracy"] == over_seeds([0.5, 0.6, 0.7])
    assert (summary["seeds"], summary["judged"], summary["collapsed"], summary["never_learned"]) == (3, 3, 1, 0)
    assert summary["stability"] == pytest.approx(2 / 3)


def test_one_seed_gives_no_stability_and_an_arm_without_reward_none_of_it():
    modular, base = seed_summary([row("modular", collapsed=False), row("base")])
    assert (modular["collapsed"], modular["stability"]) == (0, None)
    assert (base["judged"], base["collapsed"], base["never_learned"], base["stability"]) == (0, None, None, None)


@pytest.mark.parametrize(
    ("change", "before", "after", "n", "unearned"),
    [
        (0.21, 120, 90, 200, True),
        (0.19, 120, 90, 200, False),  # the reward rose by less than two errors of 0.1
        (0.21, 90, 120, 200, False),  # and so did accuracy
        (0.21, 100, 96, 200, False),  # four questions lost: p = 0.125
        (0.21, 60, 10, 99, False),  # too few questions
    ],
)
def test_a_reward_that_rises_while_accuracy_falls_is_unearned(change, before, after, n, unearned):
    rows = [row("modular") | {"reward_change": change, "reward_change_se": 0.1}, row("sft_cot")]
    outcomes = {"sft_cot": {0: answers(before, n)}, "modular": {0: answers(after, n)}}
    (gain,) = unearned_gains(rows, outcomes, {"modular": "sft_cot", "sft_cot": None})
    assert gain["unearned"] is unearned
    assert gain["difference"] == pytest.approx((after - before) / n)


def test_gains_are_judged_within_a_seed_and_corrected_together():
    # Six questions lost and none won: p = 2 * 0.5**6 = 0.03125 alone, twice that beside another.
    rows = [row("modular", seed) | {"reward_change": 1.0, "reward_change_se": 0.1} for seed in (0, 1)]
    outcomes = {"sft_cot": {0: answers(100), 1: answers(100)}, "modular": {0: answers(94)}}
    (alone,) = unearned_gains(rows, outcomes, {"modular": "sft_cot"})
    assert (alone["p_holm"], alone["unearned"]) == (pytest.approx(0.03125), True)
    outcomes["modular"][1] = answers(94)
    together = unearned_gains(rows, outcomes, {"modular": "sft_cot"})
    assert [(gain["seed"], gain["unearned"]) for gain in together] == [(0, False), (1, False)]
    assert [gain["p_holm"] for gain in together] == pytest.approx([0.0625, 0.0625])


def test_what_cannot_be_judged_is_left_out():
    trained = row("modular") | {"reward_change": 1.0, "reward_change_se": 0.1}
    outcomes = {"sft_cot": {0: answers(100)}, "modular": {0: answers(50)}}
    assert unearned_gains([trained], outcomes, {}) == unearned_gains([trained], outcomes, {"modular": None}) == []
    assert unearned_gains([trained], {"modular": outcomes["modular"]}, {"modular": "sft_cot"}) == []
    assert unearned_gains([trained | {"reward_change_se": None}], outcomes, {"modular": "sft_cot"}) == []


def test_nothing_is_claimed_about_an_arm_that_was_not_powered():
    outcomes = {"modular": {0: answers(90)}, "sft_cot": {0: answers(10)}, "base": {0: answers(40)}}
    readings = [pair["reading"] for pair in compare_pairs(outcomes, unpowered={"modular"})]
    assert readings[:2] == ["no claim: modular not powered"] * 2 and readings[2] == "base more accurate"


def test_the_only_variant_of_an_arm_stands_for_it():
    assert plain_names(["base", "modular@beta=0", "modular@beta=0"]) == {"base": "base", "modular@beta=0": "modular"}
    two = ["modular@beta=0", "modular@beta=1"]
    assert plain_names(two) == dict(zip(two, two, strict=True))
    assert plain_names(["modular", "modular@beta=0"])["modular@beta=0"] == "modular@beta=0"


def test_a_harmed_seed_is_lost_like_a_collapsed_one():
    rows = [row("monolithic", seed, collapsed=False) for seed in (0, 1)]
    rows[0] |= {"harmed": True}
    summary = seed_summary(rows)[0]
    assert (summary["harmed"], summary["collapsed"], summary["stability"]) == (1, 0, 0.5)
    assert seed_summary(rows, unpowered={"monolithic"})[0] == summary | {"stability": None}
