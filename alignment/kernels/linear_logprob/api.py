"""Log-probability of target tokens straight from hidden states and a frozen head, never keeping [tokens, V] logits.

An implementation is a module of this folder listed in `IMPLEMENTATIONS`. It has `linear_logprob(hidden, head, targets,
temperature, is_token=None)` and may have `unsupported(hidden, head, backend)`, why it cannot serve ("" where it can),
and `PASSES`, its passes over the head, from which the vocabulary-sharded form is made.
"""

from __future__ import annotations

import functools
from types import ModuleType

import chex
import jax
import jax.numpy as jnp

from alignment.errors import UserError
from alignment.kernels.implementations import load_implementation
from alignment.kernels.linear_logprob import gradient, sharded
from alignment.kernels.linear_logprob.types import LOWEST, LogProb, Shards
from alignment.kernels.vocabulary import TokenRanges, token_mask

IMPLEMENTATIONS = ("pallas_gpu", "pallas_tpu", "xla", "reference")  # "auto" takes the first that serves


def linear_logprob(
    hidden: jax.Array,
    head: jax.Array,
    targets: jax.Array,
    temperature: float = 1.0,
    implementation: str = "xla",
    shards: Shards | None = None,
    token_ranges: TokenRanges | None = None,
) -> LogProb:
    """Return log softmax(hidden head^T / temperature) at `targets`, with log-sum-exp and entropy.

    All three may be differentiated with respect to `hidden`, exactly and, but for the entropy, which costs a second
    sweep over the head, without another pass. The head is meant to be frozen; its gradient is exact too, but costs a
    sweep of its own and [V, D] float32. That of the temperature is refused, except by "reference".

    Args:
      hidden: [T, D] final hidden states, float32 or bfloat16.
      head: [V, D] language-model head, float32 or bfloat16.
      targets: [T] token ids, integers in [0, V).
      temperature: the sampling temperature, above 0.
      implementation: a name in `IMPLEMENTATIONS`, or "auto" for the first there that serves these shapes on the
        default backend.
      shards: how the head is sharded, None if each device holds it whole.
      token_ranges: the ids that stand for tokens (`kernels.vocabulary`); None is all V. The distribution is that over
        those ids: the others have no share in sums and gradients, and as a target the log-probability `LOWEST`.

    Raises:
      UserError: an unknown implementation, one that does not serve these shapes or this backend (with the reason), a
        temperature not above 0, a vocabulary or token count that does not divide over the mesh, or, when
        differentiated, a gradient for the temperature.
    """
    chex.assert_rank([hidden, head, targets], [2, 2, 1])
    chex.assert_shape(head, (None, hidden.shape[1]))
    chex.assert_shape(targets, (hidden.shape[0],))
    if isinstance(temperature, int | float) and not temperature > 0:
        raise UserError(f"temperature={temperature}: the log-probability needs a temperature above 0")
    local_hidden = _local_shape(hidden, shards and shards.tokens, "tokens", shards)
    local_head = _local_shape(head, shards and shards.vocabulary, "words", shards)
    module = _choose(implementation, local_hidden, local_head, sharded=shards is not None)
    run = module.linear_logprob if shards is None else _sharded(module.PASSES, shards)
    if token_ranges is None:
        return run(hidden, head, targets, temperature)
    is_token = jnp.asarray(token_mask(token_ranges, len(head)))
    known = is_token[targets]
    out = run(hidden, head, jnp.where(known, targets, token_ranges[0][0]), temperature, is_token)
    return out._replace(log_prob=jnp.where(known, out.log_prob, LOWEST))


def _choose(implementation: str, hidden, head, sharded: bool) -> ModuleType:
    reasons = []
    for name in IMPLEMENTATIONS if implementation == "auto" else (implementation,):
        module = load_implementation("linear_logprob", name, (*IMPLEMENTATIONS, "auto"))
        reason = "it has no vocabulary-sharded form" if sharded and not hasattr(module, "PASSES") else ""
        if not reason and hasattr(module, "unsupported"):
            reason = module.unsupported(hidden, head, jax.default_backend())
        if not reason:
            return module
        reasons.append(f"{name}: {reason}")
    raise UserError(f"linear_logprob cannot use the requested implementation; {'; '.join(reasons)}")


def _local_shape(array: jax.Array, axis: str | None, what: str, shards: Shards | None) -> jax.ShapeDtypeStruct:
    """Return the shape of the part of `array` that one device holds, where mesh axis `axis` shards its rows."""
    if axis is None:
        return jax.ShapeDtypeStruct(array.shape, array.dtype)
    if axis not in shards.mesh.shape:
        raise UserError(f"the mesh has no axis {axis!r} for the {what}; its axes are {', '.join(shards.mesh.shape)}")
    size = shards.mesh.shape[axis]
    if len(array) % size:
        raise UserError(f"{len(array)} {what} do not divide over the {size} devices of mesh axis {axis!r}")
    return jax.ShapeDtypeStruct((len(array) // size, array.shape[1]), array.dtype)


@functools.lru_cache(maxsize=16)  # the same function for the same mesh, so that eager calls compile once
def _sharded(passes, shards: Shards):
    return gradient.differentiable(sharded.shard(passes, shards))
