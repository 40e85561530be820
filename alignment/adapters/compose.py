"""Turning a stack into one adapter (exactly) or folding it into the base weights (up to rounding)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.adapters.lora import Lora
from alignment.adapters.stack import Stack
from alignment.errors import UserError


def concatenate(stack: Stack) -> Lora:
    """Return the one adapter of rank r_1 + r_2 + ... that computes the same function as the stack.

    A = concat([g_1 s_1 A_1, g_2 s_2 A_2], rank axis) and B = concat([B_1, B_2], rank axis), with scale 1
    (alpha = rank). This is PEFT's combination "cat"; PEFT's "linear" sums the factors separately and so adds cross
    terms (A_1 B_2 + A_2 B_1): it is a different function. An adapter that lacks a projection contributes zeros to it.

    Raises:
      UserError: the stack is empty.
    """
    if not stack.adapters:
        raise UserError("there is no adapter to concatenate; the base arm has nothing to export but the base itself")
    names = {name: None for adapter in stack.adapters for name in adapter.lora.modules}
    modules = {name: _concatenate_module(stack, name) for name in names}
    rank = sum(adapter.lora.rank for adapter in stack.adapters)
    return Lora(modules, rank=rank, alpha=float(rank))


def _concatenate_module(stack: Stack, name: str) -> dict[str, jax.Array]:
    example = next(adapter.lora.modules[name] for adapter in stack.adapters if name in adapter.lora.modules)
    a_parts, b_parts = [], []
    for adapter in stack.adapters:
        lora = adapter.lora
        factors = lora.modules.get(name)
        if factors is None:
            layers, fan_in, _ = example["a"].shape
            fan_out = example["b"].shape[-1]
            factors = {"a": jnp.zeros((layers, fan_in, lora.rank)), "b": jnp.zeros((layers, lora.rank, fan_out))}
        a_parts.append(factors["a"] * (adapter.gate * lora.scale))
        b_parts.append(factors["b"])
    return {"a": jnp.concatenate(a_parts, axis=2), "b": jnp.concatenate(b_parts, axis=1)}


def merge(params: dict, stack: Stack, dtype: jnp.dtype = jnp.float32) -> dict:
    """Return `params` with every adapter folded into its projections: W + sum gate * scale * A B.

    The sum is formed in float32 and stored as `dtype`. Merge in float32 only if the result is trained on or sampled
    from: a bfloat16 weight loses most of a small delta (a delta of standard deviation 1e-5 keeps a cosine of 0.46).
    Projections without an adapter are cast to `dtype` too, so that the merged model has one type.
    """
    layers = dict(params["layers"])
    for adapter in stack.adapters:
        factor = adapter.gate * adapter.lora.scale
        for name, factors in adapter.lora.modules.items():
            update = factor * jnp.einsum("lir,lro->lio", factors["a"], factors["b"], precision="highest")
            layers[name] = {**layers[name], "w": layers[name]["w"].astype(jnp.float32) + update}
    merged = {**params, "layers": layers}
    return jax.tree.map(lambda leaf: leaf.astype(dtype), merged)
