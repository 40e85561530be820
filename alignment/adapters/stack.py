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

CPU_BLOCK, BLOCK = 16, 64  # ranks a product, on a CPU and on accelerators, whose matrix units are wider
Blocks = tuple[tuple[jax.Array, jax.Array], ...]  # pairs of A [L, in, r] and B [L, r, out], or those of one layer


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


def layer_slices(stack: Stack, apart: bool = False) -> tuple[dict[str, Blocks], ...]:
    """The factors of the adapters as equal blocks of ranks, for `lax.scan` to slice on their layer axis.

    Returns:
      One `{projection: blocks}` for all adapters together or, where `apart`, one for each: with dropout every adapter
      has an input of its own.
    """
    parts = tuple(Stack((adapter,)) for adapter in stack.adapters) if apart else (stack,)
    return tuple({name: _blocks(*concatenated(part, name)) for name in adapted(part)} for part in parts)


def adapted(stack: Stack) -> tuple[str, ...]:
    """The projections that any adapter of the stack touches."""
    return tuple(dict.fromkeys(name for adapter in stack.adapters for name in adapter.lora.modules))


def concatenated(stack: Stack, projection: str) -> tuple[jax.Array, jax.Array]:
    """The one A [L, in, r_1 + r_2 + ...] and B [L, r_1 + r_2 + ..., out] of a projection, gates and scales in A.

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
    """Cut the rank axis into blocks of equal size, the last one filled up with zeros.

    Blocks of one size make products of one shape, and those add their terms in one order. So where another adapter
    lies on the stack, or the adapters lie there as one, the same numbers are added in the same order, and an adapter
    whose B is zero adds exact zeros. In one product of all ranks the order, and with it the rounding, depends on how
    many there are.
    """
    size = CPU_BLOCK if jax.default_backend() == "cpu" else BLOCK
    spare = -a.shape[2] % size
    a, b = jnp.pad(a, ((0, 0), (0, 0), (0, spare))), jnp.pad(b, ((0, 0), (0, spare), (0, 0)))
    return tuple((a[:, :, at : at + size], b[:, at : at + size]) for at in range(0, a.shape[2], size))


def project(
    x: jax.Array, w: jax.Array, projection: str, slices: tuple, stack: Stack, dropout_key: jax.Array | None = None
) -> jax.Array:
    """Return x W + the sum over adapters of gate * scale * (x A) B for one projection of one layer, in float32.

    x is rounded to the type of W for the product with W alone. The sums stay in float32 and the adapters' part is added
    before anything is rounded: next to x W it may be smaller than bfloat16 can tell apart.

    Few tokens go through the factors. Many go through the sum W + gate * scale * A B, made for this call alone: that is
    the same map in fewer passes over the activations, and frozen adapters then cost next to nothing. Only in float32,
    where the sum keeps the small contributions that bfloat16 rounds away.

    Args:
      x: [..., in] activations.
      w: [in, out] the base's frozen weights.
      projection: the projection's name.
      slices: this layer's slices of `layer_slices(stack)`, with a key those of `layer_slices(stack, apart=True)`.
      stack: the stack itself, for its dropout.
      dropout_key: turns on each adapter's own dropout on its input; None (always, outside SFT) turns it off.

    Returns:
      [..., out] float32. An adapter whose B is zero adds an exact zero.
    """
    blocks = [block for part in slices for block in part.get(projection, ())]
    dropped = dropout_key is not None and any(adapter.lora.dropout for adapter in stack.adapters)
    if blocks and not dropped and _many_tokens(x, w):
        return _through_sum(x, w, tuple(blocks))
    if x.dtype == w.dtype == jnp.float32:
        y, precision = x @ w, None
    else:
        # By default some devices multiply float32 as bfloat16, and would round small steps of the factors away.
        y, precision = _rounded_product(x.astype(jnp.float32), w), jax.lax.Precision.HIGH
    update = delta(x, projection, slices, stack, dropout_key, precision)
    return y if update is None else y + update


@jax.custom_vjp
def _rounded_product(x: jax.Array, w: jax.Array) -> jax.Array:
    """Return x W in float32 for float32 x and bfloat16 W; operands are rounded to the type of W, gradients too."""
    return _rounded_forward(x, w)[0]


def _rounded_forward(x, w):
    x = x.astype(w.dtype)
    return jnp.matmul(x, w, preferred_element_type=jnp.float32), (x, w)


def _rounded_backward(saved, g):
    x, w = saved
    g = g.astype(w.dtype)
    x_rows, g_rows = (each.reshape(-1, each.shape[-1]) for each in (x, g))
    # The gradient of a frozen W is asked for by nobody, and so never computed under jit.
    return jnp.matmul(g, w.T, preferred_element_type=jnp.float32), _over_tokens(x_rows, g_rows).astype(w.dtype)


_rounded_product.defvjp(_rounded_forward, _rounded_backward)


def _many_tokens(x: jax.Array, w: jax.Array) -> bool:
    """Whether making W + A B takes fewer operations than applying A and B to every token, all in float32."""
    fan_in, fan_out = w.shape
    tokens = x.size // fan_in
    return x.dtype == w.dtype == jnp.float32 and tokens * (fan_in + fan_out) >= fan_in * fan_out


@jax.custom_vjp
def _through_sum(x: jax.Array, w: jax.Array, blocks: Blocks) -> jax.Array:
    """Return x (W + sum of A B) for blocks (A, B); x^T g is only for the gradient of W."""
    return x @ _summed(w, blocks)


def _summed(w, blocks):
    return w + functools.reduce(jnp.add, (a @ b for a, b in blocks))


def _through_sum_backward(saved, g):
    x, w, blocks = saved
    x_rows, g_rows = (each.reshape(-1, each.shape[-1]) for each in (x, g))
    # What nobody asks for, above all the gradient of W, is never computed under jit.
    d_blocks = tuple(_factor_gradients(x_rows, g_rows, *block) for block in blocks)
    return g @ _summed(w, blocks).T, _over_tokens(x_rows, g_rows), d_blocks


def _factor_gradients(x, g, a, b):
    u, d_u = jax.lax.optimization_barrier((x @ a, g @ b.T))
    # As (d_u^T x)^T: a CPU takes several times as long for x^T d_u, which is what XLA makes of it if it may.
    return jax.lax.optimization_barrier(_over_tokens(d_u, x)).T, _over_tokens(u, g)


def _over_tokens(left, right, precision=None):
    """left^T right for two arrays of rows, in float32."""
    contracted = (((0,), (0,)), ((), ()))
    return jax.lax.dot_general(left, right, contracted, precision=precision, preferred_element_type=jnp.float32)


_through_sum.defvjp(lambda x, w, blocks: (x @ _summed(w, blocks), (x, w, blocks)), _through_sum_backward)


def delta(
    x: jax.Array,
    projection: str,
    slices: tuple,
    stack: Stack,
    dropout_key: jax.Array | None = None,
    precision: jax.lax.Precision | None = None,
) -> jax.Array | None:
    """Sum over adapters of gate * scale * (x A) B for one projection of one layer; None if no adapter touches it.

    Args:
      x: [..., in] activations; they are widened to float32, the type of the factors.
      projection: the projection's name.
      slices: this layer's slices of `layer_slices`, as `project` takes them.
      stack: the stack itself, for its dropout.
      dropout_key: turns on each adapter's own dropout on its input; None (always, outside SFT) turns it off.
      precision: of the products.

    Returns:
      [..., out] float32, accumulated block by block, so that an adapter whose B is zero adds an exact zero.
    """
    total = None
    for index, part in enumerate(slices):
        inputs = x.astype(jnp.float32)
        rate = stack.adapters[index].lora.dropout if dropout_key is not None else 0.0
        if rate:
            inputs = _dropout(inputs, rate, jax.random.fold_in(dropout_key, index))
        for a, b in part.get(projection, ()):
            update = _expand(jnp.matmul(inputs, a, precision=precision), b, precision)
            total = update if total is None else total + update
    return total


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _expand(u: jax.Array, b: jax.Array, precision: jax.lax.Precision | None) -> jax.Array:
    """Return u [..., r] @ b [r, out], with the gradient of b as u^T g.

    Left to itself, differentiation writes it as (g^T u)^T, and a CPU then turns g [tokens, out] around in memory, which
    at rank 16 takes longer than the product.
    """
    return jnp.matmul(u, b, precision=precision)


def _expand_forward(u, b, precision):
    return jnp.matmul(u, b, precision=precision), (u, b)


def _expand_backward(precision, saved, g):
    u, b = saved
    u_rows, g_rows = (each.reshape(-1, each.shape[-1]) for each in (u, g))
    return jnp.matmul(g, b.T, precision=precision), _over_tokens(u_rows, g_rows, precision)


_expand.defvjp(_expand_forward, _expand_backward)


def _dropout(x: jax.Array, rate: float, key: jax.Array) -> jax.Array:
    keep = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(keep, x / (1.0 - rate), jnp.zeros_like(x))
