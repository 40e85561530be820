"""Estimators of the Kullback-Leibler divergence to the reference policy, per sampled token (Schulman 2020).

All are functions of d = log pi_ref - log pi at tokens sampled from pi. Their *values* estimate KL(pi || pi_ref); the
gradients of k1 and k3, taken as a loss, do not: that of k1 has mean 0 and that of k3 is the gradient of the forward KL
of pi_ref to pi, even on-policy. Times the ratio rho, with the gradient through it, both have the gradient of the KL
that they estimate (`corrected`); k2 = d^2 / 2 has it as it is, on-policy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

MAX_LOG_RATIO = 20.0
MAX_K3 = 10.0


class Penalty(NamedTuple):
    """The estimate per token, and whether a clamp was active."""

    value: jax.Array
    clamped: jax.Array


def k1(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k1 = -d: unbiased, of either sign, high variance; d clamped to +-20."""
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    return Penalty(-d, clamped)


def k2(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k2 = d^2 / 2: biased, low variance; d clamped to +-20."""
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    return Penalty(0.5 * d**2, clamped)


def k3(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k3 = exp(d) - d - 1 with d = log pi_ref - log pi: unbiased, never negative (2402.03300 eq. 4).

    d is clamped to +-20 and the estimate to +-10, as is common, so that one token cannot blow up a step.
    """
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    value = jnp.expm1(d) - d  # exp(d) - 1 would round a small d away
    return Penalty(jnp.clip(value, -MAX_K3, MAX_K3), clamped | (value > MAX_K3))


def corrected(penalty: Penalty, ratio: jax.Array) -> Penalty:
    """Return the penalty times rho = pi / pi_old, with the gradient through rho.

    Off-policy it makes the estimate unbiased; on-policy (rho = 1) it leaves the value and corrects the gradient.
    """
    return penalty._replace(value=ratio * penalty.value)


def _log_ratio(log_prob: jax.Array, ref_log_prob: jax.Array) -> tuple[jax.Array, jax.Array]:
    raw = jax.lax.stop_gradient(ref_log_prob) - log_prob
    return jnp.clip(raw, -MAX_LOG_RATIO, MAX_LOG_RATIO), jnp.abs(raw) > MAX_LOG_RATIO


ESTIMATORS: dict[str, Callable[[jax.Array, jax.Array], Penalty]] = {"k1": k1, "k2": k2, "k3": k3}
