"""The device's side of a rollout: prompts in slots, completions in lanes, and the jitted functions that move them on.

A pool has Q slots of W lanes. A slot holds one prompt's keys and values; its lanes work through that prompt's samples,
so that the prompt is stored and read once for all of them. A lane takes its next sample when the last one has ended,
whatever the other lanes are doing; a slot takes another prompt when its lanes have no sample left.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import struct

from alignment.adapters.stack import Stack
from alignment.models import qwen2
from alignment.models.config import Qwen2Config
from alignment.rollout.sampling import Sampling, choose


@struct.dataclass
class Pool:
    """Q slots with W lanes each; what an idle lane holds means nothing."""

    prompt_kv: qwen2.KeysValues  # a layer [Q, K, Lp, d]
    prompt_mask: jax.Array  # [Q, Lp]
    start: jax.Array  # [Q, D] the state that predicts the first token after the slot's prompt
    own_kv: qwen2.KeysValues  # a layer [Q, K, W, Lc, d]
    hidden: jax.Array  # [Q, W, D] the state that predicts the lane's next token
    place: jax.Array  # [Q, W] how many tokens the lane has
    limit: jax.Array  # [Q, W] how many it may have
    keys: jax.Array  # [Q, W] typed keys
    tokens: jax.Array  # [Q, W, Lc]
    log_prob: jax.Array  # [Q, W, Lc]
    alive: jax.Array  # [Q, W] whether the lane is at work


@partial(jax.jit, static_argnames=("config", "dtype", "cache_dtype", "slots", "lanes", "lengths"))
def empty_pool(
    config: Qwen2Config, dtype: jnp.dtype, cache_dtype: jnp.dtype, slots: int, lanes: int, lengths: tuple[int, int]
) -> Pool:
    """A pool without prompts; `dtype` is that of the states, `cache_dtype` of keys and values, `lengths` (Lp, Lc)."""
    prompt_length, length = lengths
    layers, heads, dim = range(config.num_hidden_layers), config.num_key_value_heads, config.head_dim

    def kept(*shape):
        return qwen2.KeysValues(*(tuple(jnp.zeros(shape, cache_dtype) for _ in layers) for _ in "kv"))

    return Pool(
        prompt_kv=kept(slots, heads, prompt_length, dim),
        # One visible token an empty slot: attention over nothing at all is not worth a case of its own.
        prompt_mask=jnp.zeros((slots, prompt_length), bool).at[:, 0].set(True),
        start=jnp.zeros((slots, config.hidden_size), dtype),
        own_kv=kept(slots, heads, lanes, length, dim),
        hidden=jnp.zeros((slots, lanes, config.hidden_size), dtype),
        place=jnp.zeros((slots, lanes), jnp.int32),
        limit=jnp.zeros((slots, lanes), jnp.int32),
        keys=jnp.broadcast_to(jax.random.key(0), (slots, lanes)),
        tokens=jnp.zeros((slots, lanes, length), jnp.int32),
        log_prob=jnp.zeros((slots, lanes, length), jnp.float32),
        alive=jnp.zeros((slots, lanes), bool),
    )


@partial(jax.jit, static_argnames=("config",), donate_argnames=("pool",))
def admit(
    pool: Pool,
    params: dict,
    stack: Stack,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    slots: jax.Array,
    *,
    config: Qwen2Config,
) -> Pool:
    """Run prompts [N, Lp] and put each into its slot [N]; a slot out of range is a filler that goes nowhere."""
    start, kept = qwen2.prefill(params, config, prompts, prompt_mask, stack)

    def put(old, new):
        return old.at[slots].set(new.astype(old.dtype), mode="drop")

    return pool.replace(
        prompt_kv=jax.tree.map(put, pool.prompt_kv, kept),
        prompt_mask=put(pool.prompt_mask, prompt_mask),
        start=put(pool.start, start),
    )


@partial(jax.jit, donate_argnames=("pool",))
def seat(pool: Pool, seated: jax.Array, stopped: jax.Array, keys: jax.Array, limits: jax.Array) -> Pool:
    """Start a sample where `seated` [Q, W], with its key (as raw data) and limit, and end those where `stopped`."""
    wide, keys = seated[..., None], jax.random.wrap_key_data(keys, impl=jax.random.key_impl(pool.keys))
    return pool.replace(
        hidden=jnp.where(wide, pool.start[:, None], pool.hidden),
        place=jnp.where(seated, 0, pool.place),
        limit=jnp.where(seated, limits, pool.limit),
        keys=jnp.where(seated, keys, pool.keys),
        alive=(pool.alive & ~stopped) | seated,
    )


@partial(jax.jit, static_argnames=("config", "sampling", "stop_ids"), donate_argnames=("pool",))
def advance(
    pool: Pool,
    params: dict,
    stack: Stack,
    steps: jax.Array,
    enough: jax.Array,
    *,
    config: Qwen2Config,
    sampling: Sampling,
    stop_ids: tuple[int, ...],
) -> tuple[Pool, jax.Array]:
    """Decode up to `steps` tokens in every lane at work, and stop earlier once no more than `enough` lanes are.

    Returns:
      The pool and the number of tokens decoded a lane.
    """
    stops = jnp.asarray(stop_ids)
    # A CPU copies a layer out of its stack before it multiplies with it. Doing so once for all tokens saves a sixth of
    # the time and costs a second copy of the layers while decoding, for which an accelerator's memory is too dear.
    layers = qwen2.unstack(params, stack) if jax.default_backend() == "cpu" else None

    def keep_going(carry):
        pool, done = carry
        return (done < steps) & (pool.alive.sum() > enough)

    def one_token(carry):
        pool, done = carry
        token, log_prob = choose(qwen2.logits(params, pool.hidden), pool.keys, pool.place, sampling)
        # A lane at rest writes nowhere: its place lies behind the end.
        place = jnp.where(pool.alive, pool.place, pool.tokens.shape[-1])
        rows, lanes = jnp.indices(place.shape, sparse=True)
        pool = pool.replace(
            tokens=pool.tokens.at[rows, lanes, place].set(token, mode="drop"),
            log_prob=pool.log_prob.at[rows, lanes, place].set(log_prob, mode="drop"),
        )
        state = pool.prompt_kv, pool.prompt_mask, pool.own_kv
        hidden, own_kv = qwen2.decode(params, config, token, place, *state, stack, layers=layers)
        following = pool.place + pool.alive
        alive = pool.alive & ~jnp.isin(token, stops) & (following < pool.limit)
        return pool.replace(hidden=hidden, own_kv=own_kv, place=following, alive=alive), done + 1

    return jax.lax.while_loop(keep_going, one_token, (pool, jnp.int32(0)))
