"""Plain XLA in blocks of queries: a block looks only at keys up to its end, so about half of the square is computed.

Everything inside is head-major, q [P, K, G, R, T, d] with R query heads to each of K key heads: XLA then runs each
product as one batched matrix product, which on a CPU is worth more than the triangle. The backward pass is written out
(Dao et al. 2022, 2205.14135, section 3.1): it keeps the output and its log-sum-exp and computes the weights again, so
that no scores outlive their block.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from alignment.kernels.group_attention.api import SAVED

BLOCK = 64  # queries a block
MAX_BLOCKS = 4  # blocks are unrolled: long sequences get longer blocks, not longer compilations
LOWEST = -1e30  # the score of what is not seen; finite, so that a query that sees nothing gives 0 and not NaN


class _Part(NamedTuple):
    """One key set as a block of queries meets it, with the batch axes N = (P, K) or (P, K, G) in front."""

    k: jax.Array  # [N, S, d]
    v: jax.Array  # [N, S, d]
    visible: jax.Array  # true where a query may look; broadcasts against [P, K, G, R, T, S]


def group_attention(q, prompt_kv, completion_kv, prompt_mask):
    """See `api.group_attention`."""
    # Zeros where the prompt is padded: a weight of 0 times NaN would be NaN.
    prompt = tuple(jnp.where(prompt_mask[:, None, :, None], x.swapaxes(1, 2), 0) for x in prompt_kv)  # [P, K, Lp, d]
    completion = tuple(x.transpose(0, 3, 1, 2, 4) for x in completion_kv)  # [P, K, G, Lc, d]
    return _token_major(_attend(_head_major(q, completion[0].shape[1]), (*prompt, prompt_mask), completion, None))


def cached_attention(q, prompt_kv, completion_kv, prompt_mask, last):
    """See `api.cached_attention`."""
    rows = _head_major(q[:, :, None], completion_kv[0].shape[1])
    prompt_kv, completion_kv = (tuple(x.astype(q.dtype) for x in pair) for pair in (prompt_kv, completion_kv))
    visible = jnp.arange(completion_kv[0].shape[3]) <= last[:, None, :, None, None, None]
    parts = _prompt_part(*prompt_kv, prompt_mask), _Part(*completion_kv, visible)
    return _token_major(_softmax(rows, parts)[0].astype(q.dtype))[:, :, 0]


def causal_attention(q, k, v, segments=None):
    """See `api.causal_attention`: a group of one without a prompt."""
    completion = tuple(x.swapaxes(1, 2)[:, :, None] for x in (k, v))
    return _token_major(_attend(_head_major(q[:, None], k.shape[2]), None, completion, segments))[:, 0]


def _head_major(q, kv_heads):
    groups, samples, length, heads, dim = q.shape
    return q.reshape(groups, samples, length, kv_heads, heads // kv_heads, dim).transpose(0, 3, 1, 4, 2, 5)


def _token_major(out):
    groups, kv_heads, samples, repeats, length, dim = out.shape
    return out.transpose(0, 2, 4, 1, 3, 5).reshape(groups, samples, length, kv_heads * repeats, dim)


@jax.custom_vjp
def _attend(q, prompt, completion, segments):
    """Causal attention of q [P, K, G, R, T, d]; prompt is (k, v, mask) or None, completion is (k, v) [P, K, G, T, d].

    Tokens see those of the same number in segments [P, T], or all of them where it is None.
    """
    return _forward(q, prompt, completion, segments)[0]


def _forward(q, prompt, completion, segments):
    blocks = [_softmax(q[..., rows, :], _parts(rows, prompt, completion, segments)) for rows in _blocks(q.shape[4])]
    out, lse = (jnp.concatenate(pieces, axis=4) for pieces in zip(*blocks, strict=True))
    out, lse = (checkpoint_name(x, SAVED) for x in (out.astype(q.dtype), lse))
    return out, (q, prompt, completion, segments, out, lse)


def _backward(residuals, g):
    q, prompt, completion, segments, out, lse = residuals
    inner = jnp.sum(g.astype(jnp.float32) * out, axis=-1, keepdims=True)
    d_q, d_prompt, d_completion = [], None, tuple(jnp.zeros(x.shape, jnp.float32) for x in completion)
    for rows in _blocks(q.shape[4]):
        q_rows, g_rows, lse_rows, inner_rows = (x[..., rows, :] for x in (q, g, lse, inner))
        part_gradients = []  # float32, of q and of each part's k and v
        for part in _parts(rows, prompt, completion, segments):
            weights = jnp.where(part.visible, jnp.exp(_scores(q_rows, part) - lse_rows), 0.0)
            d_scores = weights * (_against(g_rows, part.v) - inner_rows) * q.shape[-1] ** -0.5
            d_k, d_v = _gather(d_scores, q_rows, part.k), _gather(weights, g_rows, part.v)
            part_gradients.append((_mix(d_scores, part.k), d_k, d_v))
        *to_prompt, to_completion = part_gradients
        d_q.append(sum(part[0] for part in (*to_prompt, to_completion)))
        d_completion = tuple(
            d.at[..., : rows.stop, :].add(new) for d, new in zip(d_completion, to_completion[1:], strict=True)
        )
        if to_prompt:
            new = to_prompt[0][1:]
            d_prompt = new if d_prompt is None else jax.tree.map(jnp.add, d_prompt, new)
    d_q = jnp.concatenate(d_q, axis=4).astype(q.dtype)
    d_completion = tuple(d.astype(x.dtype) for d, x in zip(d_completion, completion, strict=True))
    if prompt is not None:
        d_prompt = (*(d.astype(x.dtype) for d, x in zip(d_prompt, prompt[:2], strict=True)), None)
    return d_q, d_prompt, d_completion, None


_attend.defvjp(_forward, _backward)


def _blocks(length):
    size = max(BLOCK, -(-length // MAX_BLOCKS))
    return [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]


def _parts(rows, prompt, completion, segments):
    """The key sets that a block of queries looks at: the prompt, if any, and its own up to the block's end."""
    triangle = jnp.arange(rows.start, rows.stop)[:, None] >= jnp.arange(rows.stop)[None, :]
    if segments is not None:
        same = segments[:, rows, None] == segments[:, None, : rows.stop]
        triangle = triangle & same[:, None, None, None]
    behind = _Part(*(x[..., : rows.stop, :] for x in completion), triangle)
    return (behind,) if prompt is None else (_prompt_part(*prompt), behind)


