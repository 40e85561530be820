"""A preset, a normaliser and a weighting put together."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from alignment.config import LEAVES
from alignment.errors import UserError
from alignment.objectives.advantages import ADVANTAGES
from alignment.rewards import presets
from alignment.rewards.combine import combine, init_rewards, make_reward_config, stack_channels
from alignment.rewards.normalisers import NORMALISERS, calibrate, hash_names, snap_ties
from alignment.rewards.presets import Preset, Weight
from alignment.rewards.weightings import WEIGHTINGS

CONSTANTS = {"weakness": 1.0, "risk": 1.0, "redundancy": 1.0, "rvpo": 1.0, "saw": 3.0}
RAW = {"format": np.float32([1, 0, 0, 1, 1, 1]), "contraindication_safety": np.float32([1, 0, 1, np.nan, 0, 1])}


@pytest.fixture(autouse=True)
def preset(monkeypatch):
    weights = {"format": Weight(2.0, anneal_until=0.5), "contraindication_safety": Weight(1.0, severity=3.0)}
    monkeypatch.setitem(presets.PRESETS, "two", Preset(weights, source="a test", reconstruction="all"))


def reward_config(normaliser="none", weighting="static", **options):
    return make_reward_config("two", normaliser=normaliser, weighting=weighting, constants=CONSTANTS, **options)


def test_the_default_is_the_weighted_sum():
    rewards, state = combine(reward_config(), RAW, 2, init_rewards(reward_config()), step=1, progress=0.0)
    np.testing.assert_allclose(rewards.combined, [[3, 0, 1], [2, 2, 3]])
    np.testing.assert_array_equal(rewards.combined, rewards.plain)
    assert rewards.combined.dtype == np.float32 and rewards.metrics == {}
    assert jax.tree.structure(state) == jax.tree.structure(init_rewards(reward_config()))


@pytest.mark.parametrize(("std_floor", "total", "z"), [(-1.0, 0.1, 0.0667), (0.3, 0.3, 0.0667), (0.0, 0.0, 1.1351)])
def test_the_floors_are_those_of_the_preset_unless_set(std_floor, total, z):
    """Group 0, 0, 0.01: mean 0.00333, std 0.00577; the channel's floor is 0.1, and a floor of 0 takes it away."""
    config = reward_config("gdpo", std_floor=std_floor)
    raw = {"format": np.float32([0, 0, 0.01] * 2), "contraindication_safety": np.ones(6, np.float32)}
    rewards, _ = combine(config, raw, 2, init_rewards(config), step=1, progress=0.0)
    np.testing.assert_allclose(rewards.combined, 2.0 * z * np.array([[-0.5, -0.5, 1.0]] * 2), rtol=1e-3)
    assert config.std_floor == total


def test_annealing_reaches_the_weights():
    rewards, _ = combine(reward_config(), RAW, 2, init_rewards(reward_config()), step=1, progress=0.25)
    np.testing.assert_allclose(rewards.combined, [[2, 0, 1], [1, 1, 2]])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_every_normaliser_composes_with_every_weighting(normaliser, weighting):
    config = reward_config(normaliser, weighting)
    state = init_rewards(config)._replace(statistics=calibrate(stack_channels(config, RAW, 2), hash_names(["p"])))
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
    for step in range(1, 32):
        rewards, state = combine(config, RAW, 2, state, step, 0.0)
        assert rewards.combined.shape == (2, 3) and np.isfinite(rewards.combined).all()
        np.testing.assert_allclose(rewards.plain, [[3, 0, 1], [2, 2, 3]])
        # A checkpoint restores into the shapes of a fresh state.
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == shapes
    expected = set()
    if normaliser != "none":
        expected |= {"normalised/format", "normalised/contraindication_safety"}
    if weighting == "tri_factor":
        labels = ("weight", "gap", "risk", "redundancy")
        expected |= {f"{label}/{name}" for label in labels for name in RAW}
    if weighting == "saw":
        expected |= {f"weight/{name}" for name in RAW}
    assert set(rewards.metrics) == expected


def test_the_same_states_give_the_same_bits_after_a_round_trip():
    config = reward_config("rfn", "tri_factor")
    state = init_rewards(config)
    for step in range(1, 60):
        _, state = combine(config, RAW, 2, state, step, 0.0)
        if step == 33:
            stored = jax.tree.map(lambda leaf: np.array(leaf), state)
    for step in range(34, 60):
        _, stored = combine(config, RAW, 2, stored, step, 0.0)
    jax.tree.map(np.testing.assert_array_equal, stored, state)


