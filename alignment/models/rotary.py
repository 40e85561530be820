"""Rotary positions of the decoder's attention (the attention itself is `alignment.kernels.group_attention`)."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Llama3Scaling(NamedTuple):
    """The `rope_scaling` of type llama3, with the names that `config.json` has for its numbers."""

    factor: float  # by which the lowest frequencies are divided
    low_freq_factor: float  # periods in the original context at and below which a frequency is divided by all of it
    high_freq_factor: float  # periods at and above which it is left alone
    original_max_position_embeddings: int


def rotary(
    positions: jax.Array, head_dim: int, theta: float, scaling: Llama3Scaling | None = None
) -> tuple[jax.Array, jax.Array]:
    """Return cos and sin, both float32 [..., head_dim], of the rotary embedding (Su et al. 2021, 2104.09864)."""
    frequencies = theta ** -(jnp.arange(0, head_dim, 2, dtype=jnp.float32) / head_dim)
    frequencies = frequencies if scaling is None else frequencies * frequency_shares(frequencies, scaling)
    angles = positions[..., None].astype(jnp.float32) * frequencies
    angles = jnp.concatenate([angles, angles], axis=-1)
    return jnp.cos(angles), jnp.sin(angles)


def frequency_shares(frequencies: jax.Array, scaling: Llama3Scaling) -> jax.Array:
    """Return the shares [head_dim / 2] of its frequencies that Llama 3.1 keeps (Grattafiori et al. 2024, 2407.21783).

    The paper raises `theta` alone; the rule is that of the released checkpoints: a frequency is divided by `factor`
    where it has few periods in the original context, kept where it has many, and interpolated in between. Arrays of
    numpy stay such.
    """
    periods = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    share = (periods - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    unscaled = share.clip(0.0, 1.0)
    return (1 - unscaled) / scaling.factor + unscaled


def rotate(x: jax.Array, cos: jax.Array, sin: jax.Array) -> jax.Array:
    """Rotate heads x [..., H, head_dim] by cos, sin [..., head_dim] (halves convention, as in Hugging Face)."""
    cos, sin = cos[..., None, :].astype(x.dtype), sin[..., None, :].astype(x.dtype)
    first, second = jnp.split(x, 2, axis=-1)
    return x * cos + jnp.concatenate([-second, first], axis=-1) * sin
