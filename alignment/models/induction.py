"""Give random parameters an induction head to start from, for models too small to find one on their own.

An induction head (Olsson et al. 2022, 2209.11895) continues a text the way it went on before: it looks for an earlier
place where the present token stood, and copies what came next. It takes two heads in sequence: one that writes the
token before each position into that position, and one that matches the present token with what the first one wrote.
Large models form the pair after billions of tokens. Here both are laid as initial weights, to be trained on like any
others, in one head of each of the first two layers. What else writes into the residual stream starts at zero, so that
nothing drowns them; everything that reads from it stays random.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.models.config import Qwen2Config

_LOOK = 7.0  # bias of the positional head: a score about 6 higher at distance 1 than at 0 or 2
_WRITE = 0.25  # scale of what it writes: about as large as the embedding beside it
_MATCH = 2.5  # scale of query and key: the score of the same token stands clear of 200 others
_COPY = 0.5  # scale of what is copied
_FARTHEST = 200  # tokens over which the matching part of a key must not rotate by more than half a radian


def wire_induction(params: dict, config: Qwen2Config, key: jax.Array) -> dict:
    """Return `params` with head 0 of layers 0 and 1 laid out as an induction pair; needs two layers at least."""
    code = _slow_dimensions(config)
    keys = jax.random.split(key, 3)
    reads, writes = _directions(keys[0], config, code.size), _directions(keys[1], config, code.size)
    copies = _directions(keys[2], config, config.head_dim)
    layers = params["layers"]

    def lay(weights: jax.Array, zeroth: jax.Array, first: jax.Array) -> jax.Array:
        block = jnp.stack([zeroth, first]).astype(weights.dtype)
        return weights.at[:2, : block.shape[1], : block.shape[2]].set(block)

    nothing = jnp.zeros((config.hidden_size, config.head_dim))
    q, k, v, o = (layers[name]["w"] for name in ("q_proj", "k_proj", "v_proj", "o_proj"))
    q = lay(q, nothing, _MATCH * nothing.at[:, code].set(reads))
    k = lay(k, nothing, _MATCH * nothing.at[:, code].set(writes))
    v = lay(v, nothing.at[:, code].set(reads), copies)
    o = lay(jnp.zeros_like(o), _WRITE * nothing.at[:, code].set(writes).T, _COPY * copies.T)
    q_bias, k_bias = _one_back(config)
    wired = {
        "q_proj": {"w": q, "b": layers["q_proj"]["b"].at[0, : config.head_dim].set(q_bias)},
        "k_proj": {"w": k, "b": layers["k_proj"]["b"].at[0, : config.head_dim].set(k_bias)},
        "v_proj": layers["v_proj"] | {"w": v},
        "o_proj": {"w": o},
        "down_proj": {"w": jnp.zeros_like(layers["down_proj"]["w"])},
    }
    return params | {"layers": layers | wired}


def _frequencies(config: Qwen2Config) -> jax.Array:
    return config.rope_theta ** -(jnp.arange(0, config.head_dim, 2) / config.head_dim)


def _slow_dimensions(config: Qwen2Config) -> jax.Array:
    """The dimensions of a head that the rotary embedding leaves nearly alone: there, a match counts at any distance."""
    slow = jnp.flatnonzero(_frequencies(config) * _FARTHEST < 0.5)
    return jnp.concatenate([slow, slow + config.head_dim // 2])


def _directions(key: jax.Array, config: Qwen2Config, count: int) -> jax.Array:
    """[D, count] orthonormal columns."""
    return jnp.linalg.qr(jax.random.normal(key, (config.hidden_size, count)))[0]


def _one_back(config: Qwen2Config) -> tuple[jax.Array, jax.Array]:
    """Biases of query and key whose rotated product, sum_f cos(f (distance - 1)), is largest one token back."""
    angles = -_frequencies(config)
    query = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])
    key = jnp.concatenate([jnp.ones_like(angles), jnp.zeros_like(angles)])
    return _LOOK * query, _LOOK * key
