"""Named adapters on one frozen base, each with a gate.

A policy is `(params, stack)`. The base, each adapter alone, both together and the KL reference are five stacks over the
same arrays, so none of them needs a copy of the model.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import struct

from alignment.adapters.lora import Lora
from alignment.kernels.lora_projection.api import Blocks, Update, lora_projection

CPU_BLOCK, BLOCK = 16, 64  # ranks in one product, on a CPU and on accelerators, whose matrix units are wider


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
    """Stack `loras` in their order; an adapter without a gate in `gates` has gate 1."""
    gates = gates or {}
    return Stack(tuple(Adapter(lora, jnp.float32(gates.get(name, 1.0)), name) for name, lora in loras.items()))


def push(stack: Stack, name: str, lora: Lora) -> Stack:
    """Return `stack` with one more adapter on top, at gate 1."""
    return Stack((*stack.adapters, Adapter(lora, jnp.float32(1.0), name)))


def layer_slices(stack: Stack, separate: bool = False) -> tuple[dict[str, Blocks], ...]:
    """Return the factors of the adapters as blocks of equal rank, stacked on a layer axis for `lax.scan` to slice.

    Returns:
      One `{projection: blocks}` for all adapters together, with A [L, in, r] and B [L, r, out] in each block. Where
      `separate`, one such dict for each adapter: with dropout every adapter has an input of its own.
    """
    parts = tuple(Stack((adapter,)) for adapter in stack.adapters) if separate else (stack,)
    return tuple({name: _blocks(*concatenated(part, name)) for name in adapted(part)} for part in parts)


def adapted(stack: Stack) -> tuple[str, ...]:
    """Return the projections that any adapter of the stack adapts."""
    return tuple(dict.fromkeys(name for adapter in stack.adapters for name in adapter.lora.modules))


def concatenated(stack: Stack, projection: str) -> tuple[jax.Array, jax.Array]:
    """Return A [L, in, r_1 + r_2 + ...] and B [L, r_1 + r_2 + ..., out] of a projection, with gates and scales in A.

    An adapter that lacks the projection contributes zeros, so that ranks lie in the same order at every projection.
    """
    layers, fan_in, fan_out = next(
        (*factors["a"].shape[:2], factors["b"].shape[-1])
        for adapter in stack.adapters
        if (factors := adapter.lora.modules.get(projection))
    )
    a_parts, b_parts = [], []
    for adapter in stack.adapters:
        rank, factors = adapter.lora.rank, adapter.lora.modules.get(projection)
        a, b = (factors["a"], factors["b"]) if factors else (jnp.zeros((1, 1, 1)), jnp.zeros((1, 1, 1)))
        a_parts.append(jnp.broadcast_to(a * (adapter.gate * adapter.lora.scale), (layers, fan_in, rank)))
        b_parts.append(jnp.broadcast_to(b, (layers, rank, fan_out)))
    return jnp.concatenate(a_parts, axis=2), jnp.concatenate(b_parts, axis=1)


def _blocks(a: jax.Array, b: jax.Array) -> Blocks:
    """Cut the rank axis into blocks of equal size, the last one padded with zeros.

    Equal blocks make products of equal shape, which add their terms in the same order. Pushing an adapter or joining
    two into one therefore adds the same numbers in the same order, and an adapter whose B is zero adds exact zeros. In
    one product over all ranks the order, and with it the rounding, would depend on the number of ranks.
    """
    size = CPU_BLOCK if jax.default_backend() == "cpu" else BLOCK
    padding = -a.shape[2] % size
    a, b = jnp.pad(a, ((0, 0), (0, 0), (0, padding))), jnp.pad(b, ((0, 0), (0, padding), (0, 0)))
    return tuple((a[:, :, start : start + size], b[:, start : start + size]) for start in range(0, a.shape[2], size))


def project(
    x: jax.Array, w: jax.Array, projection: str, slices: tuple, stack: Stack, dropout_key: jax.Array | None = None
) -> jax.Array:
    """Return x W + the sum over adapters of gate * scale * (x A) B for one projection of one layer, in float32.

    Args:
      x: [..., in] activations.
      w: [in, out] the frozen weights of the base.
      projection: the name of the projection.
      slices: this layer's slices of `layer_slices(stack)`, which join all adapters; with a key those of
        `layer_slices(stack, separate=True)`, one an adapter, since each has a dropout mask of its own.
      stack: the stack itself, which holds the dropout rates.
      dropout_key: turns on the dropout of each adapter on its input; None, everywhere outside SFT, turns it off.

    Returns:
      [..., out] float32. An adapter whose B is zero adds an exact zero.
    """
    updates = []
    for index, part in enumerate(slices):
        keep, rate = None, stack.adapters[index].lora.dropout if dropout_key is not None else 0.0
        if rate:
            keep = jax.random.bernoulli(jax.random.fold_in(dropout_key, index), 1.0 - rate, x.shape)
        updates.append(Update(part.get(projection, ()), keep, rate))
    return lora_projection(x, w, tuple(updates))
