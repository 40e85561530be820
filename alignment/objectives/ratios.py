"""The ratio of the current policy to the one before its update, and that policy's weights against the sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked, masked_sum

MAX_LOG_RATIO = 20.0


def token_ratio(log_ratio: jax.Array, mask: jax.Array) -> jax.Array:
    """rho_t = pi(y_t) / pi_old(y_t), [N, Lc]; its logarithm clamped to +-20 (PPO, 1707.06347)."""
    return jnp.exp(jnp.clip(masked(log_ratio, mask), -MAX_LOG_RATIO, MAX_LOG_RATIO))


def sequence_ratio(log_ratio: jax.Array, mask: jax.Array) -> jax.Array:
    """Return (pi(y) / pi_old(y))^(1 / length) [N, Lc], equal at all tokens of a response (GSPO, 2507.18071, eq. 7)."""
    mean = masked_sum(log_ratio, mask, axis=1, keepdims=True) / jnp.maximum(mask.sum(axis=1, keepdims=True), 1.0)
    return jnp.broadcast_to(jnp.exp(jnp.clip(mean, -MAX_LOG_RATIO, MAX_LOG_RATIO)), log_ratio.shape)


RATIOS: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {"token": token_ratio, "sequence": sequence_ratio}


class Importance(NamedTuple):
    """How weights against the sampler are formed: of a token or of a completion, cut at the bounds or set to 0."""

    over_sequence: bool
    masks: bool


# Truncated: Ionides 2008; for language models Yao et al. 2025, "Your efficient RL framework secretly brings you
# off-policy RL training". Masked: "When speed kills stability" (Liu et al. 2025) over sequences, IcePop over tokens.
IMPORTANCE: dict[str, Importance] = {
    "token_truncate": Importance(over_sequence=False, masks=False),
    "token_mask": Importance(over_sequence=False, masks=True),
    "sequence_truncate": Importance(over_sequence=True, masks=False),
    "sequence_mask": Importance(over_sequence=True, masks=True),
}


def importance_weights(
    importance: Importance,
    old_log_prob: jax.Array,
    sampler_log_prob: jax.Array,
    mask: jax.Array,
    bounds: tuple[float, float],
) -> tuple[jax.Array, jax.Array]:
    """Return w = pi_old / pi_sampler, cut or masked at `bounds`, without gradient, and where a bound was met: [N, Lc].

    They correct for a sampler whose probabilities differ from the trainer's, by precision or kernels. The weight of a
    sequence is the product over its tokens and unbiased but for the bounds; the weight of a token ignores that its
    prefix was drawn by the sampler too. A truncated weight keeps every completion, a mask drops those that the trainer
    would hardly have sampled.

    Args:
      importance: an entry of `IMPORTANCE`.
      old_log_prob: [N, Lc] by the trainer, of the policy that sampled.
      sampler_log_prob: [N, Lc] as the sampler recorded it.
      mask: [N, Lc] true at completion tokens.
      bounds: the least weight (0: none) and the largest.
    """
    low, high = bounds
    gap = masked(old_log_prob - sampler_log_prob, mask)
    if importance.over_sequence:
        gap = jnp.broadcast_to(gap.sum(axis=1, keepdims=True), gap.shape)
    weight = jnp.exp(jnp.clip(gap, -MAX_LOG_RATIO, MAX_LOG_RATIO))
    outside = (weight < low) | (weight >= high)
    bounded = jnp.where(outside, 0.0, weight) if importance.masks else jnp.clip(weight, low, high)
    return jax.lax.stop_gradient(bounded), outside
