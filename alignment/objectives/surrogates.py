"""The gain per token as a function of ratio and advantage: where and how it is clipped."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Clip(NamedTuple):
    """Ranges of the ratio rho: [1 - low, 1 + high], and an upper bound for negative advantages (0: none)."""

    low: float
    high: float
    dual: float = 0.0


class Gain(NamedTuple):
    """The gain per token [N, Lc], and where the lower and the upper bound cut the gradient."""

    value: jax.Array
    at_low: jax.Array
    at_high: jax.Array


def clipped(ratio: jax.Array, advantage: jax.Array, log_prob: jax.Array, clip: Clip) -> Gain:
    """min(rho A, clip(rho, 1 - low, 1 + high) A): PPO (1707.06347, eq. 7), clip-higher where high > low (DAPO).

    With `dual` c > 1 + high, rho is cut at c in the first term: for A < 0 the gain is never below c A (dual clip,
    1912.09729, eq. 5), and for A > 0 nothing changes.
    """
    bounded = jnp.clip(ratio, 1.0 - clip.low, 1.0 + clip.high)
    free = jnp.minimum(ratio, clip.dual) if clip.dual else ratio
    at_low = (ratio < 1.0 - clip.low) & (advantage < 0)
    at_high = (ratio > 1.0 + clip.high) & (advantage > 0)
    if clip.dual:
        at_high |= (ratio > clip.dual) & (advantage < 0)
    return Gain(jnp.minimum(free * advantage, bounded * advantage), at_low, at_high)


def unclipped(ratio: jax.Array, advantage: jax.Array, log_prob: jax.Array, clip: Clip) -> Gain:
    """Return rho A, without a bound: what KL-Cov (2505.22617) leaves to the tokens that it does not choose."""
    nowhere = jnp.zeros_like(ratio, bool)
    return Gain(ratio * advantage, nowhere, nowhere)


def weighted(ratio: jax.Array, advantage: jax.Array, log_prob: jax.Array, clip: Clip) -> Gain:
    """stop(min(rho, 1 + high)) A log pi: CISPO (2506.13585, eq. 4), which clips the weight and drops no token.

    There is no lower bound and no dual clip; the cap c_max of the papers is 1 + high (5 in ScaleRL: high = 4).
    """
    weight = jax.lax.stop_gradient(jnp.minimum(ratio, 1.0 + clip.high))
    return Gain(weight * advantage * log_prob, jnp.zeros_like(ratio, bool), ratio > 1.0 + clip.high)


SURROGATES: dict[str, Callable[[jax.Array, jax.Array, jax.Array, Clip], Gain]] = {
    "clipped": clipped,
    "unclipped": unclipped,
    "weighted": weighted,
}


def at_chosen(rule: str, gain: jax.Array, log_ratio: jax.Array, chosen: jax.Array, weight: float) -> jax.Array:
    """Return the gain per token [N, Lc], changed at the tokens that a rule of `covariance.SELECTIONS` has chosen.

    `clip` stops their gradient, and `kl` takes off weight x abs(log pi - log pi_old), an estimate of the divergence to
    the policy that sampled, as in the released code of 2505.22617. Its gradient is 0 at the first optimiser step of a
    rollout.
    """
    if rule == "clip":
        return jnp.where(chosen, jax.lax.stop_gradient(gain), gain)
    return jnp.where(chosen, gain - weight * jnp.abs(log_ratio), gain)
