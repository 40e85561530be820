"""The importance ratio of the current policy to the one that sampled, per token or per response."""

from __future__ import annotations

from collections.abc import Callable

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


def truncated_importance(old_log_prob: jax.Array, sampler_log_prob: jax.Array, cap: float) -> jax.Array:
    """w_t = min(pi_old(y_t) / pi_sampler(y_t), cap), without gradient, [N, Lc].

    Corrects for a sampler whose probabilities differ from the trainer's, by precision or kernels (truncated importance
    sampling: Ionides 2008; for language models Yao et al. 2025, "Your efficient RL framework secretly brings you
    off-policy RL training", cap 2).
    """
    gap = jnp.clip(old_log_prob - sampler_log_prob, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    return jax.lax.stop_gradient(jnp.minimum(jnp.exp(gap), cap))
