"""Each failure is planted and found, and an honest response shows none of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evaluation.vignette import QUESTION, REASONING, mumble, record, respond
from hypothesis import given
from hypothesis import strategies as st

from alignment.config import default_config
from alignment.errors import UserError
from alignment.training.monitor import (
    SYMPTOMS,
    Completion,
    MonitorConfig,
    MonitorState,
    init_monitor,
    monitor_summary,
    new_alarms,
    update_monitor,
)

CONFIG = MonitorConfig(**default_config().watch)
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


def symptoms(response, tokens=100, config=CONFIG):
    completion = Completion(response, record(), tokens, first_length=100.0)
    return {name for name, shows in SYMPTOMS.items() if shows(completion, config)}


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
    assert "format_only" not in symptoms(respond(long, before="Well. "))  # not strict


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
    config = dataclasses.replace(CONFIG, **change)
    honest = name == "format_only"  # here the changed limit asks for more
    response, tokens = (respond(), 100) if honest else PLANTED[name]
    assert (name in symptoms(response, tokens)) != (name in symptoms(response, tokens, config))


# --- over steps -------------------------------------------------------------------------------------------------------


def monitor(steps, lengths=100, config=CONFIG):
    """Feed lists of responses step by step: the metrics and new alarms of every step."""
    state, rows = init_monitor(), []
    for responses in steps:
        records = [record()] * len(responses)
        metrics, state = update_monitor(responses, records, np.full(len(responses), lengths), state, config)
        rows.append((metrics, new_alarms(state, config)))
    return rows


GOOD, BAD = respond(), PLANTED["repeated_boxes"][0]


def test_shares_and_alarms_by_hand():
    steps = [[GOOD, BAD], [BAD, BAD], [BAD, BAD], [BAD, BAD], [BAD, BAD], [GOOD, GOOD]]
    rows = monitor(steps)
    assert [metrics["watch/repeated_boxes"] for metrics, _ in rows] == [0.5, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert [metrics["watch/alarms"] for metrics, _ in rows] == [0, 0, 0, 1, 1, 0]  # half is not above a half
    assert [new for _, new in rows] == [[], [], [], ["repeated_boxes"], [], []]


def test_share_and_patience_decide_on_alarms():
    steps = [[GOOD, BAD]] * 3
    assert not any(new for _, new in monitor(steps))
    assert [new for _, new in monitor(steps, config=dataclasses.replace(CONFIG, share=0.4))][2] == ["repeated_boxes"]
    assert monitor([[BAD]], config=dataclasses.replace(CONFIG, patience=1))[0][1] == ["repeated_boxes"]
    with pytest.raises(UserError, match="--config.watch.patience=0"):
        dataclasses.replace(CONFIG, patience=0)


def test_lengths_are_measured_against_the_first_step():
    _, state = update_monitor([GOOD] * 2, [record()] * 2, np.array([80, 120]), init_monitor(), CONFIG)
    assert float(state.first_length) == 100.0
    metrics, state = update_monitor([GOOD] * 2, [record()] * 2, np.array([24, 25]), state, CONFIG)
    assert metrics["watch/length_collapse"] == 0.5 and float(state.first_length) == 100.0


# --- over a run -------------------------------------------------------------------------------------------------------


def metric_rows(shares, name="stem_copy"):
    return [{"step": step, f"watch/{name}": share} for step, share in enumerate(shares, start=1)]


def test_since_and_peak_by_hand():
    summary = monitor_summary(metric_rows([0.6, 0.7, 0.5, 0.6, 0.9, 0.9, 0.1]), CONFIG)["watch"]
    assert summary == {"stem_copy": {"since": 4, "peak": 0.9, "peak_step": 5}}


def test_a_short_run_of_a_symptom_is_no_alarm():
    assert monitor_summary(metric_rows([0.6, 0.9, 0.5, 0.6, 0.9]), CONFIG)["watch"]["stem_copy"]["since"] is None


def test_no_stage_and_no_metric():
    assert monitor_summary([], CONFIG) == monitor_summary(None, CONFIG) == {"watch": None}
    assert monitor_summary([{"step": 1, "watch/stem_copy": None}], CONFIG) == {"watch": {}}


@given(st.lists(st.sampled_from([0.0, 0.5, 0.6, 1.0]), min_size=1, max_size=12))
def test_the_report_agrees_with_the_alarm_in_training(shares):
    """The alarm starts `patience` - 1 steps after the first step of its run."""
    state, alarm_step = MonitorState(np.float32(1.0), np.zeros(len(SYMPTOMS), np.int32)), None
    for step, share in enumerate(shares, start=1):
        state = state._replace(streaks=np.where(share > CONFIG.share, state.streaks + 1, 0))
        alarm_step = alarm_step or (step if (state.streaks == CONFIG.patience).all() else None)
    since = monitor_summary(metric_rows(shares), CONFIG)["watch"]["stem_copy"]["since"]
    assert since == (None if alarm_step is None else alarm_step - CONFIG.patience + 1)
