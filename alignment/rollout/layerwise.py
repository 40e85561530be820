"""Rollouts of deep float32 models on a CPU, a layer at a time: functions of `kv_cache` as loops over small programs.

One program of all layers takes seconds to compile for every few layers, and again for every shape of the cache, since
a scan over the layers would copy weights and cache out of their stacks at every token. Here each layer has arrays of
its own, which the program of a layer updates in place. It is compiled once a shape, so that the cache may change its
shape while it decodes: it begins short and grows with the completions (`extended`), and it is narrowed to the
sequences that are left when nothing waits any longer (`narrowed`). Neither changes a completion.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from alignment.adapters.stack import Stack
from alignment.models import qwen2
from alignment.models.config import Qwen2Config
from alignment.rollout.kv_cache import KVCache, sample_into
from alignment.rollout.sampling import SamplingConfig

MOST_LAYERS = 8  # of a model that is compiled as one program
SHORTEST = 128  # tokens of completions that the cache begins with; it doubles


class Narrowing(NamedTuple):
    """Which sequences of a cache are left, [q, w] out of [Q, W]."""

    slots: np.ndarray  # [q] the prompt slot of each row; several may hold the same prompt
    sequences: np.ndarray  # [q, w] in that slot
    is_used: np.ndarray  # [q, w] false where a row has fewer than w


def serves(config: Qwen2Config, dtype: jnp.dtype, devices: int) -> bool:
    """Whether rollouts of a model with weights of such a type on so many devices are run a layer at a time.

    Not in bfloat16: a CPU computes in float32, and one program for many tokens converts the head once.
    """
    is_deep = config.num_hidden_layers > MOST_LAYERS
    return jax.default_backend() == "cpu" and devices == 1 and is_deep and dtype == jnp.float32


def lay_apart(params: dict, stack: Stack) -> tuple[dict, Stack]:
    """Return the parameters with a tuple of layers, each with the adapters on it, and an empty stack.

    This copies the layers, once a rollout.
    """
    layers = (_layer(params["layers"], stack, index) for index in range(len(params["layers"]["input_norm"])))
    return params | {"layers": tuple(layers)}, Stack()


def prefill_into(
    cache: KVCache,
    params: dict,
    stack: Stack,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    slots: jax.Array,
    *,
    config: Qwen2Config,
) -> KVCache:
    """Run prompts as `kv_cache.prefill_into` does; `params` and `stack` are those of `lay_apart`."""
    del stack
    outer, keys_values = _without_layers(params), []
    x, rope = begin_prompts(outer, prompts, config=config)
    for layer, *prompt_kv in zip(params["layers"], *cache.prompt_kv, strict=True):
        x, written = prefill_layer(x, layer, tuple(prompt_kv), slots, rope, config=config)
        keys_values.append(written)
    rest = cache.replace(prompt_kv=(), completion_kv=())
    rest = end_prompts(rest, outer, x, prompt_mask, slots, config=config)
    prompt_kv = qwen2.KeysValues(*zip(*keys_values, strict=True))
    return rest.replace(prompt_kv=prompt_kv, completion_kv=cache.completion_kv)


def decode_chunk(
    cache: KVCache,
    params: dict,
    stack: Stack,
    steps: int,
    min_active: int,
    *,
    config: Qwen2Config,
    sampling: SamplingConfig,
    stop_ids: tuple[int, ...],
) -> tuple[KVCache, int]:
    """Decode as `kv_cache.decode_chunk` does; `params` and `stack` are those of `lay_apart`."""
    del stack
    outer, prompt_kv, completion_kv = _without_layers(params), cache.prompt_kv, cache.completion_kv
    rest, active, count = cache.replace(prompt_kv=(), completion_kv=()), int(np.sum(cache.active)), 0
    options = {"config": config, "sampling": sampling, "stop_ids": stop_ids}
    while count < steps and active > min_active:
        rest, x, places, still_active = begin_token(rest, outer, **options)
        updated = []
        for layer, *layer_kv in zip(params["layers"], *prompt_kv, *completion_kv, strict=True):
            x, cached = decode_layer(x, layer, tuple(layer_kv[:2]), tuple(layer_kv[2:]), places, config=config)
            updated.append(cached)
        completion_kv = qwen2.KeysValues(*zip(*updated, strict=True))
        rest, count = end_token(rest, outer, x, config=config), count + 1
        active = int(still_active)  # known before the layers have run, so that the device does not wait for the host
    return rest.replace(prompt_kv=prompt_kv, completion_kv=completion_kv), count


def extended(cache: KVCache, needed: int, limit: int) -> KVCache:
    """Return a cache for completions of at least `needed` tokens, its length doubled until it is, up to `limit`."""
    length = cache.tokens.shape[-1]
    while length < min(needed, limit):
        length = min(2 * length, limit)
    if length == cache.tokens.shape[-1]:
        return cache
    keys_values = jax.tree.map(lambda leaf: _lengthened(leaf, length, axis=3), cache.completion_kv)
    tokens, log_prob = (_lengthened(leaf, length, axis=2) for leaf in (cache.tokens, cache.log_prob))
    return cache.replace(completion_kv=keys_values, tokens=tokens, log_prob=log_prob)


def narrowed(cache: KVCache, narrowing: Narrowing) -> KVCache:
    """Return the cache of the sequences [q, w] that are left."""
    rest = narrow_rest(cache.replace(prompt_kv=(), completion_kv=()), narrowing)
    layers = zip(*cache.prompt_kv, *cache.completion_kv, strict=True)
    keys_values = tuple(zip(*(narrow_layer(layer, narrowing) for layer in layers), strict=True))
    prompt_kv, completion_kv = qwen2.KeysValues(*keys_values[:2]), qwen2.KeysValues(*keys_values[2:])
    return rest.replace(prompt_kv=prompt_kv, completion_kv=completion_kv)


def _without_layers(params: dict) -> dict:
    return {name: leaf for name, leaf in params.items() if name != "layers"}


@jax.jit
def _layer(layers: dict, stack: Stack, index: jax.Array) -> dict:
    """One layer of `qwen2.join_layer` out of the arrays that hold all of them; the index is traced."""

    def take(leaf):
        return jax.lax.dynamic_index_in_dim(leaf, index, keepdims=True)

    adapters = tuple(
        adapter.replace(lora=adapter.lora.replace(modules=jax.tree.map(take, adapter.lora.modules)))
        for adapter in stack.adapters
    )
    return qwen2.unstack({"layers": jax.tree.map(take, layers)}, Stack(adapters), join=True)[0][0]


# The programs. `outer` is the parameters without the layers, `rest` the cache without keys and values, `layer` one of
# `lay_apart`, x the residual stream [N, Lp, D] of prompts or [Q, W, 1, D] of new tokens.


@partial(jax.jit, static_argnames=("config",))
def begin_prompts(outer: dict, prompts: jax.Array, *, config: Qwen2Config) -> tuple:
    """Return x of prompts [N, Lp] before the first layer, and the rotary embedding at their positions."""
    return qwen2.embedded(outer, prompts), qwen2.rope_at(config, jnp.arange(prompts.shape[1]))


@partial(jax.jit, static_argnames=("config",), donate_argnums=(0, 2))
def prefill_layer(x, layer, prompt_kv, slots, rope, *, config):
    """Return x after a layer, and the layer's keys and values of prompts [Q, K, Lp, d] with those of x in the slots."""
    x, keys_values = qwen2.causal_layer(x, layer, qwen2.Context(), config, rope)
    new = (each.swapaxes(1, 2) for each in keys_values)  # [N, K, Lp, d]
    return x, tuple(_written(old, each, slots) for old, each in zip(prompt_kv, new, strict=True))


