"""Rotary positions of the Qwen2 decoder's attention (the attention itself is `alignment.kernels.group_attention`)."""

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
