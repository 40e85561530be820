"""Presets, weighting and the refusal of bad rewards."""

from __future__ import annotations

import numpy as np
import pytest
from rewards.totals import score

from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards import presets, registry
from alignment.rewards.presets import Weight, get_preset
from alignment.rewards.registry import Channel, ScoreBatch, channel
from alignment.rewards.score import score_channel
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES

THINK = TEMPLATES["think_answer"]
COMPLETIONS = (
    "<think>why</think><answer>\\boxed{B}</answer>",  # right and strict
    "<think>why</think><answer>\\boxed{A}</answer>",  # wrong and strict
    "The answer is B.",  # right outside an answer block, which has no reward
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
    np.testing.assert_allclose(raw["accuracy"], [1, 0, 0, 0])
    np.testing.assert_allclose(raw["format"], [1, 1, 0, 0])
    np.testing.assert_allclose(raw["soft_tags"], [1, 1, 0, 0.25])
    np.testing.assert_allclose(raw["repetition"], [0, -0.25, -2 / 3, 0], rtol=1e-6)
    # 2 * accuracy + 0.5 * format + 0.25 * soft tags + 0.25 * repetition
    np.testing.assert_allclose(total, [2.75, 0.75 - 0.0625, -1 / 6, 0.0625], rtol=1e-6)
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
    """Format alone is never rewarded as much as one right answer without it."""
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
    """Register a channel `bad` that returns `value`, and a preset of the same name with that channel."""

    def register(value):
        monkeypatch.setitem(registry.CHANNELS, "bad", Channel(lambda batch: value))
        monkeypatch.setitem(presets.PRESETS, "bad", {"accuracy": Weight(1.0), "bad": Weight(0.0)})

    return register


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_reward_that_is_not_finite_names_channel_row_and_record(returns, value):
    returns([0.0, 1.0, value, np.nan])
    with pytest.raises(UserError, match=r"channel 'bad' returned -?(nan|inf) in row 2 \(record 'case-2'\)"):
        score(batch(), "bad")  # even at weight 0: a broken channel is never rewarded silently


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


@pytest.fixture
def optional(monkeypatch):
    """Register a channel `maybe` that does not apply to the second and fourth row, and a preset with that channel."""
    monkeypatch.setattr(registry, "CHANNELS", registry.CHANNELS)
    function = channel("maybe", optional=True)(lambda batch: [1.0, np.nan, 0.5, np.nan])
    monkeypatch.setitem(presets.PRESETS, "maybe", {"format": Weight(1.0), "maybe": Weight(2.0)})
    yield function
    registry.CHANNELS.pop("maybe")


def test_the_weight_of_a_channel_that_does_not_apply_is_left_out(optional):
    total, raw = score(batch(), "maybe")
    np.testing.assert_allclose(total, [3.0, 1.0, 1.0, 0.0])  # format 1, 1, 0, 0
    np.testing.assert_array_equal(np.isnan(raw["maybe"]), [False, True, False, True])


def test_an_optional_channel_may_not_be_infinite(optional, monkeypatch):
    endless = Channel(lambda batch: [1.0, np.nan, np.inf, 0.0], optional=True)
    monkeypatch.setitem(registry.CHANNELS, "maybe", endless)
    with pytest.raises(UserError, match=r"channel 'maybe' returned inf in row 2 \(record 'case-2'\)"):
        score(batch(), "maybe")


def test_an_exception_names_channel_row_and_record(monkeypatch):
    def picky(batch):
        return [1 / len(ids) for ids in batch.token_ids]

    monkeypatch.setitem(registry.CHANNELS, "picky", Channel(picky))
    with pytest.raises(UserError, match=r"'picky' failed in row 3 \(record 'case-3'\): ZeroDivisionError"):
        score_channel(batch(), "picky")

    def crowded(batch):
        if len(batch.responses) > 1:
            raise RuntimeError("too many")

    monkeypatch.setitem(registry.CHANNELS, "crowded", Channel(crowded))
    with pytest.raises(UserError, match="'crowded' failed on the whole batch: RuntimeError: too many"):
        score_channel(batch(), "crowded")


def test_a_channel_of_ones_own_by_dotted_path(tmp_path, monkeypatch):
    (tmp_path / "house_rewards.py").write_text(
        "def brevity(batch):\n    return [1.0 / (1 + len(ids)) for ids in batch.token_ids]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    weights = get_preset("gated", ("house_rewards.brevity=0.5",))
    total, raw = score(batch(), weights)
    np.testing.assert_allclose(raw["house_rewards.brevity"], [0.2, 1 / 7, 1 / 6, 1.0], rtol=1e-6)
    np.testing.assert_allclose(total, [1.1, 1 / 14, 1 / 12, 0.5], rtol=1e-6)


def test_a_registered_function_keeps_its_declaration_under_its_dotted_path():
    assert registry.find_channel("alignment.rewards.channels.coverage.must_have").optional
    assert registry.needs_device("alignment.rewards.channels.feedback.feedback")
    assert not registry.needs_device("accuracy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module.brevity", "no_such_module.*PYTHONPATH"),
        ("alignment.errors.nothing", "alignment.errors has no function 'nothing'"),
        ("alignment.errors.__name__", "has no function"),
        (".brevity", "importing '' raised ValueError"),
        ("house_broken.brevity", "importing 'house_broken' raised ZeroDivisionError"),
        ("acuracy", "unknown reward channel 'acuracy'; did you mean 'accuracy'"),
    ],
)
def test_a_wrong_path_says_what_is_missing(name, message, tmp_path, monkeypatch):
    (tmp_path / "house_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=message):
        score(batch(), {name: Weight(1.0)})
