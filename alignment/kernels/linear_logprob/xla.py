"""Plain XLA in chunks of vocabulary and, within each, of tokens: never more logits at once than `_chunk` says.

The vocabulary is the outer loop so that each slice of the head is read, and where the device multiplies no bfloat16
converted, once for all tokens; a float32 copy of a whole bfloat16 head never exists.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from alignment.kernels.linear_logprob import online
from alignment.kernels.linear_logprob.gradient import Passes, differentiable
from alignment.kernels.linear_logprob.online import Sums, Sweep
from alignment.kernels.linear_logprob.types import LogProb

CHUNK = 512, 16_384  # tokens x words: 34 MB of float32 logits; a slice of a float32 head 896 wide is 59 MB
CACHED = 1_024, 2_048  # what a CPU keeps in its cache: 8 MB of logits and 7 MB of head
LANES = 128  # slices start at whole vector registers


def sweep(
    hidden: jax.Array,
    head: jax.Array,
    targets: jax.Array,
    temperature: jax.Array,
    weighted: bool,
    is_token: jax.Array | None,
) -> Sweep:
    """Sweep the vocabulary once; shapes as in `api.linear_logprob`, `is_token` as in `gradient.Passes`."""
    rows = _blocks(hidden), _blocks(targets[:, None])
    shape = rows[0].shape
    gathered = jnp.zeros(shape, jnp.float32) if weighted else None
    begin = Sweep(online.start((*shape[:2], 1)), gathered)
    swept = _over_head(functools.partial(_update, temperature=temperature), begin, rows, head, is_token)
    return jax.tree.map(lambda leaf: _unblock(leaf, len(hidden)), swept)


def entropy_grad(
    hidden: jax.Array, head: jax.Array, out: LogProb, temperature: jax.Array, is_token: jax.Array | None
) -> jax.Array:
    """Return the sum over v of p_v (log p_v + entropy) W_v, [T, D] float32: minus temperature times d entropy / dh."""
    rows = tuple(_blocks(leaf) for leaf in (hidden, out.log_sum_exp[:, None], out.entropy[:, None]))
    begin = jnp.zeros(rows[0].shape, jnp.float32)
    total = _over_head(functools.partial(_entropy_grad_block, temperature=temperature), begin, rows, head, is_token)
    return _unblock(total, len(hidden))


def target_rows(head: jax.Array, targets: jax.Array) -> jax.Array:
    """Return the head's rows at `targets`, [T, D]."""
    return head[targets]


def head_grad(
    hidden: jax.Array,
    head: jax.Array,
    targets: jax.Array,
    out: LogProb,
    cotangents: LogProb,
    temperature: jax.Array,
    is_token: jax.Array | None,
) -> jax.Array:
    """Return d loss / d head, [V, D] float32, for `cotangents` d loss / d out."""
    rows = tuple(_blocks(leaf) for leaf in (hidden, *(leaf[:, None] for leaf in (targets, *out[1:], *cotangents))))
    size, starts = _slices(len(head))

    def over_vocabulary(total, begin):
        first, chunk, columns, fresh = _take(head, is_token, begin, size)

        def over_tokens(part, row):
            return part + _head_grad_block(row, chunk, columns, fresh, temperature), None

        part, _ = jax.lax.scan(over_tokens, jnp.zeros(chunk.shape, jnp.float32), rows)
        part += jax.lax.dynamic_slice_in_dim(total, first, size)  # words of earlier slices are masked and add 0
        return jax.lax.dynamic_update_slice_in_dim(total, part, first, axis=0), None

    return jax.lax.scan(over_vocabulary, jnp.zeros(head.shape, jnp.float32), starts)[0]


PASSES = Passes(sweep, entropy_grad, target_rows, head_grad)
linear_logprob = differentiable(PASSES)


def _update(state: Sweep, row: tuple, chunk: jax.Array, columns: jax.Array, fresh: jax.Array, temperature) -> Sweep:
    hidden, target = row
    logits = _logits(hidden, chunk, temperature)
    # The target's logit, 0 where the target lies outside the slice or is masked.
    position = target - columns[:, :1]
    take = functools.partial(jnp.take_along_axis, indices=jnp.where(position < 0, logits.shape[1], position), axis=1)
    is_fresh = take(fresh, mode="fill", fill_value=False)
    target_logit = jnp.where(is_fresh, take(logits, mode="fill", fill_value=0.0), 0.0)
    sums, weights, factor = online.update(Sums(*state.sums), logits, columns == target, fresh, target_logit)
    rows = None if state.weighted_rows is None else state.weighted_rows * factor + _gather(weights, hidden, chunk)
    return Sweep(sums, rows)


