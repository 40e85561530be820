"""The definition, written plainly: full logits in float32. Differentiable in every argument."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.kernels.linear_logprob.types import LOWEST, LogProb


def linear_logprob(
    hidden: jax.Array, head: jax.Array, targets: jax.Array, temperature: float, is_token: jax.Array | None = None
) -> LogProb:
    """Materialise [T, V] logits and read everything off them."""
    logits = jnp.einsum("td,vd->tv", hidden, head, preferred_element_type=jnp.float32) / temperature
    if is_token is not None:
        logits = jnp.where(is_token, logits, LOWEST)
    log_probs = jax.nn.log_softmax(logits, axis=-1)
    picked = jnp.take_along_axis(log_probs, targets[:, None], axis=1)[:, 0]
    entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    return LogProb(picked, jax.nn.logsumexp(logits, axis=-1), entropy)
