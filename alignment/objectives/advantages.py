"""Advantages: how much better a completion is than the others sampled for the same prompt, or in the same batch.

Two rules that no published formula states hold for all of them. A group whose rewards differ by no more than
`SAME_REWARD` (rounding: three times 0.1 has a mean other than 0.1) gets advantages of exactly 0. The standard deviation
that a reward is divided by has a floor: without one, a group whose rewards differ by 0.005 of a repetition penalty gets
the same advantages as one in which half of the answers are right. A floor of 0 is the published formula.
"""

from __future__ import annotations

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

EPS = 1e-4  # added to the standard deviation where there is no floor, as in TRL
SAME_REWARD = 1e-6  # range of a group's rewards up to which they are the same


def group_relative(rewards: jax.Array, floor: float = 0.0) -> jax.Array:
    """A_i = (r_i - mean(r)) / max(std(r), floor) within each group, with the unbiased std (ddof = 1).

    With a floor of 0 the divisor is std(r) + 1e-4: GRPO (Shao et al. 2024, 2402.03300, section 4.1.2) as TRL computes
    it. The floor is a reconstruction.

    Args:
      rewards: [P, G] with G >= 2.
      floor: least standard deviation, in units of the reward.

    Returns:
      [P, G] advantages; they carry no gradient.
    """
    return _advantage(rewards, _centred(rewards) / _divisor(rewards.std(axis=1, ddof=1, keepdims=True), floor))


def group_centred(rewards: jax.Array, floor: float = 0.0) -> jax.Array:
    """A_i = r_i - mean(r) within each group [P, G], without a division (Dr. GRPO, 2503.20783, section 3.2).

    `floor` is part of the common signature and is not used.
    """
    return _advantage(rewards, _centred(rewards))


def batch_scaled(rewards: jax.Array, floor: float = 0.0) -> jax.Array:
    """A_i = (r_i - mean of its group) / max(std of all rewards of the batch, floor), ddof = 1 (Lite-PPO, 2508.08221).

    With a floor of 0 the divisor is the std + 1e-4.
    """
    return _advantage(rewards, _centred(rewards) / _divisor(rewards.std(ddof=1), floor))


def whitened(rewards: jax.Array, floor: float = 0.0) -> jax.Array:
    """A_i = (r_i - mean of all) / max(std of all, floor), ddof = 1, over the whole batch [P, G].

    The last step of GDPO (2601.05242), for rewards that are already normalised within their groups, channel by channel;
    every group then has mean 0, and one whose rewards are all equal holds only zeros. With a floor of 0 the divisor
    is the std + 1e-4.
    """
    chex.assert_rank(rewards, 2)
    return _advantage(rewards, (rewards - rewards.mean()) / _divisor(rewards.std(ddof=1), floor))


def _centred(rewards: jax.Array) -> jax.Array:
    chex.assert_rank(rewards, 2)
    if rewards.shape[1] < 2:
        raise ValueError("a group needs at least two completions")
    return rewards - rewards.mean(axis=1, keepdims=True)


def _divisor(std: jax.Array, floor: float) -> jax.Array:
    return jnp.maximum(std, floor) if floor else std + EPS


def _advantage(rewards: jax.Array, advantages: jax.Array) -> jax.Array:
    return jax.lax.stop_gradient(jnp.where(has_zero_variance(rewards)[:, None], 0.0, advantages))


ADVANTAGES: dict[str, Callable[[jax.Array, float], jax.Array]] = {
    "group": group_relative,
    "centred": group_centred,
    "batch": batch_scaled,
    "whitened": whitened,
}


def has_zero_variance(rewards: jax.Array) -> jax.Array:
    """Return [P] booleans: true for groups whose rewards are all equal, which therefore give no gradient."""
    return jnp.ptp(rewards, axis=1) <= SAME_REWARD
