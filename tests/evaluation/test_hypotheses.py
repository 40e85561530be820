from __future__ import annotations

import numpy as np
import pytest

from alignment.evaluation.hypotheses import Study, answer_all, make_study, seed_values
from alignment.evaluation.preregistration import Hypothesis, Registration
from alignment.evaluation.report import Report

QUESTIONS = 400


def entry(rule: str = "not_less", **changes) -> Hypothesis:
    values = {"name": "H", "statement": "", "metric": "accuracy", "arm": "modular", "against": ("sft_cot",)}
    return Hypothesis(**{**values, "rule": rule, "margin": 0.03, "detect": 0.08, "seeds": (0, 1, 2), **changes})


def registered(*entries: Hypothesis, correction: str = "holm") -> Registration:
    return Registration("study.toml", "", "", 0.05, 0.8, correction, entries)


def scores(accuracy: float, seeds=(0, 1, 2), questions: int = QUESTIONS, seed: int = 0) -> dict:
    """Answers of a made-up arm, each question right with the same probability at every seed."""
    uniform = np.random.default_rng(seed).random((len(seeds), questions))
    return {
        number: {f"q{index}": float(value < accuracy) for index, value in enumerate(row)}
        for number, row in zip(seeds, uniform, strict=True)
    }


def study(modular: float = 0.6, sft_cot: float = 0.5, seeds=(0, 1, 2), questions: int = QUESTIONS, **more) -> Study:
    arms = {"modular": scores(modular, seeds, questions), "sft_cot": scores(sft_cot, seeds, questions)}
    rows = [{"arm": arm, "seed": seed} for arm in arms for seed in seeds]
    return Study(rows, {"accuracy": arms}, **({"parameters": 10**6, "config": {"grpo.reward": "gated"}} | more))


def answered(hypothesis: Hypothesis, shown: Study) -> str:
    (answer,) = answer_all(registered(hypothesis), shown)
    return answer["answer"]


@pytest.mark.parametrize(
    "rule, modular, sft_cot, answer",
    [
        # Draws are common to the arms, so that differences vary little; 400 questions, three seeds.
        ("greater", 0.60, 0.50, "supported"),  # ten points are more than three
        ("greater", 0.50, 0.60, "refuted"),
        ("greater", 0.53, 0.50, "undecided"),  # at the margin
        ("less", 0.50, 0.60, "supported"),
        ("not_less", 0.50, 0.50, "supported"),  # never differs
        ("not_less", 0.60, 0.50, "supported"),
        ("not_less", 0.40, 0.50, "refuted"),
        ("not_greater", 0.60, 0.50, "refuted"),
        ("equivalent", 0.505, 0.50, "supported"),
        ("equivalent", 0.60, 0.50, "refuted"),
    ],
)
def test_the_rules_by_planted_accuracies(rule, modular, sft_cot, answer):
    assert answered(entry(rule), study(modular, sft_cot)) == answer


def independent(difference: float, questions: int) -> Study:
    first, second = scores(0.5 + difference, (0,), questions, 1), scores(0.5, (0,), questions, 2)
    rows = [{"arm": arm, "seed": 0} for arm in ("modular", "sft_cot")]
    return Study(rows, {"accuracy": {"modular": first, "sft_cot": second}}, None, {})


def test_a_null_of_a_run_that_could_not_have_shown_it_is_not_powered():
    # Independent answers of one seed differ with a standard deviation of 0.7: 400 questions detect nine points.
    hypothesis = entry("greater", margin=0.0, seeds=(0,))
    (answer,) = answer_all(registered(hypothesis), independent(0.0, 400))
    assert answer["answer"] == "not powered" and "8.0 points was registered" in answer["reason"]
    assert answer["contrasts"][0]["detectable"] == pytest.approx(2.49 * 0.707 / 20, rel=0.05)
    assert answered(hypothesis, independent(0.0, 2000)) == "undecided"  # detects four points


@pytest.mark.parametrize(
    "changes, more, answer, words",
    [
        ({"arm": "monolithic"}, {}, "not testable", "needs monolithic, not in this run"),
        ({"parameters": (3e8, 2e9)}, {}, "not testable", "300 to 2,000 M parameters; this one has 1 M parameters"),
        ({"parameters": (3e8, 2e9)}, {"parameters": None}, "not testable", "this one has unknown size"),
        ({"parameters": (3e8, 2e9)}, {"parameters": 494_000_000}, "supported", "modular minus sft_cot"),
        ({"setting": {"grpo.reward": "crpo"}}, {}, "not testable", "grpo.reward = crpo; this run has gated"),
        ({"setting": {"a": [1]}}, {"config": {"a": (1,)}}, "supported", ""),
        ({"metric": "auditability"}, {}, "not testable", "auditability has no values"),
        ({"metric": "kl_final"}, {}, "not testable", "kl_final has no values"),
        ({"seeds": (0, 1, 2, 3)}, {}, "not powered", "registered seeds that are not in this run: 3"),
        ({"questions": 500}, {}, "not powered", "400 questions, and 500 were registered"),
        ({}, {"unpowered": {"modular"}}, "not powered", "modular has the verdict not powered"),
    ],
)
def test_what_a_run_cannot_say_is_not_answered(changes, more, answer, words):
    (result,) = answer_all(registered(entry(**changes)), study(**more))
    assert result["answer"] == answer and words in result["reason"]
    assert (result["p_adjusted"] is None) == (answer in ("not testable", "not powered"))


