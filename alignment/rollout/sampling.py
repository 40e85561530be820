"""Sampling a token: temperature, top-k, top-p and min-p without sorting the vocabulary, and one draw from the CDF."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from alignment.errors import UserError
from alignment.kernels.vocabulary import TokenRanges, token_mask

ROWS = 128  # of the table that the probabilities of a vocabulary are summed in
LOWEST = -1e30  # the logit of an id without a token; finite, as in `kernels.linear_logprob`
ONE = 0x3F800000  # the bits of float32 1.0; the bits of the floats from 0 to 1 have the order of the floats


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """The distribution that tokens are sampled from; the filters apply in this order.

    Raises:
      UserError: a value out of its range.
    """

    temperature: float = 1.0  # divides the logits; at 0 the most likely token is taken, whatever the filters
    top_k: int = 0  # keep the k most likely tokens; 0: all
    top_p: float = 1.0  # keep the fewest most likely tokens with at least this share of what top-k keeps
    min_p: float = 0.0  # keep tokens at least this likely, as a share of the most likely one
    token_ranges: TokenRanges | None = None  # the ids that can be sampled, before any filter; None: every one

    def __post_init__(self):
        ranges = (
            ("temperature", self.temperature >= 0, "it must not be negative"),
            ("top_k", self.top_k >= 0, "it must not be negative (0 keeps all)"),
            ("top_p", 0 < self.top_p <= 1, "it must lie above 0 and be at most 1 (1 keeps all)"),
            ("min_p", 0 <= self.min_p <= 1, "it must lie between 0 and 1 (0 keeps all)"),
        )
        for name, valid, rule in ranges:
            if not valid:
                raise UserError(f"{name}={getattr(self, name)} is out of range; {rule}")


def sample_token(
    logits: jax.Array, keys: jax.Array, positions: jax.Array, sampling: SamplingConfig
) -> tuple[jax.Array, jax.Array]:
    """Sample a token for every row of logits [..., V].

    Args:
      logits: float32.
      keys: [...] typed keys, one a completion; positions: [...] of the token in its completion, folded into the key.
      sampling: the distribution.

    Returns:
      Tokens [...] int32 and their log-probability under the distribution they were sampled from, filters included;
      at a temperature of 0 that of the untempered distribution. Tokens as likely as the last one that a filter keeps
      are kept as well.
    """
    logits = logits / (sampling.temperature or 1.0)
    if sampling.token_ranges is not None:
        logits = jnp.where(token_mask(sampling.token_ranges, logits.shape[-1]), logits, LOWEST)
    max_logit = logits.max(axis=-1, keepdims=True)
    unnormalised_probs = jnp.exp(logits - max_logit)  # the largest is 1
    if not sampling.temperature:
        token = jnp.argmax(logits, axis=-1)
        return token.astype(jnp.int32), -jnp.log(unnormalised_probs.sum(axis=-1))

    def two_uniforms(key, position):
        return jax.random.uniform(jax.random.fold_in(key, position), (2,))

    unnormalised_probs = filter_probs(unnormalised_probs, sampling)
    uniforms = jax.vmap(two_uniforms)(keys.reshape(-1), positions.reshape(-1)).reshape(*keys.shape, 2)
    token, total = sample_from_cdf(unnormalised_probs, uniforms)
    relative_logit = jnp.take_along_axis(logits - max_logit, token[..., None], axis=-1)[..., 0]
    return token, relative_logit - jnp.log(total)


def filter_probs(unnormalised_probs: jax.Array, sampling: SamplingConfig) -> jax.Array:
    """Set to 0 the probabilities [..., V] (unnormalised, the largest 1) of the tokens that the filters leave out."""
    probs = unnormalised_probs
    if sampling.top_k:
        probs = _keep_most_likely(probs, jnp.sign, sampling.top_k)
    if sampling.top_p < 1:
        probs = _keep_most_likely(probs, lambda kept_probs: kept_probs, sampling.top_p * _sum_by_rows(probs))
    return jnp.where(probs >= sampling.min_p, probs, 0.0)


def sample_from_cdf(unnormalised_probs: jax.Array, uniforms: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sample a token [...] from probabilities [..., V] by inverting their CDF; also returns their sum [...].

    `uniforms` [..., 2] lie in [0, 1). Inverting the CDF needs two random numbers a token, where the Gumbel trick needs
    V. It works in two levels, a column of the table of probabilities and then its row, so that each number selects
    among a few hundred or thousand values only, within the resolution of a float32.
    """
    table = _as_table(unnormalised_probs)
    column, total = _invert_cdf(table.sum(axis=-2), uniforms[..., 0])
    column_probs = jnp.take_along_axis(table, column[..., None, None], axis=-1)[..., 0]
    row, _ = _invert_cdf(column_probs, uniforms[..., 1])
    return (row * table.shape[-1] + column).astype(jnp.int32), total


def _keep_most_likely(probs: jax.Array, count: Callable[[jax.Array], jax.Array], least: jax.Array | float) -> jax.Array:
    """Keep the probabilities above the highest threshold at which the sum of `count(kept)` is at least `least`.

    Bisection over the bits of a float32 finds the exact threshold in about 30 passes over the row, where sorting
    151,936 words costs several times the whole decoding step.
    """

    def keep_at_least(bits):
        return jnp.where(probs >= jax.lax.bitcast_convert_type(bits, jnp.float32), probs, 0.0)

    def bisect(bounds):
        low, high = bounds  # at low enough is kept, at high too little
        middle = low + (high - low) // 2
        enough = _sum_by_rows(count(keep_at_least(middle))) >= least
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    start = jnp.zeros((*probs.shape[:-1], 1), jnp.int32), jnp.full((*probs.shape[:-1], 1), ONE + 1, jnp.int32)
    low, _ = jax.lax.while_loop(lambda bounds: (bounds[1] - bounds[0] > 1).any(), bisect, start)
    return keep_at_least(low)


def _sum_by_rows(probs: jax.Array) -> jax.Array:
    """[..., V] -> [..., 1], summed in the order of `sample_from_cdf`, so that the two sums are the same number."""
    return _as_table(probs).sum(axis=-2).sum(axis=-1, keepdims=True)


def _as_table(probs: jax.Array) -> jax.Array:
    """[..., V] -> [..., ROWS, V / ROWS], padded with zeros.

    Summing a table over its rows adds many columns at once, where the sum of a long vector waits for every addition.
    """
    padded = jnp.pad(probs, [(0, 0)] * (probs.ndim - 1) + [(0, -probs.shape[-1] % ROWS)])
    return padded.reshape(*probs.shape[:-1], ROWS, -1)


def _invert_cdf(weights: jax.Array, uniform: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The first index whose running sum exceeds uniform * sum, so that its weight is above 0; and the sum."""
    sums = jnp.cumsum(weights, axis=-1)
    total = sums[..., -1]
    target = jnp.minimum(uniform * total, jnp.nextafter(total, 0.0))  # rounding must not reach the end
    return jnp.sum(sums <= target[..., None], axis=-1), total
