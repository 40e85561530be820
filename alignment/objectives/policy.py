"""The clipped policy loss of GRPO with its KL penalty: one small pure function of log-probabilities."""

from __future__ import annotations

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from alignment.objectives.kl import k3

MAX_LOG_RATIO = 20.0


class PolicyLoss(NamedTuple):
    """Unnormalised sum over responses, number of responses, and sums over tokens of what the metrics need."""

    total: jax.Array
    count: jax.Array
    sums: dict[str, jax.Array]
    maxima: dict[str, jax.Array]


def grpo_loss(
    log_prob: jax.Array,
    old_log_prob: jax.Array,
    ref_log_prob: jax.Array | None,
    advantages: jax.Array,
    mask: jax.Array,
    *,
    clip_low: float,
    clip_high: float,
    beta: float,
) -> PolicyLoss:
    """Sum over responses of the mean over tokens of -[min(rho A, clip(rho, 1-e, 1+e) A) - beta k3].

    rho_t = pi(y_t) / pi_old(y_t); GRPO (2402.03300, eq. 3) with PPO's clipped surrogate (1707.06347, eq. 7). A
    response whose mask is empty counts in the number of responses and adds nothing.

    Args:
      log_prob: [N, Lc] current log-probabilities of the sampled tokens, at the sampling temperature.
      old_log_prob: [N, Lc] under the policy that sampled them.
      ref_log_prob: [N, Lc] under the reference; None exactly when beta is 0.
      advantages: [N].
      mask: [N, Lc] true at completion tokens, the end token included.
      clip_low: lower clip range e.
      clip_high: upper clip range.
      beta: weight of the KL penalty.

    Returns:
      The loss as (sum, count), so that micro-batches and devices add up before one division.
    """
    chex.assert_equal_shape([log_prob, old_log_prob, mask])
    chex.assert_shape(advantages, (log_prob.shape[0],))
    mask = mask.astype(jnp.float32)
    raw = log_prob - jax.lax.stop_gradient(old_log_prob)
    ratio = jnp.exp(jnp.clip(raw, -MAX_LOG_RATIO, MAX_LOG_RATIO))
    gain = advantages[:, None]
    clipped = jnp.clip(ratio, 1.0 - clip_low, 1.0 + clip_high)
    per_token = -jnp.minimum(ratio * gain, clipped * gain)
    sums = {
        "ratio": ratio,
        "clip/low": (ratio < 1.0 - clip_low) & (gain < 0),
        "clip/high": (ratio > 1.0 + clip_high) & (gain > 0),
        "clip/log_ratio": jnp.abs(raw) > MAX_LOG_RATIO,
    }
    if beta:
        penalty = k3(log_prob, ref_log_prob)
        per_token = per_token + beta * penalty.value
        sums |= {"kl": penalty.value, "clip/k3": penalty.clamped}
    response_means = jnp.sum(per_token * mask, axis=1) / jnp.maximum(mask.sum(axis=1), 1.0)
    sums = {name: jax.lax.stop_gradient(jnp.sum(value * mask)) for name, value in sums.items()}
    sums["tokens"] = mask.sum()
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(mask > 0, ratio, 0.0)))
    return PolicyLoss(response_means.sum(), jnp.float32(log_prob.shape[0]), sums, {"ratio/max": peak})
