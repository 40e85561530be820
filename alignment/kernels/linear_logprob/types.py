"""The arguments and results that the implementations of `linear_logprob` share."""

from __future__ import annotations

from typing import NamedTuple

import jax

LOWEST = -1e30  # log-probability of what has none; finite, so that neither inf - inf nor 0 x inf arises


class LogProb(NamedTuple):
    """Per token, float32 [T]: log-probability of the target, log-sum-exp and entropy (nat) of the distribution."""

    log_prob: jax.Array
    log_sum_exp: jax.Array
    entropy: jax.Array


class Shards(NamedTuple):
    """A head [V, D] sharded by vocabulary over axis `vocabulary` of `mesh`, and tokens over axis `tokens` if any."""

    mesh: jax.sharding.Mesh
    vocabulary: str
    tokens: str | None = None
