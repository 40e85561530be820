"""Turning a stack into one adapter (exactly) or folding it into the base weights (up to rounding)."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from alignment.adapters.lora import Lora
from alignment.adapters.stack import Stack, adapted, concatenated
from alignment.errors import UserError


def concatenate(stack: Stack) -> Lora:
    """Return the one adapter of rank r_1 + r_2 + ... that computes the same function as the stack.

    A = concat([g_1 s_1 A_1, g_2 s_2 A_2], rank axis) and B = concat([B_1, B_2], rank axis), with scale 1
    (alpha = rank). This is PEFT's combination "cat"; PEFT's "linear" sums the factors separately and so adds cross
    terms (A_1 B_2 + A_2 B_1): it is a different function. An adapter that lacks a projection contributes zeros to it.
    The stack itself is computed from these factors (`stack.layer_slices`), so the two agree bit for bit.

    Raises:
      UserError: the stack is empty.
    """
    if not stack.adapters:
        raise UserError("there is no adapter to concatenate; the base arm has nothing to export but the base itself")
    modules = {name: dict(zip("ab", concatenated(stack, name), strict=True)) for name in adapted(stack)}
    rank = sum(adapter.lora.rank for adapter in stack.adapters)
    return Lora(modules, rank=rank, alpha=float(rank))


def merge(params: dict, stack: Stack, dtype: jnp.dtype = jnp.float32) -> dict:
    """Return `params` with every adapter folded into its projections: W + sum gate * scale * A B.

    The sum is formed in float32 and stored as `dtype`. Only float32 keeps small adapters: `merged_share` measures what
    another type leaves of them.
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


@jax.jit
def update_norm(stack: Stack) -> jax.Array:
    """Return the Frobenius norm of what the stack adds to the weights, sum gate * scale * A B over all layers.

    |A B|^2 = <A^T A, B B^T>, so that only products of rank by rank are formed.
    """
    total = jnp.float32(0.0)
    for name in adapted(stack):
        a, b = concatenated(stack, name)
        squares = jnp.einsum("lir,lis->lrs", a, a, precision="highest") * jnp.einsum(
            "lro,lso->lrs", b, b, precision="highest"
        )
        total += squares.sum()
    return jnp.sqrt(jnp.maximum(total, 0.0))


def merged_share(params: dict, stack: Stack, dtype: jnp.dtype) -> tuple[float, float]:
    """Return what `merge` into `dtype` leaves of the adapters: a share, and a cosine.

    D = sum gate * scale * A B is what the adapters add to weights W, and round(W + D) - round(W) what is left of it.
    The share is the projection of what is left on D, 1 if all is; the cosine is that between the two, and falls where
    rounding adds noise. Where W itself has type `dtype`, a D below half a step of it leaves nothing.
    """
    sums = jnp.zeros(3)
    for name in adapted(stack):
        factors, weights = concatenated(stack, name), params["layers"][name]["w"]
        sums += sum(_products(w, a, b, dtype) for w, a, b in zip(weights, *factors, strict=True))
    along, wanted, left = (float(value) for value in sums)
    return along / (wanted or 1.0), along / ((wanted * left) ** 0.5 or 1.0)


@partial(jax.jit, static_argnames="dtype")
def _products(w: jax.Array, a: jax.Array, b: jax.Array, dtype: jnp.dtype) -> jax.Array:
    """<left, D>, <D, D> and <left, left> of one layer."""
    wide, added = w.astype(jnp.float32), jnp.matmul(a, b, precision="highest")
    left = (wide + added).astype(dtype).astype(jnp.float32) - wide.astype(dtype).astype(jnp.float32)
    return jnp.stack([jnp.vdot(left, added), jnp.vdot(added, added), jnp.vdot(left, left)])