def test_hard_safety_caps_at_the_minimum_of_the_group():
    """Violations (safety below .5) get the lowest reward of their group; NaN is none."""
    config = reward_config(hard_safety=True)
    raw = RAW | {"format": np.float32([0, 1, 0, 1, 1, 1])}
    rewards, _ = combine(config, raw, 2, init_rewards(config), 1, 0.0)
    np.testing.assert_allclose(rewards.plain, [[1, 2, 1], [2, 2, 3]])
    np.testing.assert_allclose(rewards.combined, [[1, 1, 1], [2, 2, 3]])
    assert rewards.metrics == {"reward/hard_safety": pytest.approx(2 / 6)}


def test_the_start_mean_of_the_weights_is_that_of_rfn():
    config = reward_config("rfn", "tri_factor")
    measured = calibrate(np.full((2, 4), 0.3), hash_names(["p"]))
    _, state = combine(config, RAW, 2, init_rewards(config)._replace(statistics=measured), 1, 0.0)
    np.testing.assert_allclose(state.weighting.start_mean, [0.3, 0.3], rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, state.statistics, measured)  # frozen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normaliser": "rnf"}, "normaliser"),
        ({"weighting": "tri"}, "weighting"),
        ({"channels": ("acuracy=1",)}, "unknown reward channel 'acuracy'"),
        ({"weighting": "tri_factor", "channels": ("accuracy=-1",)}, "tri_factor needs weights"),
    ],
)
def test_a_reward_config_that_cannot_work_is_refused_before_training(options, message):
    with pytest.raises(UserError, match=message):
        reward_config(**options)


@pytest.mark.parametrize("hard_safety", [False, True])
@pytest.mark.parametrize("std_floor", [-1.0, 0.0, 0.1])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_a_group_of_the_same_rewards_gets_exactly_zero_whatever_comes_after(
    normaliser, weighting, std_floor, hard_safety
):
    """The first group differs by 5e-7, which a deviation of 0.05 or of a batch that hardly varies blows up."""
    config = reward_config(normaliser, weighting, std_floor=std_floor, hard_safety=hard_safety)
    nearly = np.concatenate([0.7 + 5e-7 * np.arange(2), 0.7 + np.array([0, 3e-6]), [0.2, 0.9]])
    missing = np.array([np.nan, np.nan, 0.3, np.nan, 0.3, 1.0])
    raw = {"format": nearly, "contraindication_safety": missing}
    state = init_rewards(config)._replace(statistics=calibrate(np.full((2, 1, 1), 0.7), hash_names(["p"])))
    rewards, _ = combine(config, raw, 3, state, 1, 0.0)
    for advantage in ADVANTAGES.values():
        advantages = np.asarray(advantage(rewards.combined, config.std_floor))
        assert (advantages[0] == 0).all() and np.isfinite(advantages).all()


def test_rewards_that_are_the_same_become_equal_and_others_stay():
    raw = np.array([[[0.1, 0.1 + 1e-7, np.nan], [0.1, 0.1 + 1e-5, 0.2], [np.nan] * 3, [-5.0, -5.0, -5.0]]])
    wanted = raw.copy()
    wanted[0, 0, 1] = 0.1
    np.testing.assert_array_equal(snap_ties(raw), wanted)


def test_a_hard_safety_rule_without_a_channel_to_act_on_is_refused():
    with pytest.raises(UserError, match=r"hard_safety=true acts on channels of severity 3.*channels=compliance=1"):
        make_reward_config("decoupled_v1", hard_safety=True)
    make_reward_config("decoupled_v1", ["compliance=1"], hard_safety=True)


@pytest.mark.parametrize(("weighting", "constant"), [("rvpo", "rvpo"), ("tri_factor", "weakness")])
def test_a_constant_at_either_end_of_its_range_gives_numbers(weighting, constant):
    declared = LEAVES[f"grpo.weights.{constant}"]
    for value in (declared.low, declared.high):
        config = make_reward_config("two", weighting=weighting, constants=CONSTANTS | {constant: value})
        state = init_rewards(config)
        for step in range(1, 32):
            rewards, state = combine(config, RAW, 2, state, step, 0.0)
        assert np.isfinite(rewards.combined).all() and np.ptp(rewards.combined) > 0.1
