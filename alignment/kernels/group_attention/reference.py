"""The definition, written plainly: every completion behind its own copy of its prompt, full scores in float32."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def group_attention(q, prompt_kv, completion_kv, prompt_mask):
    """Concatenate prompt and completion, repeat the key heads, mask what a query may not see."""
    length = q.shape[2]
    prompt_kv = tuple(jnp.where(prompt_mask[:, :, None, None], x, 0) for x in prompt_kv)
    return _behind_copies(q, prompt_kv, completion_kv, prompt_mask, jnp.arange(length)[:, None] >= jnp.arange(length))


def cached_attention(q, prompt_kv, completion_kv, prompt_mask, last):
    """The same for one query a completion, which sees its own keys up to `last`."""
    prompt_kv = tuple(x.swapaxes(1, 2) for x in prompt_kv)
    completion_kv = tuple(x.transpose(0, 2, 3, 1, 4) for x in completion_kv)
    seen = jnp.arange(completion_kv[0].shape[2]) <= last[:, :, None, None, None]
    return _behind_copies(q[:, :, None], prompt_kv, completion_kv, prompt_mask, seen)[:, :, 0]


def _behind_copies(q, prompt_kv, completion_kv, prompt_mask, completion_mask):
    """`completion_mask` broadcasts against [P, G, H, Lq, Lc]."""
    groups, samples, length, heads, _ = q.shape
    k, v = (
        jnp.concatenate([jnp.broadcast_to(prompt[:, None], (groups, samples, *prompt.shape[1:])), completion], axis=2)
        for prompt, completion in zip(prompt_kv, completion_kv, strict=True)
    )
    completion_mask = jnp.broadcast_to(completion_mask, (groups, samples, heads, length, completion_kv[0].shape[2]))
    mask = jnp.broadcast_to(prompt_mask[:, None, None, None, :], (*completion_mask.shape[:-1], prompt_mask.shape[1]))
    return _attend(q, k, v, jnp.concatenate([mask, completion_mask], axis=-1))


def causal_attention(q, k, v, segments=None):
    """Mask the upper triangle, and what belongs to another segment."""
    positions = jnp.arange(q.shape[1])
    mask = positions[:, None] >= positions[None, :]
    if segments is not None:
        mask = mask & (segments[:, :, None] == segments[:, None, :])[:, None]
    return _attend(q, k, v, mask)


def _attend(q, k, v, mask):
    k, v = (jnp.repeat(x, q.shape[-2] // x.shape[-2], axis=-2) for x in (k, v))
    scores = jnp.einsum("...qhd,...shd->...hqs", q, k, preferred_element_type=jnp.float32) * q.shape[-1] ** -0.5
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
    return jnp.einsum("...hqs,...shd->...qhd", weights, v, preferred_element_type=jnp.float32).astype(q.dtype)
