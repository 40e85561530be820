"""Initialise one induction head in random parameters, for models that are too small to learn one.

An induction head (Olsson et al. 2022, 2209.11895) attends to an earlier occurrence of the current token and copies the
token that followed it. It needs two attention heads in sequence: the first writes the previous token into the residual
stream at each position, and the second matches the current token with what the first wrote. Large models learn the pair
after billions of tokens. This module sets both as initial weights, in one head of each of the first two layers, and
training changes them as it changes all others. All other weights that write into the residual stream start at zero, so
that they add no noise to the pair. The weights that read from it stay random.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.models.config import Qwen2Config

_LOOK = 7.0  # bias of the positional head; its score is then about 6 higher at distance 1 than at 0 or 2
_WRITE = 0.25  # scale of what the positional head writes, about that of the embedding
_MATCH = 2.5  # scale of query and key; the score of the same token is then clearly above those of 200 others
_COPY = 0.5  # scale of the copied embedding
_FARTHEST = 200  # distance in tokens up to which the matching part of a key rotates by at most half a radian


def wire_induction(params: dict, config: Qwen2Config, key: jax.Array) -> dict:
    """Return `params` with head 0 of layers 0 and 1 initialised as an induction pair; needs two layers or more."""
    frequencies = config.rope_theta ** -(jnp.arange(0, config.head_dim, 2) / config.head_dim)
    # The rotary embedding hardly rotates these dimensions of a head, so that a match counts at any distance.
    slow = jnp.flatnonzero(frequencies * _FARTHEST < 0.5)
    code = jnp.concatenate([slow, slow + config.head_dim // 2])
    keys = jax.random.split(key, 3)
    reads, writes = _directions(keys[0], config, code.size), _directions(keys[1], config, code.size)
    copies = _directions(keys[2], config, config.head_dim)
    layers = params["layers"]

    def set_heads(weights: jax.Array, layer_0: jax.Array, layer_1: jax.Array) -> jax.Array:
        block = jnp.stack([layer_0, layer_1]).astype(weights.dtype)
        return weights.at[:2, : block.shape[1], : block.shape[2]].set(block)

    zeros = jnp.zeros((config.hidden_size, config.head_dim))
    q, k, v, o = (layers[name]["w"] for name in ("q_proj", "k_proj", "v_proj", "o_proj"))
    q = set_heads(q, zeros, _MATCH * zeros.at[:, code].set(reads))
    k = set_heads(k, zeros, _MATCH * zeros.at[:, code].set(writes))
    v = set_heads(v, zeros.at[:, code].set(reads), copies)
    o = set_heads(jnp.zeros_like(o), _WRITE * zeros.at[:, code].set(writes).T, _COPY * copies.T)
    # The rotated product of these biases, sum_f cos(f (distance - 1)), is largest at distance 1.
    q_bias = _LOOK * jnp.concatenate([jnp.cos(-frequencies), jnp.sin(-frequencies)])
    k_bias = _LOOK * jnp.concatenate([jnp.ones_like(frequencies), jnp.zeros_like(frequencies)])
    wired = {
        "q_proj": {"w": q, "b": layers["q_proj"]["b"].at[0, : config.head_dim].set(q_bias)},
        "k_proj": {"w": k, "b": layers["k_proj"]["b"].at[0, : config.head_dim].set(k_bias)},
        "v_proj": layers["v_proj"] | {"w": v},
        "o_proj": {"w": o},
        "down_proj": {"w": jnp.zeros_like(layers["down_proj"]["w"])},
    }
    return params | {"layers": layers | wired}


def _directions(key: jax.Array, config: Qwen2Config, count: int) -> jax.Array:
    """Return [D, count] random orthonormal columns."""
    return jnp.linalg.qr(jax.random.normal(key, (config.hidden_size, count)))[0]