def _entropy_grad_block(
    total: jax.Array, row: tuple, chunk: jax.Array, columns: jax.Array, fresh: jax.Array, temperature
):
    del columns
    hidden, log_sum_exp, entropy = row
    log_p = _logits(hidden, chunk, temperature) - log_sum_exp
    return total + _gather(jnp.where(fresh, jnp.exp(log_p) * (log_p + entropy), 0.0), hidden, chunk)


def _head_grad_block(
    row: tuple, chunk: jax.Array, columns: jax.Array, fresh: jax.Array, temperature: jax.Array
) -> jax.Array:
    """Return what a block of tokens adds to the gradient of a slice of the head, [v, D] float32."""
    hidden, target, log_sum_exp, entropy, up_log_prob, up_log_sum_exp, up_entropy = row
    log_p = _logits(hidden, chunk, temperature) - log_sum_exp
    d_logits = jnp.exp(log_p) * (up_log_sum_exp - up_log_prob - up_entropy * (log_p + entropy))
    d_logits = jnp.where(fresh, d_logits + jnp.where(columns == target, up_log_prob, 0.0), 0.0) / temperature
    d_logits = d_logits.astype(jnp.result_type(hidden, chunk))
    return jnp.einsum(
        "tv,td->vd", d_logits, hidden, preferred_element_type=jnp.float32, precision=online.exact(d_logits)
    )


def _logits(hidden: jax.Array, chunk: jax.Array, temperature: jax.Array) -> jax.Array:
    product = jnp.einsum(
        "td,vd->tv", hidden, chunk, preferred_element_type=jnp.float32, precision=online.exact(hidden, chunk)
    )
    return product / temperature


def _gather(weights: jax.Array, hidden: jax.Array, chunk: jax.Array) -> jax.Array:
    weights = weights.astype(jnp.result_type(hidden, chunk))
    return jnp.einsum(
        "tv,vd->td", weights, chunk, preferred_element_type=jnp.float32, precision=online.exact(weights, chunk)
    )


def _over_head(step: Callable, begin, rows: tuple, head: jax.Array, is_token: jax.Array | None):
    """Run `step(state, row, chunk, columns, fresh)` over slices of the head and, within each, over blocks of tokens.

    The last slice is moved back to end with the vocabulary; `fresh` [1, v] is false at its words seen already and at
    those that are no token.
    """
    size, starts = _slices(len(head))

    def over_vocabulary(state, begin):
        _, chunk, columns, fresh = _take(head, is_token, begin, size)

        def over_tokens(_, item):
            return None, step(*item, chunk, columns, fresh)

        return jax.lax.scan(over_tokens, None, (state, rows))[1], None

    return jax.lax.scan(over_vocabulary, begin, starts)[0]


def _chunk() -> tuple[int, int]:
    return CACHED if jax.default_backend() == "cpu" else CHUNK


def _slices(words: int) -> tuple[int, jax.Array]:
    """Words a slice, and the first not yet seen at each."""
    count = max(1, math.ceil(words / _chunk()[1]))
    size = min(words, math.ceil(words / count / LANES) * LANES)
    return size, jnp.arange(0, words, size, dtype=jnp.int32)


def _take(head: jax.Array, is_token: jax.Array | None, begin: jax.Array, size: int) -> tuple[jax.Array, ...]:
    """A slice's first word, its rows [v, D], its words [1, v] and which of them are tokens not seen before `begin`."""
    # Tied to the step, the head cannot be taken for a constant of the loop: jax 0.10.2 on a CPU, which slices
    # bfloat16 as float32, would convert the whole head once, before the loop.
    tied, first = jax.lax.optimization_barrier((head, jnp.minimum(begin, len(head) - size)))
    columns = first + jnp.arange(size, dtype=jnp.int32)[None]
    fresh = columns >= begin
    if is_token is not None:
        fresh &= jax.lax.dynamic_slice_in_dim(is_token, first, size)[None]
    return first, jax.lax.dynamic_slice_in_dim(tied, first, size), columns, fresh


def _blocks(x: jax.Array) -> jax.Array:
    """[T, k] as [n, t, k] with t at most the tokens of a chunk, padded with zeros."""
    count = max(1, math.ceil(len(x) / _chunk()[0]))
    size = math.ceil(len(x) / count)
    return jnp.pad(x, ((0, count * size - len(x)), (0, 0))).reshape(count, size, x.shape[1])


def _unblock(x: jax.Array, tokens: int) -> jax.Array:
    return x.reshape(-1, x.shape[-1])[:tokens]
