"""Sampling completions for groups of prompts, in one jitted function with a key-value cache.

Each prompt is computed once a group. The loop stops when every row has ended. The end token a row chose stays in the
completion and in its mask, and the log-probability recorded is that of the distribution sampled from.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct

from alignment.adapters.stack import Stack
from alignment.models import qwen2
from alignment.models.config import Qwen2Config


@struct.dataclass
class Group:
    """P prompts with G completions each."""

    prompts: jax.Array  # [P, Lp] tokens, padded on the right
    prompt_mask: jax.Array  # [P, Lp] true at real prompt tokens
    completions: jax.Array  # [P, G, Lc] tokens, padded on the right
    mask: jax.Array  # [P, G, Lc] true at completion tokens, the end token included
    log_prob: jax.Array  # [P, G, Lc] log-probability each token was sampled with; 0 where masked
    truncated: jax.Array  # [P, G] true where the length limit, not an end token, ended the row


class _Loop(NamedTuple):
    step: jax.Array
    hidden: jax.Array  # [P, G, D] state that predicts the token at `step`
    own_kv: qwen2.KeysValues
    tokens: jax.Array
    mask: jax.Array
    log_prob: jax.Array
    alive: jax.Array  # [P, G]


@jax.jit(static_argnames=("config", "max_new_tokens", "temperature", "stop_ids", "pad_id"))
def sample_groups(
    params: dict,
    stack: Stack,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    keys: jax.Array,
    *,
    config: Qwen2Config,
    max_new_tokens: int,
    temperature: float,
    stop_ids: tuple[int, ...],
    pad_id: int,
) -> Group:
    """Sample one completion for each key.

    Args:
      params: the base.
      stack: the adapters the policy is served with (unmerged).
      prompts: [P, Lp] tokens padded on the right; prompt_mask: [P, Lp].
      keys: [P, G] typed keys from `lane_keys`.
      config: sizes.
      max_new_tokens: Lc, the length limit.
      temperature: 0 is greedy; otherwise logits are divided by it before sampling.
      stop_ids: tokens that end a row.
      pad_id: written after the end of a row; never consulted for masks.

    Returns:
      A `Group`. Greedy log-probabilities are those of the untempered distribution.
    """
    hidden, prompt_kv = qwen2.prefill(params, config, prompts, prompt_mask, stack)
    start = _start(hidden, prompt_kv, keys.shape, max_new_tokens, pad_id)
    stops = jnp.asarray(stop_ids)

    def keep_going(loop: _Loop) -> jax.Array:
        return (loop.step < max_new_tokens) & loop.alive.any()

    def one_token(loop: _Loop) -> _Loop:
        token, log_prob = _choose(qwen2.logits(params, loop.hidden), keys, loop.step, temperature)
        token = jnp.where(loop.alive, token, pad_id)
        alive = loop.alive & ~jnp.isin(token, stops)
        hidden, own_kv = qwen2.decode(params, config, token, loop.step, prompt_kv, prompt_mask, loop.own_kv, stack)
        return _Loop(
            loop.step + 1,
            hidden,
            own_kv,
            loop.tokens.at[:, :, loop.step].set(token),
            loop.mask.at[:, :, loop.step].set(loop.alive),
            loop.log_prob.at[:, :, loop.step].set(jnp.where(loop.alive, log_prob, 0.0)),
            alive,
        )

    end = jax.lax.while_loop(keep_going, one_token, start)
    return Group(prompts, prompt_mask, end.tokens, end.mask, end.log_prob, truncated=end.alive)


def _start(hidden, prompt_kv, lanes, length, pad_id):
    (groups, samples), layers, heads = lanes, prompt_kv.k.shape[0], prompt_kv.k.shape[3:]
    cache = jnp.zeros((layers, groups, samples, length, *heads), prompt_kv.k.dtype)
    return _Loop(
        step=jnp.int32(0),
        hidden=jnp.broadcast_to(hidden[:, None], (groups, samples, hidden.shape[-1])),
        own_kv=qwen2.KeysValues(cache, cache),
        tokens=jnp.full((groups, samples, length), pad_id, jnp.int32),
        mask=jnp.zeros((groups, samples, length), bool),
        log_prob=jnp.zeros((groups, samples, length), jnp.float32),
        alive=jnp.ones((groups, samples), bool),
    )


def _choose(logits, keys, step, temperature):
    """Pick a token a lane from logits [P, G, V]; return it with its log-probability under what was sampled from."""
    logits = logits / (temperature or 1.0)
    if temperature:
        token = jax.vmap(jax.vmap(lambda key, row: jax.random.categorical(jax.random.fold_in(key, step), row)))(
            keys, logits
        )
    else:
        token = jnp.argmax(logits, axis=-1)
    picked = jnp.take_along_axis(logits, token[..., None], axis=-1)[..., 0]
    return token.astype(jnp.int32), picked - jax.nn.logsumexp(logits, axis=-1)