@partial(jax.jit, static_argnames=("config",), donate_argnums=(0,))
def end_prompts(rest, outer, x, prompt_mask, slots, *, config):
    """Return the cache with masks and last states of the prompts whose x the last layer gave."""
    hidden = qwen2.last_states(x, prompt_mask, outer, config)
    return rest.replace(
        prompt_mask=_written(rest.prompt_mask, prompt_mask, slots),
        prompt_hidden=_written(rest.prompt_hidden, hidden, slots),
    )


def _written(old, new, slots):
    return old.at[slots].set(new.astype(old.dtype), mode="drop")


@partial(jax.jit, static_argnames=("config", "sampling", "stop_ids"), donate_argnums=(0,))
def begin_token(rest, outer, *, config, sampling, stop_ids):
    """Sample the next tokens: the cache after them, their x, their places, and how many sequences go on."""
    rest, token, position = sample_into(rest, outer, sampling, stop_ids)
    places = qwen2.decoded_places(config, rest.prompt_mask, position)
    return rest, qwen2.embedded(outer, token)[:, :, None], places, rest.active.sum()


@partial(jax.jit, static_argnames=("config",), donate_argnums=(0, 3))
def decode_layer(x, layer, prompt_kv, completion_kv, places, *, config):
    """Return x after a layer and the layer's updated keys and values of completions [Q, K, W, Lc, d]."""
    keys_values = qwen2.LayerKeysValues(*prompt_kv, *completion_kv)
    return qwen2.decode_layer(x, layer, keys_values, places, qwen2.Context(), config)


@partial(jax.jit, static_argnames=("config",), donate_argnums=(0,))
def end_token(rest, outer, x, *, config):
    """Return the cache with the states [Q, W, D] that predict the next tokens."""
    return rest.replace(hidden=qwen2.final_states(x[:, :, 0], outer, config))


@partial(jax.jit, static_argnames=("length", "axis"))
def _lengthened(leaf, length, axis):
    return jnp.pad(leaf, [(0, length - leaf.shape[axis] if index == axis else 0) for index in range(leaf.ndim)])


@jax.jit
def narrow_rest(rest: KVCache, narrowing: Narrowing) -> KVCache:
    """Return the cache of the sequences that are left; those that are not used are not active."""
    slots, sequences, is_used = narrowing
    by_slot = {name: getattr(rest, name)[slots] for name in ("prompt_mask", "prompt_hidden")}
    names = ("hidden", "positions", "limits", "keys", "tokens", "log_prob", "active")
    rest = rest.replace(**by_slot, **{name: getattr(rest, name)[slots[:, None], sequences] for name in names})
    return rest.replace(active=rest.active & is_used)


@jax.jit
def narrow_layer(keys_values: tuple, narrowing: Narrowing) -> tuple[jax.Array, ...]:
    """Return the four arrays of `qwen2.LayerKeysValues` of the sequences that are left."""
    prompt, completions = ([leaf[narrowing.slots] for leaf in pair] for pair in (keys_values[:2], keys_values[2:]))
    indices = narrowing.sequences[:, None, :, None, None]
    return *prompt, *(jnp.take_along_axis(leaf, indices, axis=2) for leaf in completions)
