"""Named adapters lying on one frozen base, each with a gate.

A policy is `(params, stack)`. Base, reasoning-only, reward-only, both, and the KL reference are five stacks over the
same arrays: no copies, no toggles, no second model.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import struct

from alignment.adapters.lora import Lora


@struct.dataclass
class Adapter:
    """A named `Lora` and its gate, a float32 scalar that multiplies its contribution (1.0 as trained)."""

    lora: Lora
    gate: jax.Array
    name: str = struct.field(pytree_node=False)


@struct.dataclass
class Stack:
    """An ordered tuple of adapters; the empty stack is the base model."""

    adapters: tuple[Adapter, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the order in which the contributions are added."""
        return tuple(adapter.name for adapter in self.adapters)


def make_stack(loras: Mapping[str, Lora], gates: Mapping[str, float] | None = None) -> Stack:
    """Stack `loras` in their order; a gate not given is 1."""
    gates = gates or {}
    return Stack(tuple(Adapter(lora, jnp.float32(gates.get(name, 1.0)), name) for name, lora in loras.items()))


def push(stack: Stack, name: str, lora: Lora) -> Stack:
    """Return `stack` with one more adapter on top, at gate 1."""
    return Stack((*stack.adapters, Adapter(lora, jnp.float32(1.0), name)))


def layer_slices(stack: Stack) -> tuple:
    """The factors of every adapter, for `lax.scan` to slice on their layer axis."""
    return tuple(adapter.lora.modules for adapter in stack.adapters)


def delta(
    x: jax.Array, projection: str, slices: tuple, stack: Stack, dropout_key: jax.Array | None = None
) -> jax.Array | None:
    """Sum over adapters of gate * scale * (x A) B for one projection of one layer; None if no adapter touches it.

    Args:
      x: [..., in] activations; the factors are cast to their type.
      projection: the projection's name.
      slices: this layer's slices of `layer_slices(stack)`.
      stack: the stack itself, for gates and scales.
      dropout_key: turns on each adapter's own dropout on its input; None (always, outside SFT) turns it off.

    Returns:
      [..., out], accumulated in stack order, so that an adapter whose B is zero adds an exact zero.
    """
    total = None
    for index, (adapter, modules) in enumerate(zip(stack.adapters, slices, strict=True)):
        if projection not in modules:
            continue
        factors = modules[projection]
        inputs = x
        if dropout_key is not None and adapter.lora.dropout:
            inputs = _dropout(x, adapter.lora.dropout, jax.random.fold_in(dropout_key, index))
        part = _expand(inputs @ factors["a"].astype(x.dtype), factors["b"].astype(x.dtype))
        part = part * (adapter.gate * adapter.lora.scale).astype(x.dtype)
        total = part if total is None else total + part
    return total


@jax.custom_vjp
def _expand(u: jax.Array, b: jax.Array) -> jax.Array:
    """Return u [..., r] @ b [r, out], with the gradient of b as u^T g.

    Left to itself, differentiation writes it as (g^T u)^T, and a CPU then turns g [tokens, out] around in memory, which
    at rank 16 takes longer than the product.
    """
    return u @ b


def _expand_forward(u, b):
    return u @ b, (u, b)


def _expand_backward(kept, g):
    u, b = kept
    rows = lambda x: x.reshape(-1, x.shape[-1])  # noqa: E731
    return g @ b.T, jax.lax.dot_general(rows(u), rows(g), (((0,), (0,)), ((), ())))


_expand.defvjp(_expand_forward, _expand_backward)


def _dropout(x: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros_like(x))
