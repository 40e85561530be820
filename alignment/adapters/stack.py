"""Named adapters lying on one frozen base, each with a gate.

A policy is `(params, stack)`. Base, reasoning-only, reward-only, both, and the KL reference are five stacks over the
same arrays: no copies, no toggles, no second model.
"""

from __future__ import annotations

import functools
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


def project(
    x: jax.Array, w: jax.Array, projection: str, slices: tuple, stack: Stack, dropout_key: jax.Array | None = None
) -> jax.Array:
    """Return x W + the sum over adapters of gate * scale * (x A) B for one projection of one layer.

    Few tokens go through the factors. Many go through the sum W + gate * scale * A B, made for this call alone: that is
    the same map in fewer passes over the activations, and frozen adapters then cost next to nothing. Only in float32,
    where the sum keeps the small contributions that bfloat16 rounds away.

    Args:
      x: [..., in] activations; the factors are cast to their type.
      w: [in, out] the base's frozen weights.
      projection: the projection's name.
      slices: this layer's slices of `layer_slices(stack)`.
      stack: the stack itself, for gates and scales.
      dropout_key: turns on each adapter's own dropout on its input; None (always, outside SFT) turns it off.

    Returns:
      [..., out]. Contributions are added in stack order, so that an adapter whose B is zero adds an exact zero.
    """
    touching = [
        (adapter, modules[projection])
        for adapter, modules in zip(stack.adapters, slices, strict=True)
        if projection in modules
    ]
    dropped = dropout_key is not None and any(adapter.lora.dropout for adapter, _ in touching)
    if touching and not dropped and _many_tokens(x, w):
        factors = tuple((each["a"], each["b"], adapter.gate * adapter.lora.scale) for adapter, each in touching)
        return _through_sum(x, w, factors)
    y = x @ w
    update = delta(x, projection, slices, stack, dropout_key)
    return y if update is None else y + update


def _many_tokens(x: jax.Array, w: jax.Array) -> bool:
    """Whether making W + A B takes fewer operations than applying A and B to every token, all in float32."""
    fan_in, fan_out = w.shape
    tokens = x.size // fan_in
    return x.dtype == w.dtype == jnp.float32 and tokens * (fan_in + fan_out) >= fan_in * fan_out


@jax.custom_vjp
def _through_sum(x: jax.Array, w: jax.Array, factors: tuple) -> jax.Array:
    """Return x (W + sum of scale * A B) for factors (A, B, scale); x^T g is only for the gradient of W."""
    return x @ _summed(w, factors)


def _summed(w, factors):
    return w + functools.reduce(jnp.add, (scale * (a @ b) for a, b, scale in factors))


def _through_sum_backward(kept, g):
    x, w, factors = kept
    x_rows, g_rows = (each.reshape(-1, each.shape[-1]) for each in (x, g))
    # What nobody asks for, above all the gradient of W, is never computed under jit.
    d_factors = tuple(_factor_gradients(x_rows, g_rows, *each) for each in factors)
    return g @ _summed(w, factors).T, _over_tokens(x_rows, g_rows), d_factors


def _factor_gradients(x, g, a, b, scale):
    u, d_u = jax.lax.optimization_barrier((x @ a, g @ b.T))
    d_b = _over_tokens(u, g)
    # As (d_u^T x)^T: a CPU takes several times as long for x^T d_u, which is what XLA makes of it if it may.
    d_a = jax.lax.optimization_barrier(_over_tokens(d_u, x)).T
    return scale * d_a, scale * d_b, jnp.vdot(d_b, b)


def _over_tokens(left, right):
    """left^T right for two arrays of rows."""
    return jax.lax.dot_general(left, right, (((0,), (0,)), ((), ())))


_through_sum.defvjp(lambda x, w, factors: (x @ _summed(w, factors), (x, w, factors)), _through_sum_backward)


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
        u = (inputs @ factors["a"].astype(x.dtype)) * (adapter.gate * adapter.lora.scale).astype(x.dtype)
        part = _expand(u, factors["b"].astype(x.dtype))
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
    u_rows, g_rows = (each.reshape(-1, each.shape[-1]) for each in (u, g))
    return g @ b.T, _over_tokens(u_rows, g_rows)


_expand.defvjp(_expand_forward, _expand_backward)


def _dropout(x: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros_like(x))
