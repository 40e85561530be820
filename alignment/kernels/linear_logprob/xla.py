"""Plain XLA in chunks of tokens: never more than [chunk, V] logits at once, in the forward or the backward pass."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.kernels.linear_logprob import reference
from alignment.kernels.linear_logprob.api import LogProb

CHUNK = 512  # tokens: 512 x 151,936 float32 logits are 311 MB


def linear_logprob(hidden: jax.Array, head: jax.Array, targets: jax.Array, temperature: float) -> LogProb:
    """Scan over chunks of tokens; the backward pass recomputes each chunk's logits."""
    tokens, dim = hidden.shape
    if tokens <= CHUNK:
        return _chunk(hidden, targets, head, temperature)
    padding = -tokens % CHUNK
    hidden = jnp.pad(hidden, ((0, padding), (0, 0))).reshape(-1, CHUNK, dim)
    targets = jnp.pad(targets, (0, padding)).reshape(-1, CHUNK)

    def step(_, chunk):
        return None, _chunk(*chunk, head, temperature)

    _, out = jax.lax.scan(step, None, (hidden, targets))
    return LogProb(*(leaf.reshape(-1)[:tokens] for leaf in out))


def _chunk(hidden, targets, head, temperature):
    run = jax.checkpoint(lambda h, w: reference.linear_logprob(h, w, targets, temperature))
    return run(hidden, head)
