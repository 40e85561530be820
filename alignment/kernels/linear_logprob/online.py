"""Online softmax over all words but the target: the sums every implementation keeps, their update and their merge.

The target is kept out of the sums on purpose. With r = sum over v != y of exp(z_v - top), the gradient
d log p_y / dh = ((1 - p_y) W_y - sum over v != y of p_v W_v) / temperature then has no cancellation: each weight is
small where the target is likely, so rounding the weights to bfloat16 costs 2**-9 relative. With the target inside the
sum, W_y - E_p[W] at p_y = 0.99 would be wrong by a sixth after the same rounding.

Rescaling follows Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), and the weighted sum that
of FlashAttention (Dao et al., 2022), with the head as keys and values.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from alignment.kernels.linear_logprob.types import LOWEST, LogProb

MASKED = 2 * LOWEST  # below LOWEST, the maximum of no logits: exp(MASKED - top) is 0 also while nothing has been seen


class Sums(NamedTuple):
    """What is known of a row's logits after some of the vocabulary; [T, 1] float32 each.

    `top` is the largest logit but the target's, `mass` the sum of exp(z - top) and `spread` that of
    (z - top) exp(z - top), both without the target, and `target` the target's logit (0 until it is met).
    """

    top: jax.Array
    mass: jax.Array
    spread: jax.Array
    target: jax.Array


class Sweep(NamedTuple):
    """`Sums` over the whole vocabulary and the sum of exp(z_v - top) W_v, v != y: [T, D] float32, None if unasked."""

    sums: Sums
    weighted: jax.Array | None


class Finished(NamedTuple):
    """The result, with 1 - p_y [T, 1] to full precision and the sum of p_v W_v, v != y ([T, D], None if unasked)."""

    out: LogProb
    miss: jax.Array
    others: jax.Array | None


def start(shape: tuple[int, ...]) -> Sums:
    """Return the sums over no words, arrays of `shape`."""
    zero = jnp.zeros(shape, jnp.float32)
    return Sums(jnp.full(shape, LOWEST), zero, zero, zero)


def absorb(
    sums: Sums, logits: jax.Array, target: jax.Array, valid: jax.Array | None, found: jax.Array | None = None
) -> tuple[Sums, ...]:
    """Take in a block of logits.

    Args:
      sums: before the block, [t, 1] each.
      logits: [t, v] float32.
      target: bool [t, v], true at the row's target.
      valid: bool [t, v] or [1, v], false where the block's column is no token or was seen already; None if all are.
      found: the target's logit [t, 1] where the block has it, else 0; None adds it up here, for want of a gather.

    Returns:
      The sums after the block, exp(logits - top) [t, v] (0 at the target and where not valid), and the factor [t, 1]
      by which anything weighted with the former top shrinks.
    """
    rest = ~target if valid is None else ~target & valid
    others = jnp.where(rest, logits, MASKED)
    top = jnp.maximum(sums.top, jnp.max(others, axis=1, keepdims=True))
    gap = others - top
    weights = jnp.exp(gap)
    kept, shift, shrink = rescale(sums, top)
    if found is None:
        taken = target if valid is None else target & valid
        found = jnp.sum(jnp.where(taken, logits, 0.0), axis=1, keepdims=True)
    return (
        Sums(
            top,
            kept + jnp.sum(weights, axis=1, keepdims=True),
            shift + jnp.sum(gap * weights, axis=1, keepdims=True),
            sums.target + found,
        ),
        weights,
        shrink,
    )


def rescale(sums: Sums, top: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return mass and spread expressed against another `top`, and the factor by which weights shrink."""
    gap = sums.top - top
    shrink = jnp.exp(gap)
    return sums.mass * shrink, (sums.spread + gap * sums.mass) * shrink, shrink


def join(left: Sweep, right: Sweep) -> Sweep:
    """Join the sweeps of two parts of the vocabulary."""
    top = jnp.maximum(left.sums.top, right.sums.top)
    (mass, spread, shrink), (mass2, spread2, shrink2) = rescale(left.sums, top), rescale(right.sums, top)
    weighted = None if left.weighted is None else left.weighted * shrink + right.weighted * shrink2
    return Sweep(Sums(top, mass + mass2, spread + spread2, left.sums.target + right.sums.target), weighted)


def merge(sweep: Sweep, axis: str) -> Sweep:
    """Merge the sweeps of vocabulary slices held along mesh axis `axis`; called inside `jax.shard_map`."""
    top = jax.lax.pmax(sweep.sums.top, axis)
    mass, spread, shrink = rescale(sweep.sums, top)
    mass, spread, target = jax.lax.psum((mass, spread, sweep.sums.target), axis)
    weighted = None if sweep.weighted is None else jax.lax.psum(sweep.weighted * shrink, axis)
    return Sweep(Sums(top, mass, spread, target), weighted)


def finish(sweep: Sweep) -> Finished:
    """Put the target back and read the result off: log p_y = z_y - lse, entropy = lse - E_p[z]."""
    target = sweep.sums.target
    top = jnp.maximum(sweep.sums.top, target)
    mass, spread, shrink = rescale(sweep.sums, top)
    gap = target - top
    own = jnp.exp(gap)
    total = mass + own
    log_total = jnp.log(total)
    out = LogProb(gap - log_total, top + log_total, log_total - (spread + gap * own) / total)
    others = None if sweep.weighted is None else sweep.weighted * (shrink / total)
    return Finished(LogProb(*(leaf[:, 0] for leaf in out)), mass / total, others)


def exact(*arrays: jax.Array) -> jax.lax.Precision | None:
    """Matrix products of float32 are float32 on every device, not bfloat16 (TPU) or TF32 (GPU) by default."""
    return jax.lax.Precision.HIGHEST if jnp.result_type(*arrays) == jnp.float32 else None