def _prompt_part(k, v, mask):
    return _Part(k, v, mask[:, None, None, None, None, :])


def _softmax(q, parts):
    """One softmax over all parts: out [P, K, G, R, T, d] and log-sum-exp [P, K, G, R, T, 1], both float32."""
    outs, lses = zip(*(_partial(q, part) for part in parts), strict=True)
    max_lse = functools.reduce(jnp.maximum, lses)
    shares = [jnp.exp(lse - max_lse) for lse in lses]  # each part weighs exp of its log-sum-exp
    total = sum(shares)
    return sum(share * out for share, out in zip(shares, outs, strict=True)) / total, max_lse + jnp.log(total)


def _partial(q, part):
    """Attention over one part alone and its log-sum-exp, about LOWEST where a query sees nothing of the part."""
    scores = jnp.where(part.visible, _scores(q, part), LOWEST)
    peak = scores.max(axis=-1, keepdims=True)
    weights = jnp.where(part.visible, jnp.exp(scores - peak), 0.0)
    total = jnp.maximum(weights.sum(axis=-1, keepdims=True), jnp.finfo(jnp.float32).tiny)
    return _mix(weights, part.v) / total, peak + jnp.log(total)


def _scores(q, part):
    return _against(q, part.k) * q.shape[-1] ** -0.5


# The three products. Rows that share their keys (over the prompt also the G samples) are merged into one matrix.


def _against(x, y):
    """[P, K, G, R, T, d] with [N, S, d] -> [P, K, G, R, T, S]."""
    out = jnp.einsum("...md,...sd->...ms", _rows(x, y), y, preferred_element_type=jnp.float32)
    return out.reshape(*x.shape[:-1], -1)


def _mix(weights, y):
    """[P, K, G, R, T, S] with [N, S, d] -> [P, K, G, R, T, d]."""
    out = jnp.einsum("...ms,...sd->...md", _rows(weights.astype(y.dtype), y), y, preferred_element_type=jnp.float32)
    return out.reshape(*weights.shape[:-1], -1)


def _gather(weights, x, y):
    """[P, K, G, R, T, S] with [P, K, G, R, T, d] -> [N, S, d], shaped as y."""
    left, right = _rows(weights.astype(x.dtype), y), _rows(x, y)
    return jnp.einsum("...ms,...md->...sd", left, right, preferred_element_type=jnp.float32)


def _rows(x, y):
    return x.reshape(*y.shape[:-2], -1, x.shape[-1])
