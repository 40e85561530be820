"""Online softmax over all words but the target: the sums of every implementation, their update and their merge.

The sums exclude the target, so that the gradient
d log p_y / dh = ((1 - p_y) W_y - sum over v != y of p_v W_v) / temperature then has no cancellation. Each weight is
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
    """Running sums over the part of the vocabulary that was read; [T, 1] float32 each.

    `max_logit` m is the largest logit, `sum_exp` the sum of exp(z - m) and `sum_z_exp` that of (z - m) exp(z - m), all
    without the target; `target_logit` is the logit of the target, 0 before it is read.
    """

    max_logit: jax.Array
    sum_exp: jax.Array
    sum_z_exp: jax.Array
    target_logit: jax.Array


class Sweep(NamedTuple):
    """`Sums` and the sum of exp(z_v - max_logit) W_v over v != y: [T, D] float32, None if no gradient is needed."""

    sums: Sums
    weighted_rows: jax.Array | None


class Finished(NamedTuple):
    """The result, 1 - p_y [T, 1] to full precision and the sum of p_v W_v over v != y, [T, D] or None."""

    out: LogProb
    one_minus_p: jax.Array
    weighted_rows: jax.Array | None


def start(shape: tuple[int, ...]) -> Sums:
    """Return the sums over no words, arrays of `shape`."""
    zero = jnp.zeros(shape, jnp.float32)
    return Sums(jnp.full(shape, LOWEST), zero, zero, zero)


def update(
    sums: Sums, logits: jax.Array, target: jax.Array, valid: jax.Array | None, target_logit: jax.Array | None = None
) -> tuple[Sums, ...]:
    """Add a block of logits to the sums.

    Args:
      sums: before the block, [t, 1] each.
      logits: [t, v] float32.
      target: bool [t, v], true at the row's target.
      valid: bool [t, v] or [1, v], false where the block's column is no token or was seen already; None if all are.
      target_logit: the target's logit [t, 1] where the block holds it, else 0; None computes it by a masked sum, for
        kernels that cannot gather.

    Returns:
      The sums after the block, exp(logits - max_logit) [t, v] (0 at the target and where not valid), and the factor
      [t, 1] that rescales a sum weighted with the former maximum.
    """
    is_other = ~target if valid is None else ~target & valid
    other_logits = jnp.where(is_other, logits, MASKED)
    max_logit = jnp.maximum(sums.max_logit, jnp.max(other_logits, axis=1, keepdims=True))
    gap = other_logits - max_logit
    weights = jnp.exp(gap)
    sum_exp, sum_z_exp, factor = rescale(sums, max_logit)
    if target_logit is None:
        is_target = target if valid is None else target & valid
        target_logit = jnp.sum(jnp.where(is_target, logits, 0.0), axis=1, keepdims=True)
    return (
        Sums(
            max_logit,
            sum_exp + jnp.sum(weights, axis=1, keepdims=True),
            sum_z_exp + jnp.sum(gap * weights, axis=1, keepdims=True),
            sums.target_logit + target_logit,
        ),
        weights,
        factor,
    )


def rescale(sums: Sums, max_logit: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return sum_exp and sum_z_exp relative to another `max_logit`, and the factor that rescales weights."""
    gap = sums.max_logit - max_logit
    factor = jnp.exp(gap)
    return sums.sum_exp * factor, (sums.sum_z_exp + gap * sums.sum_exp) * factor, factor


def join(left: Sweep, right: Sweep) -> Sweep:
    """Join the sweeps of two parts of the vocabulary."""
    max_logit = jnp.maximum(left.sums.max_logit, right.sums.max_logit)
    (sum_exp, sum_z_exp, factor), (sum_exp2, sum_z_exp2, factor2) = (
        rescale(each.sums, max_logit) for each in (left, right)
    )
    rows = None if left.weighted_rows is None else left.weighted_rows * factor + right.weighted_rows * factor2
    target_logit = left.sums.target_logit + right.sums.target_logit
    return Sweep(Sums(max_logit, sum_exp + sum_exp2, sum_z_exp + sum_z_exp2, target_logit), rows)


def merge(sweep: Sweep, axis: str) -> Sweep:
    """Merge the sweeps of vocabulary slices on the devices of mesh axis `axis`; called inside `jax.shard_map`."""
    max_logit = jax.lax.pmax(sweep.sums.max_logit, axis)
    sum_exp, sum_z_exp, factor = rescale(sweep.sums, max_logit)
    sum_exp, sum_z_exp, target_logit = jax.lax.psum((sum_exp, sum_z_exp, sweep.sums.target_logit), axis)
    rows = None if sweep.weighted_rows is None else jax.lax.psum(sweep.weighted_rows * factor, axis)
    return Sweep(Sums(max_logit, sum_exp, sum_z_exp, target_logit), rows)


def finish(sweep: Sweep) -> Finished:
    """Add the target to the sums and compute the result: log p_y = z_y - lse, entropy = lse - E_p[z]."""
    target_logit = sweep.sums.target_logit
    max_logit = jnp.maximum(sweep.sums.max_logit, target_logit)
    sum_exp, sum_z_exp, factor = rescale(sweep.sums, max_logit)
    gap = target_logit - max_logit
    target_exp = jnp.exp(gap)
    total = sum_exp + target_exp
    log_total = jnp.log(total)
    out = LogProb(gap - log_total, max_logit + log_total, log_total - (sum_z_exp + gap * target_exp) / total)
    rows = None if sweep.weighted_rows is None else sweep.weighted_rows * (factor / total)
    return Finished(LogProb(*(leaf[:, 0] for leaf in out)), sum_exp / total, rows)


def exact(*arrays: jax.Array) -> jax.lax.Precision | None:
    """Return the precision that keeps float32 products in float32; defaults are bfloat16 on TPU and TF32 on GPU."""
    return jax.lax.Precision.HIGHEST if jnp.result_type(*arrays) == jnp.float32 else None
