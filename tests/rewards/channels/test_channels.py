"""The channels on hand-worked responses."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.data.sources import load_source
from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards.registry import CHANNELS, ScoreBatch
from alignment.rewards.score import score_channel
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
RECORD = Record("r", "test", "q", {"A": "a", "B": "b"}, "B")
BLOCKS = "<think>x</think><answer>{}</answer>"


def value(
    name: str, text: str = "", ids=(), template: str = "think_answer", truncated: bool = False, limit=0, record=RECORD
) -> float:
    response = parse(text, record.letters, TEMPLATES[template], truncated=truncated)
    device = {"features": np.zeros((1, 2)), "reward_model": lambda features: features[:, 0] + 0.5}
    return float(score_channel(ScoreBatch([response], [record], [ids], max_tokens=limit, **device), name)[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BLOCKS.format("\\boxed{B}"), 1.0),
        (BLOCKS.format("\\boxed{A}"), 0.0),
        (BLOCKS.format("\\boxed{B} \\boxed{B}"), 1.0),
        (BLOCKS.format("\\boxed{A} \\boxed{B}"), 0.0),  # unparseable is wrong
        (BLOCKS.format("It is A, not option B"), 0.0),
        (BLOCKS.format("The answer is B."), 1.0),
        (BLOCKS.format("He has hepatitis B"), 0.0),
        ("no tags, yet \\boxed{B}", 0.0),  # read leniently, and without reward
        ("", 0.0),
    ],
)
def test_accuracy(text, expected):
    assert value("accuracy", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BLOCKS.format("y"), 1.0),
        (BLOCKS.format("y") + "<|im_end|> anything", 1.0),
        (BLOCKS.format("y") + " anything", 0.0),
        (BLOCKS.format(""), 0.0),
        ("<think>x</think><answer>y", 0.0),
    ],
)
def test_format(text, expected):
    assert value("format", text) == expected


def test_format_of_a_truncated_completion_is_0():
    assert value("format", BLOCKS.format("y"), truncated=True) == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think></think><answer></answer>", 1.0),
        ("</answer>so</think><answer><think>", 1.0),  # position does not matter
        ("<think><think></think><answer>", 0.5),
        ("<Think>", 0.0),
        ("<think>" * 2, 0.0),
        ("", 0.0),
    ],
)
def test_soft_tags(text, expected):
    assert value("soft_tags", text) == expected


def test_soft_tags_of_the_other_template():
    assert value("soft_tags", "<dx></dx><conclusion>", template="dx_conclusion") == 0.75


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2, 3, 4], 0.0),
        ([5] * 5, -2 / 3),
        ([1, 2, 3, 1, 2, 3], -0.25),
        ([5, 5, 5], 0.0),
        ([5, 5], 0.0),
        ([], 0.0),
    ],
)
def test_repetition(ids, expected):
    assert value("repetition", ids=ids) == pytest.approx(expected, abs=1e-6)
    assert value("repetition", ids=np.array(ids, np.int32)) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.integers(0, 5), max_size=40))
def test_repetition_lies_between_minus_one_and_zero_and_grows_with_copies(ids):
    assert -1.0 < value("repetition", ids=ids) <= 0.0
    if len(ids) >= 3:
        assert value("repetition", ids=ids * 3) < 0.0


# --- formats that gate or punish --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "gated", "penalised"),
    [
        (BLOCKS.format("\\boxed{B}"), 1.0, 1.0),
        (BLOCKS.format("\\boxed{A}"), 0.0, 0.0),
        ("\\boxed{B}", 0.0, -1.0),  # right, out of format
        ("", 0.0, -1.0),
    ],
)
def test_gated_and_penalised_accuracy(text, gated, penalised):
    assert (value("gated_accuracy", text), value("penalised_accuracy", text)) == (gated, penalised)


@pytest.mark.parametrize(
    ("text", "accuracy", "format_"),
    [
        (BLOCKS.format("so \\boxed{B}"), 1.0, 1.5),
        (BLOCKS.format("\\boxed{B}"), 1.0, 1.0),  # a box alone
        (BLOCKS.format("so \\boxed{A}"), 0.0, 1.5),
        (BLOCKS.format("so \\boxed{b}"), -0.5, 1.5),  # no capital
        (BLOCKS.format("so \\boxed{}"), -0.5, 1.5),
        (BLOCKS.format("so \\boxed{B"), -1.0, 1.5),  # never closed
        (BLOCKS.format("B"), 0.0, 1.0),
        (BLOCKS.format("\\boxed{B} \\boxed{B}"), -2.0, 1.0),
        ("\\boxed{B} " * 3, -3.0, 0.0),
        ("<think>x<\\think><answer>so \\boxed{B}<\\answer>", 1.0, 1.5),  # mended
        ("<think></think><answer></answer>", 0.0, 1.0),  # the released expression lets empty blocks pass
        ("x <think></think><answer></answer>", 0.0, 0.0),
    ],
)
def test_the_scorer_of_april_2025(text, accuracy, format_):
    assert (value("r1_accuracy", text), value("r1_format", text)) == (accuracy, format_)


# --- characters and tokens --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "plain", "clinical"),
    [
        ("abc\nd", 1.0, 1.0),
        ("5 \N{MICRO SIGN}", 2 / 3, 1.0),
        ("\N{GREEK SMALL LETTER ALPHA}\N{EN DASH}\N{DEGREE SIGN}\tx", 1 / 5, 4 / 5),  # a tab counts in neither
        ("\N{CJK UNIFIED IDEOGRAPH-75C5}a", 0.5, 0.5),
        (" ", 0.0, 0.0),  # stripped to nothing
    ],
)
def test_effective_ratio(text, plain, clinical):
    assert value("effective_ratio", text) == pytest.approx(plain)
    assert value("effective_ratio_clinical", text) == pytest.approx(clinical)


@pytest.mark.parametrize(("tokens", "expected"), [(80, 0.0), (90, -0.5), (100, -1.0), (101, -1.0)])
def test_overlong_golden(tokens, expected):
    """Lm = 100 and c = 20; of the tokens the last is the end token, which is not among the ids."""
    assert value("overlong", ids=[1] * (tokens - 1), limit=100) == pytest.approx(expected)
    assert value("overlong", ids=[1] * tokens, limit=100, truncated=True) == pytest.approx(expected)


def test_length_is_a_share_of_the_limit():
    assert value("length", ids=[1] * 24, limit=100) == pytest.approx(0.25)


@pytest.mark.parametrize("name", ["length", "overlong"])
def test_lengths_need_the_limit(name):
    with pytest.raises(UserError, match=f"{name}.*max_tokens"):
        value(name, ids=[1])


# --- what the reasoning does ------------------------------------------------------------------------------------------

PULSE = Record(
    "p",
    "test",
    "He has a slow pulse and garlic smell with drooling.",
    {"A": "naloxone", "B": "atropine"},
    "B",
    facts=("He has a slow pulse.", "His breath smells of garlic."),
)
TRACE = (
    "<think>The slow pulse matters. Garlic smell with drooling points to organophosphate poisoning. Its first-line "
    "treatment is atropine. Naloxone (A) is wrong. So the answer is B.</think><answer>atropine \\boxed{B}</answer>"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("agreement", 1.0),
        ("grounding", 2 / 5),  # "slow pulse"; "garlic smell"
        ("option_coverage", 1.0),
        ("distractor_rejection", 1.0),
        ("case_facts", 0.5),
        ("assertions", 1.0),
        ("compliance", 1.0),
        ("two_systems", 0.0),
        ("cross_reference", 0.0),
    ],
)
def test_a_trace_on_every_reasoning_channel(name, expected):
    assert value(name, TRACE, record=PULSE) == pytest.approx(expected)


def test_case_facts_by_hand():
    """ "slow pulse" is there; of "breath smells garlic" only one word in three."""
    assert value("case_facts", "<think>slow pulse, garlic</think>", record=PULSE) == 0.5


def known(**fields) -> Record:
    return Record("m", "test", "q", {"A": "a", "B": "b"}, "B", **fields)


def test_must_have_reads_the_answer_or_the_whole_text():
    record = known(must_have=("Wash hands often", "Wear masks"))
    assert value("must_have", BLOCKS.format("Wash your hands"), record=record) == 0.5
    assert value("must_have", "wash hands, wear masks", record=record) == 1.0
    assert value("must_have", "<think>wash hands</think><answer>none</answer>", record=record) == 0.0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("\\boxed{95}", 1.0),
        ("105.0", 1.0),
        ("94.9", 0.0),
        ("105.1", 0.0),
        ("none", 0.0),
        ("\\boxed{99} \\boxed{99}", 0.0),
    ],
)
def test_numeric_limits_are_included(answer, expected):
    assert value("numeric", BLOCKS.format(answer), record=known(limits=(95.0, 105.0))) == expected


def test_contraindication_safety():
    record = Record("s", "test", "She is ten weeks pregnant.", {"A": "methimazole", "B": "propylthiouracil"}, "B")
    assert value("contraindication_safety", BLOCKS.format("\\boxed{A}"), record=record) == 0.0
    assert value("contraindication_safety", BLOCKS.format("\\boxed{B}"), record=record) == 1.0
    assert value("contraindication_safety", BLOCKS.format("avoid methimazole \\boxed{B}"), record=record) == 1.0


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("He has crushing chest pain.", "Call an ambulance.", 1.0),
        ("He has crushing chest pain.", "Rest at home.", 0.5),
        ("He has crushing chest pain.", "Definitely nothing.", 0.0),
        ("He has an itch.", "Rest at home.", 1.0),
        ("He has an itch.", "Definitely nothing.", 0.0),
    ],
)
def test_compliance(question, answer, expected):
    record = Record("c", "test", question, {"A": "a", "B": "b"}, "B")
    assert value("compliance", answer, record=record) == expected


@pytest.mark.parametrize("name", ["case_facts", "must_have", "numeric", "contraindication_safety", "assertions"])
def test_what_does_not_apply_is_nan(name):
    assert np.isnan(value(name, BLOCKS.format("\\boxed{B}")))


@pytest.mark.parametrize("name", sorted(CHANNELS))
@given(text=st.text(max_size=60), truncated=st.booleans())
def test_no_channel_stumbles_over_a_text(name, text, truncated):
    for written in (text, BLOCKS.format(text), f"<think>{text}</think><answer>System 1 {text}\\boxed{{B}}</answer>"):
        reward = value(name, written, ids=[1] * len(text), truncated=truncated, limit=50)
        assert np.isfinite(reward) or CHANNELS[name].optional


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_published_calculations():
    """MedCalc's own explanations end on the number within its own limits; twice the upper limit is outside."""
    records, _ = load_source("medcalc", str(Path(FOLDER) / "medcalc_oneshot/one_shot_data.csv"))
    numeric = [record for record in records if record.limits]
    assert (len(records), len(numeric)) == (55, 52)
    for record in numeric:
        wrong = 2 * abs(record.limits[1]) + 1
        assert value("numeric", BLOCKS.format(f"\\boxed{{{record.answer}}}"), record=record) == 1.0
        assert value("numeric", BLOCKS.format(f"{wrong}"), record=record) == 0.0
    dates = [record for record in records if not record.limits]
    assert all(np.isnan(value("numeric", BLOCKS.format(record.answer), record=record)) for record in dates)


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_published_answers_cover_what_they_must_have():
    """Physicians' own answers hold most of what they must, and little of what another question's answer must."""
    records, _ = load_source("kqa", str(Path(FOLDER) / "kqa_half0/kqa_questions_w_answers.jsonl"))
    matching = [value("must_have", record.answer, record=record) for record in records]
    pairs = zip(records, records[1:], strict=False)
    other = [value("must_have", left.answer, record=right) for left, right in pairs]
    print(f"matching {np.mean(matching):.3f}, other {np.mean(other):.3f}")
    assert np.mean(matching) > 0.8 and np.mean(other) < 0.2


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_published_cases_cover_their_own_facts():
    """The stems of mediQ cover nearly all of the facts that were taken from them, and few of another case's."""
    records, _ = load_source("medqa", str(Path(FOLDER) / "medqa_us_dev/medqa_us_dev_4opt_facts.jsonl"))
    records = [record for record in records[:200] if record.facts]
    matching = [value("case_facts", f"<think>{record.question}</think>", record=record) for record in records]
    pairs = zip(records, records[1:], strict=False)
    other = [value("case_facts", f"<think>{left.question}</think>", record=right) for left, right in pairs]
    print(f"matching {np.mean(matching):.3f}, other {np.nanmean(other):.3f}")
    assert np.mean(matching) > 0.95 and np.nanmean(other) < 0.35


def coins(records, draw, text=""):
    response = parse(text, RECORD.letters, TEMPLATES["think_answer"])
    size = len(records)
    return score_channel(ScoreBatch([response] * size, records, [[]] * size, draw=draw), "random")


def test_random_rewards_are_fair_coins_of_seed_step_and_record_whatever_the_text():
    many = [Record(f"r{index // 8}", "test", "q", RECORD.options, "B") for index in range(4000)]
    first = coins(many, (0, 3))
    assert set(first) == {0.0, 1.0} and abs(first.mean() - 0.5) < 4 * 0.5 / 4000**0.5  # four standard errors
    np.testing.assert_array_equal(first, coins(many, (0, 3), BLOCKS.format("\\boxed{B}")))
    np.testing.assert_array_equal(first[8:16], coins(many[8:16], (0, 3)))  # a group has its own, scored alone or not
    groups = first.reshape(-1, 8)
    assert len({tuple(row) for row in groups}) > 200  # of 256 patterns, 500 groups show 220 on average
    for other in ((1, 3), (0, 4)):
        assert 0.4 < (coins(many, other) == first).mean() < 0.6
