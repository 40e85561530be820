"""Plain XLA, with the gradients written out so that no large array is transposed in memory.

Many float32 tokens are multiplied with the sum W + sum_i A_i B_i, which is formed for one call: this takes fewer passes
over the activations, and frozen adapters then cost almost nothing. Otherwise tokens are multiplied with the factors.
bfloat16 weights always take the second path, because a sum in bfloat16 would lose small updates.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np


def lora_projections(x, weights, updates):
    """See `api.lora_projections`. Several W are one product with their columns side by side, also without updates.

    Otherwise an adapter that adds zeros would change how the base rounds.
    """
    summed = tuple(_is_summed(x, w, each) for w, each in zip(weights, updates, strict=True))
    if all(summed):
        blocks = tuple(tuple(block for update in each for block in update.blocks) for each in updates)
        return _summed_products(x, weights, blocks)
    return tuple(_project(x, w, each) for w, each in zip(weights, updates, strict=True))


def _is_summed(x, w, updates):
    """Whether W + A B is formed for one call: where that takes fewer operations than A and B with every token."""
    fan_in, fan_out = w.shape
    has_many_tokens = (x.size // fan_in) * (fan_in + fan_out) >= fan_in * fan_out
    has_one_input = all(update.keep is None for update in updates)
    return has_one_input and has_many_tokens and x.dtype == w.dtype == jnp.float32


def _project(x, w, updates):
    if _is_summed(x, w, updates):
        return _summed_products(x, (w,), (tuple(block for update in updates for block in update.blocks),))[0]
    is_float32 = x.dtype == w.dtype == jnp.float32
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
def _summed_products(x: jax.Array, weights: tuple, blocks: tuple) -> tuple[jax.Array, ...]:
    """Return x (W_j + sum_i A_ji B_ji) [..., out_j] for each W_j [in, out_j], with A_ji [in, r] and B_ji [r, out_j]."""
    ends = np.cumsum([w.shape[1] for w in weights])
    return tuple(jnp.split(x @ sum_with_blocks(weights, blocks), ends[:-1], axis=-1))


def _summed_forward(x, weights, blocks):
    # Which W and which blocks need a gradient is kept as ((),) where one does and else (), static under tracing.
    leaves, tree = jax.tree.flatten((x, weights, blocks), is_leaf=lambda leaf: hasattr(leaf, "perturbed"))
    values = jax.tree.unflatten(tree, [leaf.value for leaf in leaves])
    trained = jax.tree.unflatten(tree, [((),) if leaf.perturbed else () for leaf in leaves])
    return _summed_products(*values), (*values, trained[1:])


def sum_with_blocks(weights, blocks):
    """[in, sum of out_j], the W_j + sum_i A_ji B_ji side by side."""
    sums = (functools.reduce(jnp.add, (a @ b for a, b in each), w) for w, each in zip(weights, blocks, strict=True))
    return jnp.concatenate(tuple(sums), axis=1)


def _summed_backward(residuals, gs):
    x, weights, blocks, (weight_trained, block_trained) = residuals
    g, x_rows = jnp.concatenate(gs, axis=-1), _rows(x)
    pairs = [
        (a, b, _rows(g_j))
        for each, flags, g_j in zip(blocks, block_trained, gs, strict=True)
        for (a, b), flag in zip(each, flags, strict=True)
        if any(flag)
    ]
    d_pairs = iter(_factor_gradients(x_rows, pairs) if pairs else ())
    d_blocks = tuple(tuple(next(d_pairs) if any(flag) else None for flag in flags) for flags in block_trained)
    d_weights = tuple(_over_tokens(x, g_j) if flag else None for flag, g_j in zip(weight_trained, gs, strict=True))
    return g @ sum_with_blocks(weights, blocks).T, d_weights, d_blocks


def _factor_gradients(x_rows, pairs):
    """Gradients (dA, dB) of pairs (A [in, r], B [r, out], g [T, out]) that read x [T, in]."""
    # All A side by side are one product, and so are their gradients. dA as (d_u^T x)^T: a CPU takes several times as
    # long for x^T d_u, the form that XLA would otherwise choose.
    u = x_rows @ jnp.concatenate([a for a, _, _ in pairs], axis=1)
    d_u = jnp.concatenate([g_rows @ b.T for _, b, g_rows in pairs], axis=1)
    u, d_u = jax.lax.optimization_barrier((u, d_u))
    d_a = jax.lax.optimization_barrier(_over_tokens(d_u, x_rows)).T
    ranks = np.cumsum([a.shape[1] for a, _, _ in pairs])[:-1]
    u_parts, d_as = (jnp.split(each, ranks, axis=1) for each in (u, d_a))
    return [(d, _over_tokens(part, g_rows)) for d, part, (_, _, g_rows) in zip(d_as, u_parts, pairs, strict=True)]


_summed_products.defvjp(_summed_forward, _summed_backward, symbolic_zeros=True)


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
