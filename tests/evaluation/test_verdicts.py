from __future__ import annotations

import math

import numpy as np
import pytest

from alignment.evaluation.effects import Change, Headroom
from alignment.evaluation.verdicts import (
    Evidence,
    collect_evidence,
    decide,
    judge_arms,
    questions_needed,
    shortcomings,
    unpowered,
    with_verdicts,
)
from alignment.metric_schema import METRICS


def change(low: float, high: float, questions: int = 400, detectable: float = 0.05) -> Change:
    middle = (low + high) / 2
    return Change(questions, (middle,), 0.5, middle, [low, high], 0.01, detectable)


@pytest.mark.parametrize(
    ("evidence", "verdict", "reason"),
    [
        (Evidence(change(0.01, 0.09)), "learned", "accuracy changed by +5.0 points, 95 % interval +1.0 to +9.0"),
        (Evidence(change(-0.09, -0.01)), "harmed", "accuracy changed by -5.0 points, 95 % interval -9.0 to -1.0"),
        (Evidence(change(0.1, 0.2), strict=0.95, strict_start=0.97), "harmed", "strict format ended at 95.0%"),
        (Evidence(change(0.1, 0.2), strict=0.961, strict_start=0.97), "learned", "accuracy changed"),
        (Evidence(change(-0.02, 0.029)), "no change", "inside +-3 points"),
        (Evidence(change(-0.02, 0.031)), "not powered", "these questions and seeds detect 5.0 points"),
        (Evidence(change(0.2, 0.4, questions=99)), "not powered", "99 questions are too few; at least 100"),
        (Evidence(change(-0.02, 0.02), headroom=Headroom(0.02, "ceiling minus start")), "not powered", "no headroom"),
        (Evidence(change(0.0, 0.02), completions=900.0, needed=1000.0), "not powered", "sampled 900 completions"),
        (Evidence(change(0.0, 0.02), completions=900.0, needed=math.inf), "not powered", "no signal was measured"),
        (Evidence(change(0.0, 0.02), completions=1000.0, needed=1000.0), "no change", "inside"),
        (Evidence(change(0.01, 0.02), completions=10.0, needed=1000.0), "learned", "accuracy changed"),
    ],
)
def test_the_rule_by_hand(evidence, verdict, reason):
    decided, words = decide(evidence)
    assert decided == verdict and reason in words


def test_every_reason_why_nothing_could_have_shown_is_named():
    evidence = Evidence(change(-0.05, 0.06), headroom=Headroom(0.0, "majority@4 minus pass@1"), completions=1, needed=2)
    assert len(shortcomings(evidence)) == 3


def test_the_questions_needed_detect_the_margin_or_the_larger_change_seen():
    # The detectable change falls with the root of the number of questions: 5 points at 400.
    assert questions_needed(change(-0.05, 0.05)) == math.ceil(400 * (5 / 3) ** 2)
    assert questions_needed(change(-0.02, 0.22)) == math.ceil(400 * (5 / 10) ** 2)


QUESTIONS = [f"q{index}" for index in range(200)]


def scores(right: int, seeds=(0, 1)) -> dict:
    return {seed: {name: float(index < right) for index, name in enumerate(QUESTIONS)} for seed in seeds}


def row(arm: str, seed: int, **values) -> dict:
    names = ("strict_rate", "sampled_strict_rate")
    return (
        {"arm": arm, "seed": seed, **{name: 1.0 for name in names}}
        | {f"{name}_ci95": [0.98, 1.0] for name in names}
        | values
    )


def test_arms_are_judged_by_seed_and_together_against_their_start_and_ceiling():
    greedy = {"sft_cot": scores(100), "modular": {0: scores(140)[0], 1: scores(60)[1]}, "sft_ceiling": scores(180)}
    rows = [row(arm, seed, accuracy=0.9 if arm == "sft_ceiling" else 0.5) for arm in greedy for seed in (0, 1)]
    verdicts = judge_arms(rows, {"greedy": greedy}, {"modular": "sft_cot", "sft_cot": None}, {"sft_cot": "sft_ceiling"})
    assert [(verdict["seed"], verdict["verdict"]) for verdict in verdicts] == [
        (None, "not powered"),  # the mean change is 0, with a wide interval
        (0, "learned"),
        (1, "harmed"),
    ]
    assert all(verdict.keys() == METRICS["verdicts"].keys() for verdict in verdicts)
    together, first, second = verdicts
    assert together["seeds"] == 2 and together["seeds_up"] == 1 and together["change"] == pytest.approx(0.0)
    assert first["headroom"] == pytest.approx(0.4) and first["headroom_won"] == pytest.approx(0.5)
    assert first["p_holm"] == pytest.approx(2 * first["p"])  # two rows of single seeds
    assert together["p_holm"] == together["p"]
    shown = with_verdicts(rows, verdicts)
    assert [line["verdicts"] for line in shown if line["arm"] == "modular"] == [
        {"greedy": "learned"},
        {"greedy": "harmed"},
    ]
    assert [line["verdicts"] for line in shown if line["arm"] == "sft_cot"] == [{}, {}]
    assert unpowered(verdicts) == {"modular"} and unpowered(verdicts[1:]) == set()


def test_a_sampled_verdict_takes_its_headroom_from_the_majority_without_a_ceiling():
    values = {"samples": 4, "majority_at_k": 0.7, "sampled_accuracy": 0.5}
    rows = [row(arm, seed, **values) for arm in ("sft_cot", "modular") for seed in (0, 1)]
    sampled = {"sft_cot": scores(100), "modular": scores(120)}
    (together, *_) = judge_arms(rows, {"sampled": sampled}, {"modular": "sft_cot"})
    assert together["decoding"] == "sampled" and together["headroom_basis"] == "majority@4 minus pass@1"
    assert together["headroom"] == pytest.approx(0.2) and together["headroom_won"] is None
    assert judge_arms(rows, {"sampled": {"modular": scores(120)}}, {"modular": "sft_cot"}) == []


def test_training_power_is_read_of_the_rows():
    """N* of the mean signal over seeds: 32 x 0.96 / 0.04 for shares of -0.01 and 0.09."""
    quiet = row("modular", 0, completions=1920, completions_per_half=32.0, signal_share=-0.01)
    loud = row("modular", 1, completions=1920, completions_per_half=32.0, signal_share=0.09)
    start = [row("sft_cot", 0)]
    assert collect_evidence(change(0, 0), "greedy", [quiet], start, []).needed == math.inf
    assert collect_evidence(change(0, 0), "greedy", [quiet, loud], start, []).needed == pytest.approx(768.0)
    assert collect_evidence(change(0, 0), "greedy", [row("modular", 0)], start, []).needed is None


def test_a_verdict_of_nothing_is_rarely_learned_or_harmed():
    """Both arms right half of the time: one 95 % interval in twenty lies beside 0."""
    rng = np.random.default_rng(0)
    decided = []
    for _ in range(60):
        end, start = ({0: dict(zip(QUESTIONS, rng.integers(0, 2, 200) * 1.0, strict=True))} for _ in range(2))
        (verdict, _) = judge_arms([], {"greedy": {"a": end, "b": start}}, {"a": "b"})
        decided.append(verdict["verdict"] in ("learned", "harmed"))
    assert np.mean(decided) < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 60)
