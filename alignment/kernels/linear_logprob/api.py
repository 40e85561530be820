"""Log-probability of target tokens straight from hidden states and the head, without keeping [tokens, V] logits."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import chex
import jax

from alignment.errors import UserError

IMPLEMENTATIONS = ("xla", "reference")  # tried in this order; each is a module of this folder


class LogProb(NamedTuple):
    """Per token, float32 [T]: log-probability of the target, log-sum-exp and entropy (nat) of the distribution."""

    log_prob: jax.Array
    log_sum_exp: jax.Array
    entropy: jax.Array


def linear_logprob(
    hidden: jax.Array, head: jax.Array, targets: jax.Array, temperature: float = 1.0, implementation: str = "xla"
) -> LogProb:
    """Return log softmax(hidden head^T / temperature) at `targets`, with log-sum-exp and entropy.

    Args:
      hidden: [T, D] final hidden states.
      head: [V, D] language-model head.
      targets: [T] token ids.
      temperature: the sampling temperature, above 0.
      implementation: a name in `IMPLEMENTATIONS`.

    Raises:
      UserError: an unknown implementation.
    """
    chex.assert_rank([hidden, head, targets], [2, 2, 1])
    if implementation not in IMPLEMENTATIONS:
        raise UserError(
            f"linear_logprob has no implementation {implementation!r}; use one of {', '.join(IMPLEMENTATIONS)}"
        )
    module = importlib.import_module(f"alignment.kernels.linear_logprob.{implementation}")
    return module.linear_logprob(hidden, head, targets, temperature)
