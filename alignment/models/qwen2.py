"""Qwen2 (Yang et al. 2024, 2407.10671) and Llama (Touvron et al. 2023, 2302.13971) as pure functions over arrays.

    params = {"embed": [V, D], "norm": [D], "head": [V, D] if untied,
              "layers": {"input_norm": [L, D], "post_attention_norm": [L, D],
                         "<projection>": {"w": [L, in, out], "b": [L, out] for q, k, v of Qwen2}}}

`alignment.models.parameters` declares the tree. Layers are stacked on axis 0 for `lax.scan`. Weights are [in, out]
(x @ w), the transpose of torch's. One layer is computed in four ways: over a whole causal sequence (`hidden_states`),
over prompts with their groups of completions (`group_hidden_states`), over prompts alone, keeping their keys and values
(`prefill`), and over one more token of every completion (`decode`). Of a prompt's last layer only the keys, the values
and the state of the last token are read, so the second and third compute nothing else there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from jax.ad_checkpoint import checkpoint_name

from alignment.adapters.stack import Stack, layer_slices, project, sum_weights
from alignment.kernels.group_attention.api import SAVED, cached_attention, causal_attention, group_attention
from alignment.models.config import Qwen2Config
from alignment.models.packing import Packing, pack, segment_positions, unpack
from alignment.models.parameters import NORMAL, ONES, PROJECTIONS, RESIDUAL
from alignment.models.rotary import rotary, rotate

QKV, GATE_UP = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")  # projections that read one input
JOINED = "joined"  # in a layer of `join_layer`, in place of its projections
LINEAR = "linear"  # `checkpoint_name` of the outputs of projections


class KeysValues(NamedTuple):
    """Keys and values, one array a layer: prompts [P, K, Lp, d], completions [P, K, G, Lc, d]."""

    k: tuple[jax.Array, ...]
    v: tuple[jax.Array, ...]


class GroupKeysValues(NamedTuple):
    """What the new tokens of completions attend to: their prompts, with a mask [P, Lp], and the tokens before them."""

    prompt: KeysValues
    prompt_mask: jax.Array
    completion: KeysValues


class LayerKeysValues(NamedTuple):
    """Keys and values of one layer: prompts [P, K, Lp, d], completions [P, K, G, Lc, d]."""

    prompt_k: jax.Array
    prompt_v: jax.Array
    completion_k: jax.Array
    completion_v: jax.Array


class Places(NamedTuple):
    """Where one new token of every completion stands."""

    rope: tuple[jax.Array, jax.Array]  # cosine and sine at its position behind the prompt
    prompt_mask: jax.Array  # [P, Lp]
    positions: jax.Array  # [P, G] in the completion; nothing is written at Lc and above


class Context(NamedTuple):
    """What a layer needs beside its weights: the stack, this layer's factors, this layer's dropout key."""

    stack: Stack = Stack()
    slices: tuple = ()
    key: jax.Array | None = None


def init_params(config: Qwen2Config, key: jax.Array, dtype: jnp.dtype = jnp.float32, std: float = 0.02) -> dict:
    """Return randomly initialised parameters (normal with `std`; residual outputs scaled by 1/sqrt(2 L))."""
    keys = iter(jax.random.split(key, len(PROJECTIONS) + 2))
    arrays = {}
    for parameter in sorted(config.parameters, key=lambda each: not each.is_stacked):  # the order of the keys
        scale = std / math.sqrt(2 * config.num_hidden_layers) if parameter.init == RESIDUAL else std
        if parameter.init in (NORMAL, RESIDUAL):
            array = (scale * jax.random.normal(next(keys), parameter.shape)).astype(dtype)
        else:
            array = jnp.full(parameter.shape, parameter.init == ONES, dtype)
        arrays[parameter.path] = array
    return unflatten_dict(arrays)


def head_weights(params: dict) -> jax.Array:
    """The language-model head [V, D]: its own matrix, or the embedding where the two are tied."""
    return params.get("head", params["embed"])


def logits(params: dict, hidden: jax.Array) -> jax.Array:
    """Return float32 logits [..., V] of final hidden states [..., D]."""
    return jnp.einsum("...d,vd->...v", hidden, head_weights(params), preferred_element_type=jnp.float32)


def rms_norm(x: jax.Array, weight: jax.Array, eps: float) -> jax.Array:
    """Root-mean-square normalisation over the last axis, in float32 (Zhang & Sennrich 2019, 1910.07467)."""
    return weight * (x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + eps))


def embedded(params: dict, tokens: jax.Array) -> jax.Array:
    """Return the residual stream [..., D] before the first layer, in float32 whatever the type of the weights.

    What a layer adds is a small part of the stream: rounded to bfloat16 after every layer, small changes are lost.
    """
    return params["embed"][tokens].astype(jnp.float32)


def final_states(x: jax.Array, params: dict, config: Qwen2Config) -> jax.Array:
    """The states that the head reads, in the type of the weights, from the residual stream x after the last layer."""
    return rms_norm(x, params["norm"], config.rms_norm_eps).astype(params["embed"].dtype)


def last_states(x: jax.Array, prompt_mask: jax.Array, params: dict, config: Qwen2Config) -> jax.Array:
    """Of prompts [P, Lp] with x [P, T >= Lp, D] after the last layer, what the head reads at the last real token."""
    last = jnp.take_along_axis(x, prompt_mask.sum(axis=1)[:, None, None] - 1, axis=1)[:, 0]
    return final_states(last, params, config)


def hidden_states(
    params: dict,
    config: Qwen2Config,
    tokens: jax.Array,
    stack: Stack | None = None,
    *,
    segments: jax.Array | None = None,
    remat: bool = False,
    dropout_key: jax.Array | None = None,
) -> jax.Array:
    """Return final hidden states [B, T, D] of tokens [B, T], padded on the right, attended causally.

    `segments` [B, T] numbers the sequences of packed rows: each is computed as if it stood alone in its row.
    """
    stack = stack or Stack()
    positions = jnp.arange(tokens.shape[1]) if segments is None else segment_positions(segments)
    rope = rope_at(config, positions)

    def layer_step(x, scanned):
        layer, slices, key = scanned
        x, _ = causal_layer(x, layer, Context(stack, slices, key), config, rope, segments)
        return x, None

    keys = None if dropout_key is None else jax.random.split(dropout_key, config.num_hidden_layers)
    scanned = params["layers"], layer_slices(stack, separate=keys is not None), keys
    x, _ = jax.lax.scan(_recomputed(layer_step, remat), embedded(params, tokens), scanned)
    return final_states(x, params, config)


def group_hidden_states(
    params: dict,
    config: Qwen2Config,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    completions: jax.Array,
    stack: Stack | None = None,
    *,
    packing: Packing | None = None,
    remat: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """Run prompts once and their groups of completions on top of them.

    Args:
      params: the parameter tree.
      config: sizes.
      prompts: [P, Lp] tokens, padded on the right; prompt_mask: [P, Lp], true at real tokens.
      completions: [P, G, Lc] tokens, padded on the right.
      stack: the adapters; None is the base.
      packing: which completion tokens to compute; None is all of them. A token needs all those before it.
      remat: recompute each layer in the backward pass. Otherwise the results of linear layers and of attention are
        stored and everything else is recomputed.

    Returns:
      Final hidden states of the last real prompt token [P, D] (it predicts every completion's first token) and of
      the completions: [P, G, Lc, D], or [P, N, D] if packed.
    """
    stack, prompt_length = stack or Stack(), prompts.shape[1]
    tokens = completions.reshape(len(completions), -1)
    tokens = tokens if packing is None else pack(tokens, packing)
    positions, attend = _group_layout(completions.shape, prompt_mask, packing)
    rope = rope_at(config, positions)

    def layer_step(x, scanned):
        index, slices = scanned  # by its index, since weights to scan over would be kept for the backward pass
        layer = jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, keepdims=False), params["layers"])
        context = Context(stack, slices, None)
        return _finish(x, attend(*_qkv(x, layer, context, config, *rope)), layer, context, config), None

    scanned = jnp.arange(config.num_hidden_layers), layer_slices(stack)
    x, _ = jax.lax.scan(
        _recomputed(layer_step, remat), embedded(params, jnp.concatenate([prompts, tokens], axis=1)), scanned
    )
    states = x[:, prompt_length:]
    states = states if packing is not None else states.reshape(*completions.shape, -1)
    return last_states(x, prompt_mask, params, config), final_states(states, params, config)


def _group_layout(shape, prompt_mask, packing):
    """Where the tokens of rows [P, Lp + N] stand, prompts first, and attention over such rows as a function.

    Everything but attention runs on prompts and completions at once: half as many products, each twice as large.
    """
    (groups, samples, length), prompt_length = shape, prompt_mask.shape[1]
    cells = jnp.broadcast_to(jnp.arange(samples * length), (groups, samples * length))
    cells = cells if packing is None else packing.cells
    behind = prompt_mask.sum(axis=1)[:, None] + cells % length
    at_prompt = jnp.broadcast_to(jnp.arange(prompt_length), prompt_mask.shape)

    def to_grid(x):
        x = x[:, prompt_length:]
        x = x if packing is None else unpack(x.reshape(*x.shape[:2], -1), packing)
        return x.reshape(groups, samples, length, -1)

    def attend(q, k, v):
        prompt = tuple(x[:, :prompt_length] for x in (q, k, v))
        grid = tuple(to_grid(x).reshape(groups, samples, length, *x.shape[2:]) for x in (q, k, v))
        mixed = group_attention(grid[0], prompt[1:], grid[1:], prompt_mask).reshape(groups, samples * length, -1)
        mixed = mixed if packing is None else pack(mixed, packing)
        return jnp.concatenate([causal_attention(*prompt).reshape(groups, prompt_length, -1), mixed], axis=1)

    return jnp.concatenate([at_prompt, behind], axis=1), attend


def prefill(
    params: dict, config: Qwen2Config, prompts: jax.Array, prompt_mask: jax.Array, stack: Stack | None = None
) -> tuple[jax.Array, KeysValues]:
    """Run prompts [P, Lp] once: the last real token's hidden state [P, D], keys and values [P, K, Lp, d] a layer."""
    stack = stack or Stack()
    rope = rope_at(config, jnp.arange(prompts.shape[1]))

    def layer_step(x, scanned):
        layer, slices = scanned
        return causal_layer(x, layer, Context(stack, slices, None), config, rope)

    x, keys_values = jax.lax.scan(layer_step, embedded(params, prompts), (params["layers"], layer_slices(stack)))
    layers = (tuple(each.swapaxes(2, 3)) for each in keys_values)  # [L, P, K, Lp, d], cut into layers
    return last_states(x, prompt_mask, params, config), KeysValues(*layers)


def decode(
    params: dict,
    config: Qwen2Config,
    tokens: jax.Array,
    positions: jax.Array,
    keys_values: GroupKeysValues,
    stack: Stack | None = None,
    *,
    layers: tuple | None = None,
) -> tuple[jax.Array, KeysValues]:
    """Compute one token of every completion, each at a position of its own.

    The layers are unrolled: a scan would copy each layer's cache out of its stack at every token.

    Args:
      params: the parameter tree.
      config: sizes.
      tokens: [P, G] the token at position `positions` of each completion.
      positions: [P, G] positions in the completion; nothing is written at Lc and above.
      keys_values: those of the prompts, from `prefill`, and those of the completions so far, in the type of the cache.
      stack: the adapters; None is the base.
      layers: the result of `unstack`, for a loop over tokens; None takes each layer out of `params` in this call.

    Returns:
      Hidden states [P, G, D] and the updated keys and values of the completions.
    """
    stack = stack or Stack()
    layers = unstack(params, stack) if layers is None else layers
    prompt_kv, prompt_mask, completion_kv = keys_values
    places = decoded_places(config, prompt_mask, positions)
    x, updated = embedded(params, tokens)[:, :, None], []
    for (layer, slices), *layer_kv in zip(layers, *prompt_kv, *completion_kv, strict=True):
        x, cached = decode_layer(x, layer, LayerKeysValues(*layer_kv), places, Context(stack, slices, None), config)
        updated.append(cached)
    return final_states(x[:, :, 0], params, config), KeysValues(*zip(*updated, strict=True))


def decoded_places(config: Qwen2Config, prompt_mask: jax.Array, positions: jax.Array) -> Places:
    """Return where the new tokens at `positions` [P, G] of completions behind prompts [P, Lp] stand."""
    behind = (prompt_mask.sum(axis=1)[:, None] + positions)[..., None]
    return Places(rope_at(config, behind), prompt_mask, positions)


def decode_layer(
    x: jax.Array, layer: dict, keys_values: LayerKeysValues, places: Places, context: Context, config: Qwen2Config
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Run one layer over x [P, G, 1, D], one token of every completion.

    Returns:
      x after the layer and the updated keys and values of the completions.
    """
    rows, samples = jnp.indices(places.positions.shape, sparse=True)
    q, k, v = _qkv(x, layer, context, config, *places.rope)
    cached = tuple(  # [P, K, G, Lc, d] with the new [P, G, K, d] at `positions`
        cache.at[rows, :, samples, places.positions].set(new[:, :, 0].astype(cache.dtype), mode="drop")
        for cache, new in zip(keys_values[2:], (k, v), strict=True)
    )
    mixed = cached_attention(q[:, :, 0], keys_values[:2], cached, places.prompt_mask, places.positions)
    return _finish(x, mixed.reshape(*mixed.shape[:2], 1, -1), layer, context, config), cached


def unstack(params: dict, stack: Stack, join: bool = False) -> tuple:
    """Return the weights and adapter factors of each layer, sliced out of the arrays that hold all layers.

    `join` adds the adapters to weights in float32, once for a loop over tokens, and puts the projections of one input
    side by side: a small model then spends less time on the overhead of products than on them.
    """
    stacked, count = (params["layers"], layer_slices(stack)), len(params["layers"]["input_norm"])
    layers = tuple(jax.tree.map(lambda leaf: leaf[index], stacked) for index in range(count))  # noqa: B023
    is_float32 = params["layers"]["o_proj"]["w"].dtype == jnp.float32
    return tuple((join_layer(*layer), ()) for layer in layers) if join and is_float32 else layers


def join_layer(layer: dict, slices: tuple) -> dict:
    """Return a layer whose float32 projections, adapters added, lie side by side under `JOINED` by their input."""
    joined = {}
    for names in (QKV, GATE_UP, *((name,) for name in PROJECTIONS if name not in QKV + GATE_UP)):
        biases = [layer[name].get("b", jnp.zeros(layer[name]["w"].shape[1])) for name in names]
        weights = sum_weights({name: layer[name]["w"] for name in names}, slices)
        joined["+".join(names)] = {"w": weights, "b": jnp.concatenate(biases)}
    return {name: leaf for name, leaf in layer.items() if name not in PROJECTIONS} | {JOINED: joined}


def _recomputed(step: Callable, everything: bool) -> Callable:
    """Recompute a layer in the backward pass: all of it, or all but the results of linear layers and attention.

    Recomputing the rest costs little time, and the layer's weights are sliced again instead of being stored.
    """
    names = () if everything else (LINEAR, SAVED)
    return jax.checkpoint(step, policy=jax.checkpoint_policies.save_only_these_names(*names))


def rope_at(config: Qwen2Config, positions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cosine and sine of the rotary embedding at `positions`, as `rotary` gives them."""
    return rotary(positions, config.head_dim, config.rope_theta, config.rope_scaling)


def _linear(
    x: jax.Array, names: tuple[str, ...], layer: dict, context: Context, config: Qwen2Config
) -> tuple[jax.Array, ...]:
    """Projections of one input with biases and adapters, each x W + b + sum gate * scale * (x A) B, in float32."""
    if JOINED in layer:
        joined, ends = layer[JOINED]["+".join(names)], np.cumsum([config.linear_shapes[name][1] for name in names])
        return tuple(jnp.split(x @ joined["w"] + joined["b"], ends[:-1], axis=-1))
    keys = {name: jax.random.fold_in(context.key, PROJECTIONS.index(name)) for name in names if context.key is not None}
    outs = project(x, {name: layer[name]["w"] for name in names}, context.slices, context.stack, keys)
    return tuple(y + layer[name]["b"] if "b" in layer[name] else y for name, y in zip(names, outs, strict=True))


def _qkv(x, layer, context, config, cos, sin):
    x = rms_norm(x, layer["input_norm"], config.rms_norm_eps)
    outs = _linear(x, QKV, layer, context, config)
    q, k, v = (y.reshape(*x.shape[:-1], -1, config.head_dim) for y in outs)
    return _rounded(layer, rotate(q, cos, sin), rotate(k, cos, sin), v)


def _rounded(layer: dict, *heads: jax.Array) -> tuple[jax.Array, ...]:
    """What attention reads, in the type of the weights: rounded after bias, adapters and rotation, and only once."""
    dtype = layer.get(JOINED, layer)["o_proj"]["w"].dtype
    return tuple(checkpoint_name(each.astype(dtype), LINEAR) for each in heads)


def _finish(x, mixed, layer, context, config):
    """Everything of a layer after its attention, whose output `mixed` [..., H * d] has its heads side by side.

    Output projection, residuals, SwiGLU (Shazeer 2020, 2002.05202).
    """
    x = x + checkpoint_name(_linear(mixed, ("o_proj",), layer, context, config)[0], LINEAR)
    y = rms_norm(x, layer["post_attention_norm"], config.rms_norm_eps)
    gate, up = (checkpoint_name(each, LINEAR) for each in _linear(y, GATE_UP, layer, context, config))
    return x + _linear(jax.nn.silu(gate) * up, ("down_proj",), layer, context, config)[0]


def causal_layer(
    x: jax.Array,
    layer: dict,
    context: Context,
    config: Qwen2Config,
    rope: tuple[jax.Array, jax.Array],
    segments: jax.Array | None = None,
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Run one layer over x [B, T, D], attended causally: x after it, and its keys and values [B, T, K, d]."""
    cos, sin = rope
    q, k, v = _qkv(x, layer, context, config, cos, sin)
    mixed = causal_attention(q, k, v, segments=segments)
    return _finish(x, mixed.reshape(*mixed.shape[:2], -1), layer, context, config), (k, v)
