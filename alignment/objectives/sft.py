"""Supervised fine-tuning: negative log-likelihood over response tokens."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked_sum


def sft_loss(log_prob: jax.Array, mask: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return (-sum_t m_t log pi(y_t), sum_t m_t); their ratio over the global batch is the loss.

    Args:
      log_prob: [N, T] log-probability of each token given those before it.
      mask: [N, T] true at response tokens (chain of thought, answer and end token).
    """
    chex.assert_equal_shape([log_prob, mask])
    return -masked_sum(log_prob, mask), mask.astype(jnp.float32).sum()
