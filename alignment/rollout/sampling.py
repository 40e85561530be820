"""Choosing a token: temperature, top-k, top-p and min-p without sorting the vocabulary, and one draw a token."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from alignment.errors import UserError
from alignment.kernels.vocabulary import TokenRanges, token_mask

ROWS = 128  # of the table that a row of the vocabulary is summed in
LOWEST = -1e30  # the logit of an id without a token; finite, as in `kernels.linear_logprob`
ONE = 0x3F800000  # the bits of float32 1.0; those of floats from 0 to 1 are ordered as the floats are


@dataclasses.dataclass(frozen=True)
class Sampling:
    """The distribution that tokens are drawn from; the filters apply in this order.

    Raises:
      UserError: a value out of its range.
    """

    temperature: float = 1.0  # logits are divided by it; 0 takes the most likely token, whatever the filters
    top_k: int = 0  # keep the k most likely tokens; 0: all
    top_p: float = 1.0  # keep the fewest most likely tokens with at least this share of what top-k kept
    min_p: float = 0.0  # keep tokens at least this likely, as a share of the most likely one
    token_ranges: TokenRanges | None = None  # the ids that can be drawn at all, before any filter; None: every one

    def __post_init__(self):
        ranges = {
            "temperature": self.temperature >= 0,
            "top_k": self.top_k >= 0,
            "top_p": 0 < self.top_p <= 1,
            "min_p": 0 <= self.min_p <= 1,
        }
        for name, fits in ranges.items():
            if not fits:
                raise UserError(f"{name}={getattr(self, name)} is out of range; {_RANGES[name]}")


_RANGES = {
    "temperature": "it must not be negative",
    "top_k": "it must not be negative (0 keeps all)",
    "top_p": "it must lie above 0 and be at most 1 (1 keeps all)",
    "min_p": "it must lie between 0 and 1 (0 keeps all)",
}


def choose(logits: jax.Array, keys: jax.Array, places: jax.Array, sampling: Sampling) -> tuple[jax.Array, jax.Array]:
    """Pick a token for every row of logits [..., V].

    Args:
      logits: float32.
      keys: [...] typed keys, one a completion; places: [...] the token's place in it, folded into the key.
      sampling: the distribution.

    Returns:
      Tokens [...] int32 and their log-probability under the distribution they were drawn from, filters included;
      greedy ones have that of the untempered distribution. Tokens as likely as the last one kept are kept as well.
    """
    logits = logits / (sampling.temperature or 1.0)
    if sampling.token_ranges is not None:
        logits = jnp.where(token_mask(sampling.token_ranges, logits.shape[-1]), logits, LOWEST)
    top = logits.max(axis=-1, keepdims=True)
    shares = jnp.exp(logits - top)  # in proportion to the probabilities, the largest 1
    if not sampling.temperature:
        token = jnp.argmax(logits, axis=-1)
        return token.astype(jnp.int32), -jnp.log(shares.sum(axis=-1))
    shares = filter_shares(shares, sampling)
    noise = jax.vmap(_two_uniforms)(keys.reshape(-1), places.reshape(-1)).reshape(*keys.shape, 2)
    token, total = draw(shares, noise)
    picked = jnp.take_along_axis(logits - top, token[..., None], axis=-1)[..., 0]
    return token, picked - jnp.log(total)


def filter_shares(shares: jax.Array, sampling: Sampling) -> jax.Array:
    """Set to 0 the shares [..., V] (largest 1) of the tokens that `sampling` leaves out."""
    if sampling.top_k:
        shares = _keep(shares, lambda kept: jnp.sign(kept), sampling.top_k)
    if sampling.top_p < 1:
        shares = _keep(shares, lambda kept: kept, sampling.top_p * _sum(shares))
    return jnp.where(shares >= sampling.min_p, shares, 0.0)


def _sum(shares: jax.Array) -> jax.Array:
    """[..., V] -> [..., 1], through the rows of a table as in `draw`, so that the two sums are one number."""
    return _table(shares).sum(axis=-2).sum(axis=-1, keepdims=True)


def _keep(shares: jax.Array, amount: Callable[[jax.Array], jax.Array], enough: jax.Array | float) -> jax.Array:
    """Keep the shares from the highest threshold on at which the sum of `amount` over what is kept is `enough`.

    The threshold is found exactly by bisection over the bits of a float32: about 30 sweeps over the row, where a sort
    of 151,936 words costs several times the whole decoding step.
    """

    def narrow(bounds):
        low, high = bounds  # enough is kept at low, and not at high
        middle = low + (high - low) // 2
        met = _sum(amount(_at_least(shares, middle))) >= enough
        return jnp.where(met, middle, low), jnp.where(met, high, middle)

    start = jnp.zeros((*shares.shape[:-1], 1), jnp.int32), jnp.full((*shares.shape[:-1], 1), ONE + 1, jnp.int32)
    low, _ = jax.lax.while_loop(lambda bounds: (bounds[1] - bounds[0] > 1).any(), narrow, start)
    return _at_least(shares, low)


def _at_least(shares: jax.Array, bits: jax.Array) -> jax.Array:
    return jnp.where(shares >= jax.lax.bitcast_convert_type(bits, jnp.float32), shares, 0.0)


def draw(shares: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Draw a token [...] in proportion to shares [..., V] with noise [..., 2] uniform in [0, 1); and the shares' sum.

    Inverting the distribution function needs two random numbers a token, where adding Gumbel noise needs V. It is done
    in two levels, a column of the table of words and then its row, so that each number tells only hundreds apart.
    """
    table = _table(shares)
    column, total = _first_beyond(table.sum(axis=-2), noise[..., 0])
    inside = jnp.take_along_axis(table, column[..., None, None], axis=-1)[..., 0]
    row, _ = _first_beyond(inside, noise[..., 1])
    return (row * table.shape[-1] + column).astype(jnp.int32), total


def _table(shares: jax.Array) -> jax.Array:
    """Shares [..., V] as rows of a table [..., ROWS, V / ROWS], filled up with zeros.

    A sum over the rows of a table runs over many columns at once; that of a long vector waits for every addition.
    """
    padded = jnp.pad(shares, [(0, 0)] * (shares.ndim - 1) + [(0, -shares.shape[-1] % ROWS)])
    return padded.reshape(*shares.shape[:-1], ROWS, -1)


def _first_beyond(weights: jax.Array, uniform: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The first index whose running sum exceeds uniform * sum (so its weight is above 0), and the sum."""
    sums = jnp.cumsum(weights, axis=-1)
    total = sums[..., -1]
    target = jnp.minimum(uniform * total, jnp.nextafter(total, 0.0))  # rounding must not reach the end
    return jnp.sum(sums <= target[..., None], axis=-1), total


def _two_uniforms(key: jax.Array, place: jax.Array) -> jax.Array:
    return jax.random.uniform(jax.random.fold_in(key, place), (2,))
