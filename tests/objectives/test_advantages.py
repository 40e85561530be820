from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.objectives.advantages import (
    ADVANTAGES,
    batch_scaled,
    group_centred,
    group_relative,
    has_zero_variance,
    whitened,
)
from alignment.objectives.family import LOSSES


def test_hand_worked():
    """[1, 0, 0, 1]: mean 1/2, unbiased std 1/sqrt 3, so +-0.8660 with any lower floor and +-0.8659 without one.

    The tolerances are a unit of the last digit written; the rounding of float32, 1e-7, is far below.
    """
    rewards = jnp.array([[1.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(group_relative(rewards, 0.1)[0], [0.8660, -0.8660, -0.8660, 0.8660], atol=5e-5)
    np.testing.assert_allclose(group_relative(rewards)[0], [0.86588, -0.86588, -0.86588, 0.86588], atol=1e-5)


def test_below_the_floor_the_floor_divides():
    """0 and 0.005 of a repetition penalty: +-0.7 by the published formula, 0.0025 / 0.1 with a floor of 0.1."""
    rewards = jnp.array([[0.0, 0.005]])
    np.testing.assert_allclose(group_relative(rewards)[0], [-0.6876, 0.6876], atol=5e-4)
    np.testing.assert_allclose(group_relative(rewards, 0.1)[0], [-0.025, 0.025], rtol=1e-6)
    np.testing.assert_allclose(batch_scaled(rewards, 0.1)[0], [-0.025, 0.025], rtol=1e-6)
    np.testing.assert_allclose(whitened(rewards, 0.1)[0], [-0.025, 0.025], rtol=1e-6)


@pytest.mark.parametrize("floor", [0.0, 0.1])
@pytest.mark.parametrize("name", ADVANTAGES)
@pytest.mark.parametrize("value", [0.1, 0.7, 2.725, -0.3])
@pytest.mark.parametrize("size", [3, 5, 7, 8])
def test_equal_rewards_give_exactly_zero(name, floor, value, size):
    """In float32 the mean of three times 0.1 is not 0.1; neither rounding nor a neighbouring group may show."""
    rewards = jnp.stack([jnp.full(size, value), value + 1e-7 * jnp.arange(size), jnp.arange(size, dtype=jnp.float32)])
    advantages = np.asarray(ADVANTAGES[name](rewards, floor))
    np.testing.assert_array_equal(advantages[:2], 0.0)
    assert np.ptp(advantages[2]) > 0.1


def test_equal_rewards_give_zeros_and_are_counted():
    rewards = jnp.array([[2.0, 2.0, 2.0], [0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(group_relative(rewards)[0], np.zeros(3))
    np.testing.assert_array_equal(has_zero_variance(rewards), [True, False])


@given(st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=8), st.floats(-3, 3))
def test_centred_and_unchanged_by_a_shift(values, shift):
    rewards = jnp.array([values], jnp.float32)
    advantages = np.asarray(group_relative(rewards, 0.1))
    # A mean of eight numbers up to 8 is off by at most 5 roundings of 5e-7, divided by the floor of 0.1: 2.5e-5 each.
    assert abs(advantages.sum()) < 1e-3
    np.testing.assert_allclose(group_relative(rewards + shift, 0.1), advantages, atol=1e-3)


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match="two"):
        group_relative(jnp.ones((3, 1)))


TWO = jnp.array([[1.0, 0.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0]])


def test_the_others_by_hand():
    """Group means 1/2 and 2; all eight: mean 5/4, sum of squares 18 - 12.5 = 5.5, unbiased std sqrt(5.5 / 7)."""
    np.testing.assert_allclose(group_centred(TWO), [[0.5, -0.5, -0.5, 0.5], [0, 0, 0, 0]])
    std = (5.5 / 7) ** 0.5
    np.testing.assert_allclose(batch_scaled(TWO, 0.1)[0], np.array([0.5, -0.5, -0.5, 0.5]) / std, rtol=1e-6)
    np.testing.assert_allclose(whitened(TWO, 0.1)[0], np.array([-0.25, -1.25, -1.25, -0.25]) / std, rtol=1e-6)


@pytest.mark.parametrize("name", ADVANTAGES)
def test_every_advantage_sums_to_nothing_and_has_no_gradient(name):
    groups = TWO - TWO.mean(axis=1, keepdims=True)  # as GDPO gives them to `whitened`
    advantages = ADVANTAGES[name](groups)
    assert (
        advantages.shape == TWO.shape and abs(float(advantages.sum())) < 1e-5
    )  # eight numbers of about 1, each rounded by 1e-7
    assert not jax.grad(lambda rewards: ADVANTAGES[name](rewards)[0, 0])(groups).any()


def test_every_loss_names_an_advantage():
    assert {choice.advantage for choice in LOSSES.values()} <= set(ADVANTAGES)
