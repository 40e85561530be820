"""A preset, a normaliser and a weighting put together."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from alignment.errors import UserError
from alignment.rewards import presets
from alignment.rewards.normalisers import NORMALISERS, calibrate, digest_of
from alignment.rewards.presets import Preset, Weight
from alignment.rewards.scheme import combine, init_rewards, make_scheme, stack_channels
from alignment.rewards.weightings import WEIGHTINGS

CONSTANTS = {"weakness": 1.0, "risk": 1.0, "redundancy": 1.0, "rvpo": 1.0, "saw": 3.0}
RAW = {"format": np.float32([1, 0, 0, 1, 1, 1]), "contraindication_safety": np.float32([1, 0, 1, np.nan, 0, 1])}


@pytest.fixture(autouse=True)
def preset(monkeypatch):
    weights = {"format": Weight(2.0, anneal_until=0.5), "contraindication_safety": Weight(1.0, severity=3.0)}
    monkeypatch.setitem(presets.PRESETS, "two", Preset(weights, source="a test", reconstruction="all"))


def scheme(normaliser="none", weighting="static", **options):
    return make_scheme("two", normaliser=normaliser, weighting=weighting, constants=CONSTANTS, **options)


def test_the_default_is_the_weighted_sum():
    scored, state = combine(scheme(), RAW, 2, init_rewards(scheme()), step=1, progress=0.0)
    np.testing.assert_allclose(scored.combined, [[3, 0, 1], [2, 2, 3]])
    np.testing.assert_array_equal(scored.combined, scored.plain)
    assert scored.combined.dtype == np.float32 and scored.metrics == {}
    assert jax.tree.structure(state) == jax.tree.structure(init_rewards(scheme()))


@pytest.mark.parametrize(("std_floor", "total", "z"), [(-1.0, 0.1, 0.0667), (0.3, 0.3, 0.0667), (0.0, 0.0, 1.1351)])
def test_the_floors_are_those_of_the_preset_unless_set(std_floor, total, z):
    """Group 0, 0, 0.01: mean 0.00333, std 0.00577; the channel's floor is 0.1, and a floor of 0 takes it away."""
    chosen = scheme("gdpo", std_floor=std_floor)
    raw = {"format": np.float32([0, 0, 0.01] * 2), "contraindication_safety": np.ones(6, np.float32)}
    scored, _ = combine(chosen, raw, 2, init_rewards(chosen), step=1, progress=0.0)
    np.testing.assert_allclose(scored.combined, 2.0 * z * np.array([[-0.5, -0.5, 1.0]] * 2), rtol=1e-3)
    assert chosen.std_floor == total


def test_annealing_reaches_the_weights():
    scored, _ = combine(scheme(), RAW, 2, init_rewards(scheme()), step=1, progress=0.25)
    np.testing.assert_allclose(scored.combined, [[2, 0, 1], [1, 1, 2]])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("normaliser", NORMALISERS)
def test_every_normaliser_composes_with_every_weighting(normaliser, weighting):
    chosen = scheme(normaliser, weighting)
    state = init_rewards(chosen)._replace(statistics=calibrate(stack_channels(chosen, RAW, 2), digest_of(["p"])))
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)
    for step in range(1, 32):
        scored, state = combine(chosen, RAW, 2, state, step, 0.0)
        assert scored.combined.shape == (2, 3) and np.isfinite(scored.combined).all()
        np.testing.assert_allclose(scored.plain, [[3, 0, 1], [2, 2, 3]])
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
    assert set(scored.metrics) == expected


def test_the_same_states_give_the_same_bits_after_a_round_trip():
    chosen = scheme("rfn", "tri_factor")
    state = init_rewards(chosen)
    for step in range(1, 60):
        _, state = combine(chosen, RAW, 2, state, step, 0.0)
        if step == 33:
            stored = jax.tree.map(lambda leaf: np.array(leaf), state)
    for step in range(34, 60):
        _, stored = combine(chosen, RAW, 2, stored, step, 0.0)
    jax.tree.map(np.testing.assert_array_equal, stored, state)


def test_hard_safety_caps_at_the_minimum_of_the_group():
    """Violations (safety below .5) get the lowest reward of their group; NaN is none."""
    chosen = scheme(hard_safety=True)
    raw = RAW | {"format": np.float32([0, 1, 0, 1, 1, 1])}
    scored, _ = combine(chosen, raw, 2, init_rewards(chosen), 1, 0.0)
    np.testing.assert_allclose(scored.plain, [[1, 2, 1], [2, 2, 3]])
    np.testing.assert_allclose(scored.combined, [[1, 1, 1], [2, 2, 3]])
    assert scored.metrics == {"reward/hard_safety": pytest.approx(2 / 6)}


def test_the_start_mean_of_the_weights_is_that_of_rfn():
    chosen = scheme("rfn", "tri_factor")
    measured = calibrate(np.full((2, 4), 0.3), digest_of(["p"]))
    _, state = combine(chosen, RAW, 2, init_rewards(chosen)._replace(statistics=measured), 1, 0.0)
    np.testing.assert_allclose(state.weighting.start, [0.3, 0.3], rtol=1e-6)
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
def test_a_scheme_that_cannot_work_is_refused_before_training(options, message):
    with pytest.raises(UserError, match=message):
        scheme(**options)
