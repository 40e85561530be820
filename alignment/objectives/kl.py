"""Estimators of the Kullback-Leibler divergence to the reference policy, per sampled token."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

MAX_LOG_RATIO = 20.0
MAX_K3 = 10.0


class Penalty(NamedTuple):
    """The estimate per token, and where a clamp bound."""

    value: jax.Array
    clamped: jax.Array


def k3(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k3 = exp(d) - d - 1 with d = log pi_ref - log pi: unbiased, never negative (Schulman 2020; 2402.03300 eq. 4).

    d is clamped to +-20 and the estimate to +-10, as is common, so that one token cannot blow up a step.
    """
    raw = jax.lax.stop_gradient(ref_log_prob) - log_prob
    d = jnp.clip(raw, -MAX_LOG_RATIO, MAX_LOG_RATIO)
    value = jnp.expm1(d) - d  # exp(d) - 1 would round a small d away
    clamped = (jnp.abs(raw) > MAX_LOG_RATIO) | (value > MAX_K3)
    return Penalty(jnp.clip(value, -MAX_K3, MAX_K3), clamped)
