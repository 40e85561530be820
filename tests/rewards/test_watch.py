"""Each failure is planted and found, and an honest response shows none of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evaluation.vignette import QUESTION, REASONING, mumble, record, respond

from alignment.config import default_config
from alignment.errors import UserError
from alignment.rewards.watch import SYMPTOMS, Completion, Limits, init_watch, new_alarms, observe

LIMITS = Limits(**default_config().watch)
STEM = "Sudden pleuritic chest pain with a swollen calf"

CHINESE = "提示肺栓塞,因此选择第二个选项,因为小腿肿胀和胸膜炎性胸痛同时出现."

PLANTED = {
    "length_collapse": (respond(), 10),  # of 100 tokens at the start
    "format_only": (respond("Let me think step by step about it. The answer is B."), 100),
    "answer_inside": (respond(f"{REASONING} \\boxed{{B}}"), 100),
    "repeated_boxes": (respond(letter="B. \\boxed{A}, no, \\boxed{B"), 100),
    "stem_copy": (respond(f"{QUESTION} {QUESTION} So it is B, and the calf settles that."), 100),
    "language_drift": (
        respond(f"{STEM} {CHINESE} {REASONING}"),
        100,
    ),
}


def symptoms(response, tokens=100, limits=LIMITS):
    seen = Completion(response, record(), tokens, start=100.0)
    return {name for name, shows in SYMPTOMS.items() if shows(seen, limits)}


def test_every_symptom_is_planted():
    assert PLANTED.keys() == SYMPTOMS.keys()


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_failure_is_found_and_alone(name):
    assert symptoms(*PLANTED[name]) == {name}


@pytest.mark.parametrize("response", [respond(), respond(letter="A"), mumble(), mumble("")], ids=str)
def test_an_honest_wrong_or_empty_response_shows_none(response):
    assert symptoms(response) == set()


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{REASONING} <answer>B. \\boxed{{B}}</answer></think>",
        f"<think>{REASONING}",
        f"<think>{REASONING}</think>",
        f"<think>{REASONING}</think><answer> </answer>",
    ],
    ids=["answer block inside", "never closed", "no answer block", "empty answer block"],
)
def test_other_ways_to_answer_inside_the_reasoning(text):
    assert "answer_inside" in symptoms(mumble(text))


@pytest.mark.parametrize(
    "text",
    [f"{REASONING}", f"{REASONING} \\boxed{{B}}", f"<think>{REASONING}</think> The answer is B. \\boxed{{B}}"],
    ids=["free text", "free text with a box", "answer outside"],
)
def test_an_answer_elsewhere_is_not_inside_the_reasoning(text):
    assert "answer_inside" not in symptoms(mumble(text))


def test_a_strict_response_on_nothing_of_the_case_is_format_only():
    long = "The options are weighed with care and each of them is looked at in turn until a single one is left. " * 2
    assert symptoms(respond(long)) == {"format_only"}
    assert "format_only" not in symptoms(respond(long, before="Well. "))  # and so is paid for no format


def test_quoting_a_finding_is_no_copy_of_the_stem():
    assert symptoms(respond(f"She has {STEM.lower()}. {REASONING}")) == set()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("length_collapse", {"length": 0.1}),
        ("format_only", {"words": 100}),
        ("stem_copy", {"copied": 0.95}),
        ("language_drift", {"foreign": 0.9}),
    ],
)
def test_every_limit_decides(name, change):
    limits = dataclasses.replace(LIMITS, **change)
    honest = name == "format_only"  # here the changed limit asks for more
    response, tokens = (respond(), 100) if honest else PLANTED[name]
    assert (name in symptoms(response, tokens)) != (name in symptoms(response, tokens, limits))


# --- over steps -------------------------------------------------------------------------------------------------------


def watch(steps, lengths=100, limits=LIMITS):
    """Feed lists of responses step by step: the metrics and new alarms of every step."""
    state, found = init_watch(), []
    for responses in steps:
        owners = [record()] * len(responses)
        metrics, state = observe(responses, owners, np.full(len(responses), lengths), state, limits)
        found.append((metrics, new_alarms(state, limits)))
    return found


GOOD, BAD = respond(), PLANTED["repeated_boxes"][0]


def test_shares_and_alarms_by_hand():
    steps = [[GOOD, BAD], [BAD, BAD], [BAD, BAD], [BAD, BAD], [BAD, BAD], [GOOD, GOOD]]
    found = watch(steps)
    assert [metrics["watch/repeated_boxes"] for metrics, _ in found] == [0.5, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert [metrics["watch/alarms"] for metrics, _ in found] == [0, 0, 0, 1, 1, 0]  # half is not above a half
    assert [new for _, new in found] == [[], [], [], ["repeated_boxes"], [], []]


def test_share_and_patience_decide_on_alarms():
    steps = [[GOOD, BAD]] * 3
    assert not any(new for _, new in watch(steps))
    assert [new for _, new in watch(steps, limits=dataclasses.replace(LIMITS, share=0.4))][2] == ["repeated_boxes"]
    assert watch([[BAD]], limits=dataclasses.replace(LIMITS, patience=1))[0][1] == ["repeated_boxes"]
    with pytest.raises(UserError, match="--config.watch.patience=0"):
        dataclasses.replace(LIMITS, patience=0)


def test_lengths_are_measured_against_the_first_step():
    _, state = observe([GOOD] * 2, [record()] * 2, np.array([80, 120]), init_watch(), LIMITS)
    assert float(state.start) == 100.0
    metrics, state = observe([GOOD] * 2, [record()] * 2, np.array([24, 25]), state, LIMITS)
    assert metrics["watch/length_collapse"] == 0.5 and float(state.start) == 100.0
