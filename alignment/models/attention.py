"""Attention of the Qwen2 decoder: over one causal sequence, and over a prompt shared by a group of completions."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def rotary(positions: jax.Array, head_dim: int, theta: float) -> tuple[jax.Array, jax.Array]:
    """Return cos and sin, both float32 [..., head_dim], of the rotary embedding (Su et al. 2021, 2104.09864)."""
    frequencies = theta ** -(jnp.arange(0, head_dim, 2, dtype=jnp.float32) / head_dim)
    angles = positions[..., None].astype(jnp.float32) * frequencies
    angles = jnp.concatenate([angles, angles], axis=-1)
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Rotate heads x [..., H, head_dim] by cos, sin [..., head_dim] (halves convention, as in Hugging Face Qwen2)."""
    cos, sin = cos[..., None, :].astype(x.dtype), sin[..., None, :].astype(x.dtype)
    first, second = jnp.split(x, 2, axis=-1)
    return x * cos + jnp.concatenate([-second, first], axis=-1) * sin


def causal_attention(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """Attend causally: q [B, T, H, d], k and v [B, T, K, d] with K dividing H -> [B, T, H, d].

    Sequences are padded on the right, so the causal mask alone keeps padding out of every real position.
    """
    return jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="xla")


def group_attention(
    q: jax.Array,
    prompt_kv: tuple[jax.Array, jax.Array],
    own_kv: tuple[jax.Array, jax.Array],
    prompt_mask: jax.Array,
    own_mask: jax.Array,
) -> jax.Array:
    """Attend from completions to their prompt's keys, stored once a group, and to their own.

    Args:
      q: [P, G, Lq, H, d] queries.
      prompt_kv: keys and values [P, Lp, K, d] of the prompts.
      own_kv: keys and values [P, G, Lc, K, d] of the completions.
      prompt_mask: [P, Lp], true at real prompt tokens.
      own_mask: [Lq, Lc] or [P, G, Lq, Lc], true where a query may look.

    Returns:
      [P, G, Lq, H, d]: softmax over both key sets together, computed in float32.
    """
    groups, samples, length, heads, dim = q.shape
    kv_heads = own_kv[0].shape[-2]
    q = q.reshape(groups, samples, length, kv_heads, heads // kv_heads, dim) * dim**-0.5
    to_prompt = jnp.einsum("pgqkrd,pskd->pgkrqs", q, prompt_kv[0], preferred_element_type=jnp.float32)
    to_own = jnp.einsum("pgqkrd,pgskd->pgkrqs", q, own_kv[0], preferred_element_type=jnp.float32)
    lowest = jnp.finfo(jnp.float32).min
    to_prompt = jnp.where(prompt_mask[:, None, None, None, None, :], to_prompt, lowest)
    own_mask = own_mask if own_mask.ndim == 4 else own_mask[None, None]
    to_own = jnp.where(own_mask[:, :, None, None], to_own, lowest)
    weights = jax.nn.softmax(jnp.concatenate([to_prompt, to_own], axis=-1), axis=-1).astype(q.dtype)
    prompt_weights, own_weights = jnp.split(weights, [to_prompt.shape[-1]], axis=-1)
    out = jnp.einsum("pgkrqs,pskd->pgqkrd", prompt_weights, prompt_kv[1])
    out += jnp.einsum("pgkrqs,pgskd->pgqkrd", own_weights, own_kv[1])
    return out.reshape(groups, samples, length, heads, dim)
