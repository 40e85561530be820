"""Advantages: how much better a completion is than the others sampled for the same prompt, or in the same batch."""

from __future__ import annotations

from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

EPS = 1e-4


def group_relative(rewards: jax.Array, eps: float = EPS) -> jax.Array:
    """A_i = (r_i - mean(r)) / (std(r) + eps) within each group, with the unbiased std (ddof = 1).

    GRPO (Shao et al. 2024, 2402.03300, section 4.1.2).

    Args:
      rewards: [P, G] with G >= 2.
      eps: added to the standard deviation, so that a group whose rewards are all equal gets zeros.

    Returns:
      [P, G] advantages; they carry no gradient.
    """
    centred = _centred(rewards)
    return jax.lax.stop_gradient(centred / (rewards.std(axis=1, ddof=1, keepdims=True) + eps))


def group_centred(rewards: jax.Array, eps: float = EPS) -> jax.Array:
    """A_i = r_i - mean(r) within each group [P, G], without a division (Dr. GRPO, 2503.20783, section 3.2).

    `eps` is there for the common signature and has nothing to guard.
    """
    return jax.lax.stop_gradient(_centred(rewards))


def batch_scaled(rewards: jax.Array, eps: float = EPS) -> jax.Array:
    """A_i = (r_i - mean of its group) / (std of all rewards of the batch + eps), ddof = 1 (Lite-PPO, 2508.08221)."""
    return jax.lax.stop_gradient(_centred(rewards) / (rewards.std(ddof=1) + eps))


def whitened(rewards: jax.Array, eps: float = EPS) -> jax.Array:
    """A_i = (r_i - mean of all) / (std of all + eps), ddof = 1, over the whole batch [P, G].

    The last step of GDPO (2601.05242), for rewards that are already normalised within their groups, channel by channel.
    """
    chex.assert_rank(rewards, 2)
    return jax.lax.stop_gradient((rewards - rewards.mean()) / (rewards.std(ddof=1) + eps))


def _centred(rewards: jax.Array) -> jax.Array:
    chex.assert_rank(rewards, 2)
    if rewards.shape[1] < 2:
        raise ValueError("a group needs at least two completions")
    return rewards - rewards.mean(axis=1, keepdims=True)


ADVANTAGES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "group": group_relative,
    "centred": group_centred,
    "batch": batch_scaled,
    "whitened": whitened,
}


def zero_variance(rewards: jax.Array, tolerance: float = 1e-6) -> jax.Array:
    """Return [P] booleans: groups whose rewards are all equal, and which therefore teach nothing."""
    return jnp.ptp(rewards, axis=1) <= tolerance
