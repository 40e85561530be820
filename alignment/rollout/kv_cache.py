"""The device side of a rollout: the key-value cache and the jitted functions that fill it and decode from it.

The cache has Q prompt slots, each with W sequences. A slot holds the keys and values of one prompt, which the W
sequences share: each of them decodes one sample of that prompt at a time. A sequence starts its next sample as soon as
the last one has ended, independently of the others, and a slot takes another prompt when none of its samples is left.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import struct

from alignment.adapters.stack import Stack
from alignment.models import qwen2
from alignment.models.config import Qwen2Config
from alignment.rollout.sampling import SamplingConfig, sample_token


@struct.dataclass
class KVCache:
    """Q prompt slots with W sequences each; the values of inactive sequences mean nothing."""

    prompt_kv: qwen2.KeysValues  # a layer [Q, K, Lp, d]
    prompt_mask: jax.Array  # [Q, Lp]
    prompt_hidden: jax.Array  # [Q, D] the state that predicts the first token after the prompt
    completion_kv: qwen2.KeysValues  # a layer [Q, K, W, Lc, d]
    hidden: jax.Array  # [Q, W, D] the state that predicts the next token
    positions: jax.Array  # [Q, W] the number of tokens sampled so far
    limits: jax.Array  # [Q, W] the largest number of tokens
    keys: jax.Array  # [Q, W] typed keys
    tokens: jax.Array  # [Q, W, Lc]
    log_prob: jax.Array  # [Q, W, Lc]
    active: jax.Array  # [Q, W] whether the sequence is being decoded


@partial(jax.jit, static_argnames=("config", "dtype", "cache_dtype", "shape", "lengths"))
def init_cache(
    config: Qwen2Config,
    dtype: jnp.dtype,
    cache_dtype: jnp.dtype,
    shape: tuple[int, int],
    lengths: tuple[int, int],
) -> KVCache:
    """Return a cache without prompts.

    Args:
      config: the model's sizes.
      dtype: of the hidden states; cache_dtype: of keys and values.
      shape: (Q, W); lengths: (Lp, Lc).
    """
    (slots, _), (prompt_length, length) = shape, lengths
    heads, dim = config.num_key_value_heads, config.head_dim

    def zero_kv(*kv_shape):
        layers = range(config.num_hidden_layers)
        return qwen2.KeysValues(*(tuple(jnp.zeros(kv_shape, cache_dtype) for _ in layers) for _ in "kv"))

    return KVCache(
        prompt_kv=zero_kv(slots, heads, prompt_length, dim),
        # An empty slot has one visible token, so that attention never runs over nothing at all.
        prompt_mask=jnp.zeros((slots, prompt_length), bool).at[:, 0].set(True),
        prompt_hidden=jnp.zeros((slots, config.hidden_size), dtype),
        completion_kv=zero_kv(slots, heads, shape[1], length, dim),
        hidden=jnp.zeros((*shape, config.hidden_size), dtype),
        positions=jnp.zeros(shape, jnp.int32),
        limits=jnp.zeros(shape, jnp.int32),
        keys=jnp.broadcast_to(jax.random.key(0), shape),
        tokens=jnp.zeros((*shape, length), jnp.int32),
        log_prob=jnp.zeros((*shape, length), jnp.float32),
        active=jnp.zeros(shape, bool),
    )


@partial(jax.jit, static_argnames=("config",), donate_argnames=("cache",))
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
    """Run prompts [N, Lp] through the model into the slots [N]; a row whose slot is Q is padding and is dropped."""
    prompt_hidden, prompt_kv = qwen2.prefill(params, config, prompts, prompt_mask, stack)

    def write(old, new):
        return old.at[slots].set(new.astype(old.dtype), mode="drop")

    return cache.replace(
        prompt_kv=jax.tree.map(write, cache.prompt_kv, prompt_kv),
        prompt_mask=write(cache.prompt_mask, prompt_mask),
        prompt_hidden=write(cache.prompt_hidden, prompt_hidden),
    )


@partial(jax.jit, donate_argnames=("cache",))
def start_sequences(
    cache: KVCache, started: jax.Array, stopped: jax.Array, keys: jax.Array, limits: jax.Array
) -> KVCache:
    """Start a sample where `started` [Q, W], with its key (as raw data) and limit, and end those where `stopped`."""
    keys = jax.random.wrap_key_data(keys, impl=jax.random.key_impl(cache.keys))
    return cache.replace(
        hidden=jnp.where(started[..., None], cache.prompt_hidden[:, None], cache.hidden),
        positions=jnp.where(started, 0, cache.positions),
        limits=jnp.where(started, limits, cache.limits),
        keys=jnp.where(started, keys, cache.keys),
        active=(cache.active & ~stopped) | started,
    )


@partial(jax.jit, static_argnames=("config", "sampling", "stop_ids"), donate_argnames=("cache",))
def decode_chunk(
    cache: KVCache,
    params: dict,
    stack: Stack,
    steps: jax.Array,
    min_active: jax.Array,
    *,
    config: Qwen2Config,
    sampling: SamplingConfig,
    stop_ids: tuple[int, ...],
) -> tuple[KVCache, jax.Array]:
    """Decode up to `steps` tokens of every active sequence, and fewer once at most `min_active` are still active.

    Returns:
      The cache and the number of tokens decoded a sequence.
    """
    # On a CPU, slicing a layer out of the stacked parameters copies it. Doing so once for all tokens, and adding the
    # adapters to it, saves time and costs a second copy of the layers while decoding, for which an accelerator has no
    # memory to spare.
    layers = qwen2.unstack(params, stack, join=True) if jax.default_backend() == "cpu" else None

    def keep_going(carry):
        cache, count = carry
        return (count < steps) & (cache.active.sum() > min_active)

    def one_token(carry):
        cache, count = carry
        cache, token, position = sample_into(cache, params, sampling, stop_ids)
        keys_values = qwen2.GroupKeysValues(cache.prompt_kv, cache.prompt_mask, cache.completion_kv)
        hidden, completion_kv = qwen2.decode(params, config, token, position, keys_values, stack, layers=layers)
        cache = cache.replace(hidden=hidden, completion_kv=completion_kv)
        return cache, count + 1

    return jax.lax.while_loop(keep_going, one_token, (cache, jnp.int32(0)))


def sample_into(
    cache: KVCache, params: dict, sampling: SamplingConfig, stop_ids: tuple[int, ...]
) -> tuple[KVCache, jax.Array, jax.Array]:
    """Sample the next token of every active sequence, and end the sequences that it ends.

    Returns:
      The cache with the tokens, whose keys and values it lacks; the tokens [Q, W]; their positions [Q, W], for an
      inactive sequence behind the last one, where nothing is written.
    """
    token, log_prob = sample_token(qwen2.logits(params, cache.hidden), cache.keys, cache.positions, sampling)
    position = jnp.where(cache.active, cache.positions, cache.tokens.shape[-1])
    rows, sequences = jnp.indices(position.shape, sparse=True)
    positions = cache.positions + cache.active
    cache = cache.replace(
        tokens=cache.tokens.at[rows, sequences, position].set(token, mode="drop"),
        log_prob=cache.log_prob.at[rows, sequences, position].set(log_prob, mode="drop"),
        positions=positions,
        active=cache.active & ~jnp.isin(token, jnp.asarray(stop_ids)) & (positions < cache.limits),
    )
    return cache, token, position
