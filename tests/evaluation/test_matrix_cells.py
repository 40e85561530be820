"""The matrix as declared: four categories, channels that exist, and a cause for every planted failure."""

from __future__ import annotations

import pytest
from evaluation.vignette import REASONING, mumble, record, respond

from alignment.evaluation.matrix_cells import CATEGORIES, MATRIX, observed
from alignment.rewards.presets import PRESETS, get_preset
from alignment.rewards.registry import CHANNELS

CELLS = {cell.channel: cell for cell in MATRIX}


def test_every_category_has_cells_and_every_cell_a_channel():
    assert {cell.category for cell in MATRIX} == set(CATEGORIES) and len(CATEGORIES) == 4
    assert len(CELLS) == len(MATRIX) and CELLS.keys() <= CHANNELS.keys()


def test_the_matrix_covers_the_quark_preset_in_its_own_terms():
    assert PRESETS["quark"].keys() <= CELLS.keys()
    assert all(CELLS[name].default == weight for name, weight in PRESETS["quark"].items())


def test_targets_lie_between_worst_and_best():
    for cell in MATRIX:
        assert cell.worst < cell.default.target <= cell.best and cell.worst <= cell.default.floor


def test_some_cells_are_shown_only_where_they_are_rewarded():
    shown = {cell.channel for cell in observed(get_preset("decoupled_v1"))}
    assert CELLS.keys() - shown == {cell.channel for cell in MATRIX if cell.only_rewarded}
    assert {"cross_reference", "feedback", "r1_accuracy"} <= CELLS.keys() - shown
    assert "feedback" in {cell.channel for cell in observed(get_preset("decoupled_v1", ("feedback=1",)))}


@pytest.mark.parametrize(
    ("preset", "rewarded", "hidden"),
    [
        ("crpo", {"crpo_accuracy", "two_systems", "cross_reference"}, {"accuracy", "format"}),
        ("grpo_r1", {"r1_accuracy", "r1_format"}, {"accuracy", "format"}),
        ("gated", {"gated_accuracy"}, {"accuracy"}),
        ("penalised", {"penalised_accuracy"}, {"accuracy"}),
    ],
)
def test_a_preset_with_its_own_accuracy_or_format_is_observed_by_them(preset, rewarded, hidden):
    shown = {cell.channel for cell in observed(get_preset(preset))}
    assert rewarded <= shown and not hidden & shown
    assert "accuracy" in {cell.channel for cell in observed(get_preset("gated", ("accuracy=1",)))}


@pytest.mark.parametrize("preset", sorted(PRESETS.keys() - {"random"}))  # which no cell of the matrix is about
def test_something_of_every_preset_is_observed(preset):
    assert {cell.channel for cell in observed(get_preset(preset))} & get_preset(preset).keys()


@pytest.mark.parametrize(
    ("channel", "response", "cause"),
    [
        ("accuracy", mumble(), "no readable letter"),
        ("accuracy", respond(letter="A"), "the reasoning has it right, the answer not"),
        ("accuracy", respond("It is asthma. The answer is A.", "A"), "wrong option"),
        ("agreement", mumble(), "no reasoning block"),
        ("agreement", respond(letter="?"), "no readable letter"),
        ("agreement", respond("Nothing is settled here."), "the reasoning settles on no option"),
        ("agreement", respond("The answer is C."), "the reasoning settles on another option"),
        ("grounding", mumble(), "no reasoning block"),
        ("grounding", respond("Nothing is settled here."), "no sentence takes up the case"),
        ("grounding", respond(f"{REASONING} Yes. No. Well. And so on."), "few sentences take up the case"),
        ("compliance", respond("It is definitely B."), "certainty without the case"),
        ("compliance", respond(), "red flag without advice of urgent help"),
        ("cross_reference", respond(), "no System 1 and System 2"),
        ("format", respond(before="Well. "), "outside"),
        ("format", mumble(), "missing <think>"),
        ("gated_accuracy", respond(letter="A", before="Well. "), "outside"),
        ("penalised_accuracy", respond("It is asthma. The answer is A.", "A"), "wrong option"),
        ("two_systems", respond(), "no System 1 and System 2"),
        ("two_systems", mumble(), "missing <think>"),
        ("effective_ratio", mumble("患者"), "another script"),
        ("effective_ratio", mumble("→ ★ ✓"), "signs beyond plain English"),
        ("effective_ratio", mumble(""), "empty"),
        ("overlong", respond(truncated=True), "cut at the token limit"),
        ("overlong", respond(), "close to the token limit"),
    ],
)
def test_causes(channel, response, cause):
    assert CELLS[channel].diagnose(response, record()) == cause
