from __future__ import annotations

import dataclasses

import pytest

from alignment import arms
from alignment.arms import (
    ARMS,
    CONTROLS,
    SNAPSHOT,
    STAGES,
    Arm,
    Stage,
    controls_of,
    get_arm,
    rewarded_stage,
    stage_order,
    start_arm,
    with_controls,
)
from alignment.config import HEADLINE_ARMS
from alignment.errors import UserError


def names(*chosen):
    return [stage.name for stage in stage_order(chosen)]


def test_the_headline_arms_share_one_sft():
    assert names(*HEADLINE_ARMS) == ["reasoning", "reward_on_base", "monolithic_grpo", "reward"]


def test_stages_come_after_those_they_depend_on():
    order = names(*ARMS)
    for index, name in enumerate(order):
        assert set(STAGES[name].needs) <= set(order[:index])
    assert len(order) == len(set(order)) == len(STAGES)


def test_the_references_are_those_of_the_method():
    assert STAGES["reward"].reference == ("reasoning",) == STAGES["reward"].under
    assert STAGES["monolithic_grpo"].reference == SNAPSHOT == STAGES["answers_grpo"].reference
    assert STAGES["reward_on_base"].reference == () == STAGES["joint"].reference
    assert STAGES["reward_on_merged"].reference == ()
    assert STAGES["reward_on_merged"].merged == ("reasoning",)


def test_an_arm_without_stages_needs_nothing():
    assert names("base") == []


def test_an_arm_is_added_by_an_entry(monkeypatch):
    stage = Stage("late_reasoning", "sft_cot", "reasoning", "SFT after GRPO", under=("reward_on_base",))
    monkeypatch.setitem(arms.STAGES, stage.name, stage)
    monkeypatch.setitem(arms.ARMS, "reversed", Arm("reversed", "GRPO first", ("reward_on_base", "late_reasoning")))
    assert names("reversed") == ["reward_on_base", "late_reasoning"]


def test_an_unknown_arm_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'monolithic'"):
        get_arm("monolitic")


def test_a_stage_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setitem(arms.ARMS, "broken", dataclasses.replace(ARMS["base"], serves=("nowhere",)))
    with pytest.raises(UserError, match="nowhere"):
        stage_order(["broken"])


def test_the_start_arm_answers_as_the_reward_stage_begins():
    before = {name: start_arm(arm) for name, arm in ARMS.items()}
    assert before == {
        "base": None,
        "sft_cot": None,
        "grpo_only": "base",
        "monolithic": "sft_cot",
        "modular": "sft_cot",
        "sft_answer": None,
        "sft_answer_grpo": "sft_answer",
        "sft_ceiling": None,
        "sft_shuffled": None,
        "modular_shuffled": "sft_shuffled",
        "monolithic_shuffled": "sft_shuffled",
        "joint_mono": "base",
        "modular_parallel": None,  # its reward stage never saw the reasoning adapter
        "modular_merged": "sft_cot",
        "sft_cot_wide": None,
        "monolithic_matched": "sft_cot_wide",
    }


def test_a_variant_shares_every_stage_but_the_rewarded_one():
    order = names("sft_cot", "modular", "modular@learning_rate=2e-3@beta=0", "monolithic@learning_rate=5e-4")
    assert order == [
        "reasoning",
        "reward",
        "reward@learning_rate=2e-3@beta=0",
        "monolithic_grpo@learning_rate=5e-4",
    ]
    variant = get_arm("modular@learning_rate=2e-3@beta=0")
    assert variant.serves == ("reasoning", "reward@learning_rate=2e-3@beta=0")
    assert rewarded_stage(variant).variant == (("learning_rate", "2e-3"), ("beta", "0"))
    assert rewarded_stage(variant).under == STAGES["reward"].under
    assert start_arm(variant) == "sft_cot"
    assert start_arm(get_arm("grpo_only@beta=0")) == "base"


@pytest.mark.parametrize(
    "label, words",
    [
        ("modular@", "is not written as"),
        ("modular@learning_rate", "is not written as"),
        ("modular@=3", "is not written as"),
        ("modular@beta=", "is not written as"),
        ("modular@beta=0@", "is not written as"),
        ("modular@feedback=/tmp/model", "without slashes"),
        ("base@beta=0", "no reward stage"),
        ("sft_cot@beta=0", "no reward stage"),
        ("modluar@beta=0", "did you mean 'modular'"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(label, words):
    with pytest.raises(UserError, match=words):
        get_arm(label)


def test_every_rewarded_arm_has_its_controls_with_its_other_leaves():
    assert controls_of("modular") == {
        "random": "modular@reward=random",
        "inverted": "modular@reward=inverted",
        "format_only": "modular@reward=format_only",
        "noop": "modular@steps=0",
        "shuffled_cot": "modular_shuffled",
    }
    assert tuple(controls_of("modular")) == CONTROLS
    variant = controls_of("monolithic@learning_rate=5e-4@reward=gated")
    assert variant["random"] == "monolithic@learning_rate=5e-4@reward=random"  # in place of its own reward
    assert variant["noop"] == "monolithic@learning_rate=5e-4@reward=gated@steps=0"
    assert variant["shuffled_cot"] == "monolithic_shuffled@learning_rate=5e-4@reward=gated"
    for label in (*controls_of("modular").values(), *variant.values()):
        assert get_arm(label) and controls_of(label) == {}
    assert controls_of("sft_cot") == {"shuffled_cot": "sft_shuffled"}
    assert controls_of("base") == {}
    assert set(controls_of("grpo_only")) == {"random", "inverted", "format_only", "noop"}


def test_controls_are_added_to_any_list_of_arms():
    assert with_controls(("base", "sft_cot", "modular"), ("noop", "shuffled_cot")) == (
        *("base", "sft_cot", "modular", "modular@steps=0", "sft_shuffled", "modular_shuffled"),
    )
    once = with_controls(("modular",), ("random",))
    assert with_controls(once, ("random",)) == once == ("modular", "modular@reward=random")
    with pytest.raises(UserError, match=r"control \(--controls\) 'nop'; did you mean 'noop'"):
        with_controls(("modular",), ("nop",))
    with pytest.raises(UserError, match="--controls=random: none of the arms base, sft_cot has that control"):
        with_controls(("base", "sft_cot"), ("random",))


def test_shuffled_chains_are_a_data_variant_of_the_same_stages():
    assert names("modular", "modular_shuffled") == ["reasoning", "reward", "reasoning_shuffled", "reward_on_shuffled"]
    for plain, control in (("reasoning", "reasoning_shuffled"), ("reward", "reward_on_shuffled")):
        assert STAGES[plain].adapter == STAGES[control].adapter
    assert STAGES["reward_on_shuffled"].reference == STAGES["reward_on_shuffled"].under
