"""Named adapters on one frozen base, each with a gate.

A policy is `(params, stack)`. The base, each adapter alone, both together and the KL reference are five stacks over the
same arrays, so none of them needs a copy of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from alignment.adapters.lora import Lora
from alignment.kernels.lora_projection.api import Blocks, Update, lora_projections
from alignment.kernels.lora_projection.xla import sum_with_blocks

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
    return tuple({name: _blocks(_scaled_factors(part, name)) for name in adapted(part)} for part in parts)


def adapted(stack: Stack) -> tuple[str, ...]:
    """Return the projections that any adapter of the stack adapts."""
    return tuple(dict.fromkeys(name for adapter in stack.adapters for name in adapter.lora.modules))


def concatenated(stack: Stack, projection: str) -> tuple[jax.Array, jax.Array]:
    """Return A [L, in, r_1 + r_2 + ...] and B [L, r_1 + r_2 + ..., out] of a projection, with gates and scales in A.

    An adapter that lacks the projection contributes zeros, so that ranks lie in the same order at every projection.
    """
    a_parts, b_parts = zip(*_scaled_factors(stack, projection), strict=True)
    return jnp.concatenate(a_parts, axis=2), jnp.concatenate(b_parts, axis=1)


def _scaled_factors(stack: Stack, projection: str) -> list[tuple[jax.Array, jax.Array]]:
    """A and B of each adapter, as in `concatenated`."""
    layers, fan_in, fan_out = next(
        (*factors["a"].shape[:2], factors["b"].shape[-1])
        for adapter in stack.adapters
        if (factors := adapter.lora.modules.get(projection))
    )
    pairs = []
    for adapter in stack.adapters:
        rank, factors = adapter.lora.rank, adapter.lora.modules.get(projection)
        a, b = (factors["a"], factors["b"]) if factors else (jnp.zeros((1, 1, 1)), jnp.zeros((1, 1, 1)))
        a = jnp.broadcast_to(a * (adapter.gate * adapter.lora.scale), (layers, fan_in, rank))
        pairs.append((a, jnp.broadcast_to(b, (layers, rank, fan_out))))
    return pairs


def _blocks(factors: list[tuple[jax.Array, jax.Array]]) -> Blocks:
    """Cut the ranks of all factors, side by side, into blocks of equal size, the last one padded with zeros.

    Equal blocks make products of equal shape, which add their terms in the same order. Pushing an adapter or joining
    two into one therefore adds the same numbers in the same order, and an adapter whose B is zero adds exact zeros. In
    one product over all ranks the order, and with it the rounding, would depend on the number of ranks. A block is made
    of the factors that it holds alone, so that no gradient is computed for one that holds frozen factors only.
    """
    size = CPU_BLOCK if jax.default_backend() == "cpu" else BLOCK
    ends = np.cumsum([a.shape[2] for a, _ in factors])
    blocks = []
    for start in range(0, int(ends[-1]), size):
        pieces = []
        for end, (a, b) in zip(ends, factors, strict=True):
            first = end - a.shape[2]
            part = slice(max(start - first, 0), max(min(start + size - first, a.shape[2]), 0))
            if part.start < part.stop:
                pieces.append((a[:, :, part], b[:, part]))
        a, b = (jnp.concatenate(parts, axis=axis) for axis, parts in zip((2, 1), zip(*pieces), strict=True))  # noqa: B905
        padding = size - a.shape[2]
        blocks.append((jnp.pad(a, ((0, 0), (0, 0), (0, padding))), jnp.pad(b, ((0, 0), (0, padding), (0, 0)))))
    return tuple(blocks)


def project(
    x: jax.Array,
    weights: Mapping[str, jax.Array],
    slices: tuple,
    stack: Stack,
    dropout_keys: Mapping[str, jax.Array] = MappingProxyType({}),
) -> tuple[jax.Array, ...]:
    """Return x W + the sum over adapters of gate * scale * (x A) B for projections of one input of a layer, in float32.

    Args:
      x: [..., in] activations.
      weights: the frozen weights [in, out] of the base by the names of the projections.
      slices: this layer's slices of `layer_slices(stack)`, which join all adapters; with a key those of
        `layer_slices(stack, separate=True)`, one an adapter, since each has a dropout mask of its own.
      stack: the stack itself, which holds the dropout rates.
      dropout_keys: of each projection, turn on the dropout of each adapter on its input; without them, everywhere
        outside SFT, it is off.

    Returns:
      A float32 [..., out] for each projection. An adapter whose B is zero adds an exact zero.
    """

    def updates(name: str) -> tuple[Update, ...]:
        made = []
        for index, part in enumerate(slices):
            keep, rate = None, stack.adapters[index].lora.dropout if name in dropout_keys else 0.0
            if rate:
                keep = jax.random.bernoulli(jax.random.fold_in(dropout_keys[name], index), 1.0 - rate, x.shape)
            made.append(Update(part.get(name, ()), keep, rate))
        return tuple(made)

    return lora_projections(x, tuple(weights.values()), tuple(map(updates, weights)))


def sum_weights(weights: Mapping[str, jax.Array], slices: tuple) -> jax.Array:
    """Return the sums W + A B [in, out_1 + out_2 + ...] of projections of one layer that read one input, side by side.

    Args:
      weights: the frozen weights [in, out] of the base in float32, by the names of the projections.
      slices: this layer's slices of `layer_slices(stack)`.
    """
    blocks = tuple(tuple(block for part in slices for block in part.get(name, ())) for name in weights)
    return sum_with_blocks(tuple(weights.values()), blocks)
