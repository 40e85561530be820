"""Presets, weighting and the refusal of bad rewards."""

from __future__ import annotations

import numpy as np
import pytest

from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards import presets, registry
from alignment.rewards.presets import Weight, get_preset
from alignment.rewards.registry import ScoreBatch, channel
from alignment.rewards.score import score, score_channel
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

THINK = TEMPLATES["think_answer"]
COMPLETIONS = (
    "<think>why</think><answer>\\boxed{B}</answer>",  # right and strict
    "<think>why</think><answer>\\boxed{A}</answer>",  # wrong and strict
    "The answer is B.",  # right without the format
    "<think>why",  # nothing but one tag
)
TOKENS = ([1, 2, 3, 4], [1, 2, 3, 1, 2, 3], [5] * 5, [])


def batch(completions=COMPLETIONS, token_ids=TOKENS, progress: float = 0.0) -> ScoreBatch:
    records = [Record(f"case-{i}", "test", "q", {"A": "a", "B": "b"}, "B") for i in range(len(completions))]
    responses = [parse(text, record.letters, THINK) for text, record in zip(completions, records, strict=True)]
    return ScoreBatch(responses, records, token_ids, progress)


def test_decoupled_v1_by_hand():
    total, raw = score(batch(), "decoupled_v1")
    assert list(raw) == ["accuracy", "format", "soft_tags", "repetition"]
    np.testing.assert_allclose(raw["accuracy"], [1, 0, 1, 0])
    np.testing.assert_allclose(raw["format"], [1, 1, 0, 0])
    np.testing.assert_allclose(raw["soft_tags"], [1, 1, 0, 0.25])
    np.testing.assert_allclose(raw["repetition"], [0, -0.25, -2 / 3, 0], rtol=1e-6)
    # 2 * accuracy + 0.5 * format + 0.25 * soft tags + 0.25 * repetition
    np.testing.assert_allclose(total, [2.75, 0.75 - 0.0625, 2 - 1 / 6, 0.0625], rtol=1e-6)
    assert total.dtype == np.float32
    assert all(values.dtype == np.float32 for values in raw.values())


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.25), (0.05, 0.1875), (0.1, 0.125), (0.2, 0.0), (1.0, 0.0)])
def test_soft_tags_fade_over_the_first_fifth(progress, weight):
    assert get_preset("decoupled_v1")["soft_tags"].at(progress) == pytest.approx(weight)
    total, raw = score(batch(progress=progress), "decoupled_v1")
    assert raw["soft_tags"][3] == 0.25  # the raw channel does not fade
    assert total[3] == pytest.approx(weight * 0.25)


def test_other_weights_do_not_move():
    for name in ("accuracy", "format", "repetition"):
        weight = get_preset("decoupled_v1")[name]
        assert weight.at(0.0) == weight.at(1.0) == weight.value


def test_accuracy_dominates():
    """Format alone can never pay as much as one right answer without it."""
    weights = get_preset("decoupled_v1")
    assert (
        weights["format"].value + weights["soft_tags"].value < weights["accuracy"].value - weights["repetition"].value
    )


def test_a_batch_of_nothing_scores_nothing():
    total, raw = score(batch((), ()), "decoupled_v1")
    assert total.shape == raw["accuracy"].shape == (0,)


def test_unknown_preset_and_channel_name_the_nearest(monkeypatch):
    with pytest.raises(
        UserError, match=r"reward preset .--config.grpo.reward. 'decoupled_v2'; did you mean 'decoupled_v1'"
    ):
        score(batch(), "decoupled_v2")
    monkeypatch.setitem(presets.PRESETS, "typo", {"acuracy": Weight(1.0)})
    with pytest.raises(UserError, match="unknown reward channel 'acuracy'; did you mean 'accuracy'"):
        score(batch(), "typo")


@pytest.fixture
def returns(monkeypatch):
    """Register a channel `bad` that returns a given value, and a preset of the same name that pays for it."""

    def register(value):
        monkeypatch.setitem(registry.CHANNELS, "bad", lambda batch: value)
        monkeypatch.setitem(presets.PRESETS, "bad", {"accuracy": Weight(1.0), "bad": Weight(0.0)})

    return register


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_reward_that_is_not_finite_names_channel_row_and_record(returns, value):
    returns([0.0, 1.0, value, np.nan])
    with pytest.raises(UserError, match=r"channel 'bad' returned -?(nan|inf) in row 2 \(record 'case-2'\)"):
        score(batch(), "bad")  # even at weight 0: a broken channel is never paid for silently


def test_a_reward_of_the_wrong_length_names_channel_and_row(returns):
    returns([0.0, 1.0, 0.0])
    with pytest.raises(UserError, match=r"channel 'bad' returned shape \(3,\) for 4 .* row 3 \(record 'case-3'\)"):
        score(batch(), "bad")
    returns([0.0] * 5)
    with pytest.raises(UserError, match=r"channel 'bad' returned shape \(5,\) for 4 .* row 4;"):
        score(batch(), "bad")
    returns(np.zeros((4, 1)))
    with pytest.raises(UserError, match=r"channel 'bad' returned shape \(4, 1\)"):
        score(batch(), "bad")


@pytest.mark.parametrize("value", [["a", "b", "c", "d"], [[1], [1, 2], [], []], object()])
def test_a_reward_that_is_no_number_is_refused(returns, value):
    returns(value)
    with pytest.raises(UserError, match="channel 'bad' did not return numbers"):
        score(batch(), "bad")


def test_a_channel_can_be_scored_alone():
    np.testing.assert_array_equal(score_channel(batch(), "format"), [1, 1, 0, 0])


def test_parts_of_unequal_length_are_a_defect_of_the_caller():
    with pytest.raises(ValueError, match="4 responses, 4 records, 3 token lists"):
        score_channel(batch(token_ids=TOKENS[:3]), "format")


def test_two_channels_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(registry, "CHANNELS", dict(registry.CHANNELS))
    with pytest.raises(ValueError, match="two reward channels are called 'format'"):
        channel("format")(lambda batch: np.zeros(len(batch.responses)))


def test_every_preset_pays_only_known_channels():
    assert presets.PRESETS
    for weights in presets.PRESETS.values():
        assert set(weights) <= set(registry.CHANNELS)