def test_a_reward_stage_below_its_budget_is_not_powered():
    shown = study()
    rows = [row | ({"completions": 1500.0} if row["arm"] == "modular" else {}) for row in shown.rows]
    assert answered(entry(completions=1500), shown._replace(rows=rows)) == "supported"
    (answer,) = answer_all(registered(entry(completions=3000)), shown._replace(rows=rows))
    assert answer["reason"] == "a reward stage sampled 1,500 completions, and 3,000 were registered"


def test_seeds_that_were_not_registered_do_not_count():
    shown = study(0.6, 0.5, seeds=(0, 1, 2))
    late = {
        arm: {**by_seed, 9: {name: 1.0 - value for name, value in by_seed[0].items()}}
        for arm, by_seed in shown.scores["accuracy"].items()
    }
    rows = [*shown.rows, *({"arm": arm, "seed": 9} for arm in late)]
    more = shown._replace(rows=rows, scores={"accuracy": late})
    assert answer_all(registered(entry()), more) == answer_all(registered(entry()), shown)


def test_a_rule_must_hold_against_each_arm_and_is_corrected_over_the_file():
    shown = study()
    accuracies = {**shown.scores["accuracy"], "grpo_only": scores(0.75)}
    both = shown._replace(
        scores={"accuracy": accuracies}, rows=[*shown.rows, *({"arm": "grpo_only", "seed": seed} for seed in (0, 1, 2))]
    )
    worst = entry("greater", against=("sft_cot", "grpo_only"))
    assert answered(worst, both) == "refuted"
    alone = answer_all(registered(entry("greater")), both)[0]
    pair = answer_all(registered(entry("greater"), entry("greater", name="K")), both)
    assert [answer["p_adjusted"] for answer in pair] == pytest.approx([2 * alone["contrasts"][0]["p"]] * 2)
    lenient = answer_all(registered(entry("greater"), entry("greater", name="K"), correction="bh"), both)
    assert lenient[0]["p_adjusted"] == pytest.approx(alone["contrasts"][0]["p"])


def test_support_of_a_gain_is_withheld_where_a_control_does_as_well():
    shown = study()._replace(withheld={("modular", "accuracy"): "its control random does as well"})
    (answer,) = answer_all(registered(entry("greater")), shown)
    assert answer["answer"] == "undecided" and answer["reason"].endswith("Withheld: its control random does as well")
    assert answered(entry("not_less"), shown) == "supported"  # a control that does nothing is no worse either
    assert answered(entry("greater", arm="sft_cot", against=("modular",)), shown) == "refuted"


def test_an_arm_is_known_by_its_name_beside_its_controls():
    label, control = "modular@learning_rate=5e-4", "modular@learning_rate=5e-4@reward=random"
    accuracies = study().scores["accuracy"]
    outcomes = {label: accuracies["modular"], control: accuracies["sft_cot"], "sft_cot": accuracies["sft_cot"]}
    rows = [{"arm": arm, "seed": seed} for arm in outcomes for seed in (0, 1, 2)]
    report = Report(rows, {}, [], [], {}, outcomes, controls={label: {"random": control}})
    named = make_study(report, unpowered={label})
    assert {row["arm"] for row in named.rows} == {"modular", control, "sft_cot"} and named.unpowered == {"modular"}
    assert answered(entry("greater"), named._replace(unpowered=())) == "supported"


def lost_rows(monolithic: list[bool], modular: list[bool]) -> list[dict]:
    arms = {"monolithic": monolithic, "modular": modular}
    return [
        {"arm": arm, "seed": seed, "collapsed": value, "harmed": False}
        for arm, values in arms.items()
        for seed, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    "monolithic, modular, answer",
    [
        ([True] * 5, [False] * 5, "supported"),
        ([False] * 5, [True] * 5, "refuted"),
        ([True, True, False, False, False], [False] * 5, "undecided"),
        ([True, True], [False, False], "not powered"),  # p = 1/16 at best
    ],
)
def test_lost_seeds_are_counted_by_an_exact_test(monolithic, modular, answer):
    seeds = tuple(range(len(modular)))
    hypothesis = entry("greater", metric="lost", arm="monolithic", against=("modular",), margin=0.0, seeds=seeds)
    shown = Study(lost_rows(monolithic, modular), {}, None, {})
    assert answered(hypothesis._replace(detect=1.0), shown) == answer


def test_a_harmed_seed_is_lost():
    rows = lost_rows([False, False], [True, False])
    rows[0] |= {"verdicts": {"greedy": "harmed"}}
    assert seed_values(rows, "monolithic", "lost", (0, 1)) == {0: 1.0, 1: 0.0}
    assert seed_values(rows, "modular", "lost", (1,)) == {1: 0.0}
    assert seed_values([{"arm": "base", "seed": 0}], "base", "lost", (0,)) == {}


def test_a_metric_of_which_a_seed_has_one_value_is_compared_over_seeds():
    rows = [
        {"arm": arm, "seed": seed, "reasoning_nll": value + 0.01 * seed}
        for arm, value in (("modular", 0.5), ("sft_cot", 0.9))
        for seed in (0, 1, 2)
    ]
    hypothesis = entry("less", metric="reasoning_nll", margin=0.1, detect=0.1)
    (answer,) = answer_all(registered(hypothesis), Study(rows, {}, None, {}))
    (contrast,) = answer["contrasts"]
    assert answer["answer"] == "supported" and contrast["difference"] == pytest.approx(-0.4)
    assert (contrast["seeds"], contrast["questions"]) == (3, None)
