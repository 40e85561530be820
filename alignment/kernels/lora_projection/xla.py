"""Plain XLA, with the gradients written out so that no large array is transposed in memory.

Many float32 tokens are multiplied with the sum W + sum_i A_i B_i, which is formed for one call: this takes fewer passes
over the activations, and frozen adapters then cost almost nothing. Otherwise tokens are multiplied with the factors.
bfloat16 weights always take the second path, because a sum in bfloat16 would lose small updates.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp


def lora_projection(x, w, updates):
    """See `api.lora_projection`."""
    fan_in, fan_out = w.shape
    is_float32 = x.dtype == w.dtype == jnp.float32
    # Forming W + A B then takes fewer operations than applying A and B to every token.
    has_many_tokens = (x.size // fan_in) * (fan_in + fan_out) >= fan_in * fan_out
    blocks = tuple(block for update in updates for block in update.blocks)
    if blocks and is_float32 and has_many_tokens and all(update.keep is None for update in updates):
        return _summed_product(x, w, blocks)
    if is_float32:
        y, precision = x @ w, None
    else:
        # Some devices multiply float32 as bfloat16 by default, which would lose small changes of the factors.
        y, precision = _rounded_product(x.astype(jnp.float32), w), jax.lax.Precision.HIGH
    products = []
    for update in updates:
        inputs = x.astype(jnp.float32)
        if update.keep is not None:
            inputs = jnp.where(update.keep, inputs / (1.0 - update.rate), 0.0)
        products += [_expand(jnp.matmul(inputs, a, precision=precision), b, precision) for a, b in update.blocks]
    return y + functools.reduce(jnp.add, products) if products else y


@jax.custom_vjp
def _rounded_product(x: jax.Array, w: jax.Array) -> jax.Array:
    """Return x W [..., out] in float32 for float32 x [..., in] and bfloat16 W [in, out].

    Both operands of every product are bfloat16, in the gradients dx = g W^T and dW = x^T g too.
    """
    return _rounded_forward(x, w)[0]


def _rounded_forward(x, w):
    x = x.astype(w.dtype)
    return jnp.matmul(x, w, preferred_element_type=jnp.float32), (x, w)


def _rounded_backward(residuals, g):
    x, w = residuals
    g = g.astype(w.dtype)
    return jnp.matmul(g, w.T, preferred_element_type=jnp.float32), _over_tokens(x, g).astype(w.dtype)


_rounded_product.defvjp(_rounded_forward, _rounded_backward)


@jax.custom_vjp
def _summed_product(x: jax.Array, w: jax.Array, blocks: tuple) -> jax.Array:
    """Return x (W + sum_i A_i B_i) [..., out] for x [..., in], W [in, out], A_i [in, r] and B_i [r, out]."""
    return x @ _summed(w, blocks)


def _summed(w, blocks):
    return w + functools.reduce(jnp.add, (a @ b for a, b in blocks))


def _summed_backward(residuals, g):
    x, w, blocks = residuals
    d_blocks = []
    for a, b in blocks:
        x_rows, g_rows = _rows(x), _rows(g)
        u, d_u = jax.lax.optimization_barrier((x_rows @ a, g_rows @ b.T))
        # dA as (d_u^T x)^T: a CPU takes several times as long for x^T d_u, the form that XLA would otherwise choose.
        d_blocks.append((jax.lax.optimization_barrier(_over_tokens(d_u, x_rows)).T, _over_tokens(u, g_rows)))
    return g @ _summed(w, blocks).T, _over_tokens(x, g), tuple(d_blocks)


_summed_product.defvjp(lambda x, w, blocks: (x @ _summed(w, blocks), (x, w, blocks)), _summed_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _expand(u: jax.Array, b: jax.Array, precision: jax.lax.Precision | None) -> jax.Array:
    """Return u B [..., out] for u [..., r] and B [r, out], with du = g B^T and dB = u^T g.

    JAX differentiates the product to dB = (g^T u)^T, for which a CPU transposes g [tokens, out] in memory. At rank 16
    that takes longer than the product.
    """
    return jnp.matmul(u, b, precision=precision)


_expand.defvjp(
    lambda u, b, precision: (jnp.matmul(u, b, precision=precision), (u, b)),
    lambda precision, residuals, g: (
        jnp.matmul(g, residuals[1].T, precision=precision),
        _over_tokens(residuals[0], g, precision),
    ),
)


def _over_tokens(left, right, precision=None):
    """Return left^T right [i, j], summed in float32 over all tokens of left [..., i] and right [..., j]."""
    contracted = (((0,), (0,)), ((), ()))
    left, right = _rows(left), _rows(right)
    return jax.lax.dot_general(left, right, contracted, precision=precision, preferred_element_type=jnp.float32)


def _rows(x):
    return x.reshape(-1, x.shape[-1])
