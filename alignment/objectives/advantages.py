"""Group-relative advantages: how much better a completion is than the others sampled for the same prompt."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def group_relative(rewards: jax.Array, eps: float = 1e-4) -> jax.Array:
    """A_i = (r_i - mean(r)) / (std(r) + eps) within each group, with the unbiased std (ddof = 1).

    GRPO (Shao et al. 2024, 2402.03300, section 4.1.2).

    Args:
      rewards: [P, G] with G >= 2.
      eps: added to the standard deviation, so that a group whose rewards are all equal gets zeros.

    Returns:
      [P, G] advantages; they carry no gradient.
    """
    chex.assert_rank(rewards, 2)
    if rewards.shape[1] < 2:
        raise ValueError("a group needs at least two completions")
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return jax.lax.stop_gradient(centred / (rewards.std(axis=1, ddof=1, keepdims=True) + eps))


def zero_variance(rewards: jax.Array, tolerance: float = 1e-6) -> jax.Array:
    """Return [P] booleans: groups whose rewards are all equal, and which therefore teach nothing."""
    return jnp.ptp(rewards, axis=1) <= tolerance
