"""Normalisers on golden numbers, and the invariances RFN promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.objectives.advantages import group_relative, whitened
from alignment.rewards.normalisers import NORMALISERS, calibrate, get_normaliser, hash_names, uncalibrated

# Two channels, two groups of four: g1 (1,1),(1,0),(0,1),(0,0); g2 (1,1),(0,1) three times.
TWO = np.array([[[1.0, 1, 0, 0], [1, 0, 0, 0]], [[1, 0, 1, 0], [1, 1, 1, 1]]])
EMPTY = uncalibrated(2)


def z(name, raw=TWO, statistics=EMPTY, floor=0.0):
    return NORMALISERS[name].apply(raw, statistics, np.full(len(raw), floor))


def test_gdpo_golden():
    """Pre-whitening and final advantages (methods, section 4.2); eps 1e-4 and ddof 1 in both steps.

    The tolerances are half a unit of the last digit written and, for `final`, ten roundings of float32 (1.2e-7).
    """
    total = z("gdpo").sum(axis=0)
    np.testing.assert_allclose(total[0], [1.7318, 0, 0, -1.7318], atol=5e-5)
    np.testing.assert_allclose(total[1], [1.4997, -0.4999, -0.4999, -0.4999], atol=6e-5)
    final = np.asarray(whitened(np.float32(total)))
    np.testing.assert_allclose(final[0], [1.5274, 0, 0, -1.5274], atol=6e-5)
    np.testing.assert_allclose(final[1], [1.3227, -0.4409, -0.4409, -0.4409], atol=6e-5)
    assert NORMALISERS["gdpo"].advantage == "whitened"


@pytest.mark.parametrize("name", ["gdpo", "batch"])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_values_that_differ_by_rounding_become_exactly_zero(name, floor):
    """The mean of 0.1 three times is another number than 0.1, and the difference divided by 1e-4 is no longer small."""
    np.testing.assert_array_equal(z(name, np.full((2, 2, 3), 0.1), floor=floor), 0.0)
    nearly = 0.1 + 1e-7 * np.arange(6).reshape(1, 2, 3)
    np.testing.assert_array_equal(z(name, nearly, floor=floor), 0.0)


def test_a_floor_keeps_a_small_difference_small():
    """0 and 0.005: std 0.0035 unbiased. The published formula gives +-0.69 and a floor of 0.1 gives +-0.025."""
    small = np.array([[[0.0, 0.005]]])
    np.testing.assert_allclose(z("gdpo", small)[0, 0], [-0.6876, 0.6876], atol=5e-4)
    np.testing.assert_allclose(z("gdpo", small, floor=0.1)[0, 0], [-0.025, 0.025], rtol=1e-6)
    np.testing.assert_allclose(z("batch", small, floor=0.1)[0, 0], [-0.025, 0.025], rtol=1e-6)


def test_a_floor_changes_nothing_where_the_deviation_is_above_it():
    """Only the 1e-4 of the published formula goes."""
    np.testing.assert_allclose(z("gdpo", floor=0.1), z("gdpo"), rtol=3e-4)


def test_grpo_golden_sum_then_normalise():
    """The same rewards under `none`: two different mixes of g1 collapse to one advantage."""
    advantages = np.asarray(group_relative(np.float32(z("none").sum(axis=0))))
    np.testing.assert_allclose(advantages[0], [1.2246, 0, 0, -1.2246], atol=5e-5)
    np.testing.assert_allclose(advantages[1], [1.4997, -0.4999, -0.4999, -0.4999], atol=6e-5)


def test_rfn_by_hand():
    """mu .4, sd .2 and a deviation below the floor of .05: (1 - .4) / .2 = 3, (.5 - .5) / .05, (1 - .5) / .05 -> 5."""
    statistics = EMPTY._replace(mean=np.float32([0.4, 0.5]), std=np.float32([0.2, 0.001]))
    got = z("rfn", np.array([[[1.0, 0.0]], [[0.5, 1.0]]]), statistics)
    np.testing.assert_allclose(got, [[[3.0, -2.0]], [[0.0, 5.0]]], rtol=1e-6)


def test_calibration_pools_everything_and_leaves_out_what_does_not_apply():
    raw = np.array([[[1.0, 0.0], [0.0, np.nan]], [[np.nan] * 2, [np.nan] * 2]])
    statistics = calibrate(raw, hash_names(["policy", "q1"]))
    np.testing.assert_allclose(statistics.mean, [1 / 3, 0.0], rtol=1e-6)
    np.testing.assert_allclose(statistics.std, [np.sqrt(2) / 3, 1.0], rtol=1e-6)  # sqrt(p (1 - p)), ddof 0
    assert statistics.digest.shape == (32,) and statistics.digest.dtype == np.uint8
    assert (statistics.digest != hash_names(["policy", "q2"])).any()


def test_batch_by_hand():
    """Four values 0, 0, 1, 1: mean 1/2, unbiased deviation sqrt(1/3)."""
    got = z("batch", np.array([[[0.0, 0.0], [1.0, 1.0]]]))
    np.testing.assert_allclose(got, [[[-0.8659] * 2, [0.8659] * 2]], atol=5e-5)


@pytest.mark.parametrize("name", NORMALISERS)
def test_what_does_not_apply_stays_so(name):
    raw = np.array([[[1.0, np.nan, 0.0, 1.0]], [[np.nan] * 4]])
    got = z(name, raw)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(raw))
    assert got.shape == raw.shape


@given(st.integers(0, 10_000))
def test_centring_cancels_the_mean_of_rfn_where_no_clip_binds(seed):
    """Means inside (1/26, 25/26) keep binary channels off the clip of 5; then only sd reaches the advantage."""
    rng = np.random.default_rng(seed)
    raw = (rng.random((3, 4, 6)) < 0.5).astype(np.float64)
    std, weights = rng.uniform(0.2, 0.5, 3), rng.uniform(0.1, 3, (3, 1, 1))

    def centred(mean):
        normalised = z("rfn", raw, EMPTY._replace(mean=mean, std=std))
        assert np.abs(normalised).max() < 5
        total = (weights * normalised).sum(axis=0)
        return total - total.mean(axis=1, keepdims=True)

    np.testing.assert_allclose(centred(rng.uniform(0.05, 0.95, 3)), centred(np.zeros(3)), atol=1e-12)


def test_a_clip_that_binds_lets_the_mean_through():
    raw = np.array([[[1.0, 0.0, 0.5, 0.5]]])
    near, far = (z("rfn", raw, EMPTY._replace(mean=np.array([mean]), std=np.array([0.05]))) for mean in (0.5, 0.9))
    assert np.abs((near - near.mean()) - (far - far.mean())).max() > 1


def test_an_unknown_normaliser_names_the_nearest():
    with pytest.raises(UserError, match="'rnf'; did you mean 'rfn'"):
        get_normaliser("rnf")
