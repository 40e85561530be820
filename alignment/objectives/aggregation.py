"""Aggregations turn a loss per token [N, Lc] into (unnormalised sum, count); the one division is by the global count.

So neither the number of micro-batches nor of devices changes the gradient. Values at masked positions are never used.
A response whose mask is empty adds nothing, and counts as a response where responses are counted (as in TRL).
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked_sum

Aggregation = Callable[[jax.Array, jax.Array, int], tuple[jax.Array, jax.Array]]


def response_mean(per_token: jax.Array, mask: jax.Array, max_tokens: int) -> tuple[jax.Array, jax.Array]:
    """Mean over responses of the mean over tokens: (sum_i sum_t l_it m_it / n_i, N) (GRPO, 2402.03300, eq. 3)."""
    means = masked_sum(per_token, mask, axis=1) / jnp.maximum(mask.sum(axis=1), 1.0)
    return means.sum(), jnp.float32(mask.shape[0])


def token_mean(per_token: jax.Array, mask: jax.Array, max_tokens: int) -> tuple[jax.Array, jax.Array]:
    """Mean over all tokens of the global batch: (sum l m, sum m) (DAPO, 2503.14476, eq. 8)."""
    return masked_sum(per_token, mask), mask.sum()


def fixed_length(per_token: jax.Array, mask: jax.Array, max_tokens: int) -> tuple[jax.Array, jax.Array]:
    """Sum over tokens / (N L_max): (sum l m / L_max, N), so that no length is favoured (Dr. GRPO, 2503.20783)."""
    if max_tokens < 1:
        raise ValueError("the aggregation fixed_length needs the sampler's limit on a completion's tokens")
    return masked_sum(per_token, mask) / max_tokens, jnp.float32(mask.shape[0])


AGGREGATIONS: dict[str, Aggregation] = {
    "response_mean": response_mean,
    "token_mean": token_mean,
    "fixed_length": fixed_length,
}
