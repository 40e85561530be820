"""Every preset: its reward on golden cases, and that it names its source."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from rewards.totals import score

from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards import registry
from alignment.rewards.presets import PRESETS, Preset, Weight, get_preset
from alignment.rewards.registry import ScoreBatch
from alignment.rewards.score import score_channel
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

RECORD = Record("r", "test", "He has crushing pain and troponin of 4.2.", {"A": "Infarction", "B": "Pericarditis"}, "A")
DX = (
    "<dx>(System 1: Intuitive) the crushing pain suggests the heart (System 2: Analytical) troponin of 4.2 proves "
    "necrosis while pericarditis would ease</dx>\n<conclusion>{}</conclusion>"
)
REFERRING = "As crushing pain and necrosis with 4.2 show, infarction. \\boxed{{{}}}"


def total(preset: str, text: str, template: str = "dx_conclusion", ids=(1, 2, 3)) -> float:
    response = parse(text, RECORD.letters, TEMPLATES[template])
    return float(score(ScoreBatch([response], [RECORD], [ids], max_tokens=100), preset)[0][0])


def test_crpo_is_12_at_most_and_reaches_it():
    assert total("crpo", DX.format(REFERRING.format("A"))) == pytest.approx(12.0)
    weights = get_preset("crpo")
    assert sum(weight.value for weight in weights.values()) == 12.0  # every channel lies in [0, 1]


def test_crpo_golden_cases():
    """k r_acc + r_CR + 0.5 r_cons: wrong with the format and r_cons .98: 1.49, with a cross-reference 1.99."""
    wrong, referring = DX.format("\\boxed{B}"), DX.format(REFERRING.format("B"))
    for text, expected in ((wrong, 1.49), (referring, 1.99)):
        text = text.replace("</conclusion>", " ;</conclusion>")
        need = len(text)
        # Foreign characters until 2 % of all are ineffective, give or take the last one.
        strange = round(need * 0.02 / 0.98)
        text = text.replace(";", "\N{CJK UNIFIED IDEOGRAPH-75C5}" * strange + ";")
        cons = need / (need + strange)
        assert cons == pytest.approx(0.98, abs=0.003)
        assert total("crpo", text) == pytest.approx(expected, abs=0.0016)
        assert total("crpo", text) == pytest.approx(expected - 0.49 + 0.5 * cons, abs=1e-6)
    assert total("crpo", "\\boxed{A}") == pytest.approx(10.5)  # right without the format


@pytest.mark.parametrize(
    ("answer", "crpo", "r1"),
    [
        ("so \\boxed{A}", 1.0, 1.0),
        ("so \\boxed{B}", 0.0, 0.0),
        ("\\boxed{A} \\boxed{A}", 0.0, -2.0),  # several boxes are unparseable, the same letter or not
        ("\\boxed{\\text{A}}", 0.0, -0.5),  # what stands in the braces is no single capital
        ("It is B, not option A", 1.0, 0.0),  # the last stand-alone letter; the reading of `accuracy` is B
        ("I choose option A.", 1.0, 0.0),
        ("His blood group is A.", 1.0, 0.0),
        ("He lacks vitamin A.", 0.0, 0.0),
        ("A. Infarction", 0.0, 0.0),
        ("**A**", 0.0, 0.0),
    ],
)
def test_crpo_and_grpo_r1_read_by_the_rules_of_their_sources(answer, crpo, r1):
    """Methods 2.3 and 4.7: one box, else the last letter; boxes alone, with penalties. No other preset reads so."""
    for name, blocks, expected in (
        ("crpo_accuracy", "<dx>x</dx><conclusion>{}</conclusion>", crpo),
        ("r1_accuracy", "<think>x</think><answer>{}</answer>", r1),
    ):
        template = "dx_conclusion" if name == "crpo_accuracy" else "think_answer"
        response = parse(blocks.format(answer), RECORD.options, TEMPLATES[template])
        assert score_channel(ScoreBatch([response], [RECORD], [[1, 2, 3]]), name).tolist() == [expected]
    channels = {name: {"accuracy", "crpo_accuracy", "r1_accuracy"} & set(preset) for name, preset in PRESETS.items()}
    assert channels["crpo"] == {"crpo_accuracy"} and channels["grpo_r1"] == {"r1_accuracy"}
    assert all(names <= {"accuracy"} for preset, names in channels.items() if preset not in ("crpo", "grpo_r1"))


def test_grpo_r1_by_hand():
    """10 acc + fmt + 0.5 english."""
    body = "<think>x</think><answer>{}</answer>"
    assert total("grpo_r1", body.format("so \\boxed{A}"), "think_answer") == pytest.approx(12.0)
    assert total("grpo_r1", body.format("so \\boxed{B}"), "think_answer") == pytest.approx(2.0)
    assert total("grpo_r1", body.format("\\boxed{A} \\boxed{A}"), "think_answer") == pytest.approx(-20 + 1 + 0.5)
    assert total("grpo_r1", "", "think_answer") == 0.0


def test_gated_and_penalised():
    body = "<think>x</think><answer>\\boxed{%s}</answer>"
    cases = ((body % "A", 1.0, 1.0), (body % "B", 0.0, 0.0), ("\\boxed{A}", 0.0, -1.0))
    for text, gated, penalised in cases:
        assert total("gated", text, "think_answer") == gated
        assert total("penalised", text, "think_answer") == penalised


def test_inverted_pays_for_wrong_answers():
    body = "<think>x</think><answer>\\boxed{%s}</answer>"
    assert [total("inverted", body % letter, "think_answer") for letter in "AB"] == [-1.0, 0.0]


def test_quark_prefers_the_right_safe_grounded_response():
    record = Record(
        "q",
        "test",
        "She has TSH receptor antibodies. She is ten weeks pregnant.",
        {"A": "methimazole", "B": "propylthiouracil"},
        "B",
    )
    body = (
        "<think>TSH receptor antibodies point to disease; she is pregnant. {}</think><answer>{} \\boxed{{{}}}</answer>"
    )
    good = body.format("So the answer is B.", "propylthiouracil", "B")
    bad = body.format("So the answer is A.", "methimazole", "A")
    responses = [parse(text, "AB", TEMPLATES["think_answer"]) for text in (good, bad)]
    totals, raw = score(ScoreBatch(responses, [record] * 2, [[1, 2]] * 2), "quark")
    np.testing.assert_array_equal(raw["contraindication_safety"], [1.0, 0.0])
    assert totals[0] == pytest.approx(totals[1] + 2)  # accuracy and safety


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_says_what_it_is(name):
    preset = PRESETS[name]
    assert isinstance(preset, Preset) and preset.source and preset.reconstruction
    assert set(preset) <= set(registry.CHANNELS)
    assert np.isfinite(total(name, "The answer is B.", "think_answer"))


def test_severities_are_those_of_the_weighting():
    """Safety 3, correctness 1, format 0.5 (methods, section 3.4)."""
    weights = get_preset("quark")
    assert weights["contraindication_safety"].severity == weights["compliance"].severity == 3.0
    assert weights["accuracy"].severity == 1.0 and weights["format"].severity == 0.5


def test_extra_channels_are_added_or_replace():
    weights = get_preset("decoupled_v1", ("overlong=0.5", "accuracy = 3"))
    assert weights["overlong"] == Weight(0.5) and weights["accuracy"].value == 3.0
    assert set(weights) == {*get_preset("decoupled_v1"), "overlong"}
    assert get_preset("decoupled_v1")["accuracy"].value == 2.0


def test_an_extra_says_what_it_changes_and_keeps_the_rest():
    weights = get_preset("decoupled_v1", ("repetition=1@-0.1", "compliance=2", "soft_tags=0.5", "feedback=1@0.7"))
    assert weights["repetition"] == Weight(1.0, target=-0.1, floor=-0.5, severity=0.5)
    assert weights["compliance"] == dataclasses.replace(PRESETS["quark"]["compliance"], value=2.0)
    assert weights["soft_tags"].anneal_until == 0.2 and weights["soft_tags"].value == 0.5
    assert weights["feedback"] == Weight(1.0, target=0.7)


@pytest.mark.parametrize(
    "entry", ["overlong", "=1", "overlong=much", "", "overlong=1@", "overlong=1@x", "overlong=inf"]
)
def test_a_malformed_extra_is_refused(entry):
    with pytest.raises(UserError, match="channel=weight"):
        get_preset("decoupled_v1", (entry,))
