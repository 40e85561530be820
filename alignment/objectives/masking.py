"""Values at masked positions never reach arithmetic; they may be NaN or infinite.

Multiplying by a mask of 0 and 1 does not mask, since 0 x inf and 0 x NaN are NaN. `where` before the first operation
gives masked positions a value at which every later operation and its derivative are finite, and a gradient of 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def masked(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Return `values` with 0 where `mask` (booleans, or 0 and 1; broadcast against `values`) is false."""
    return jnp.where(jnp.asarray(mask, bool), values, jnp.zeros((), values.dtype))


def masked_sum(values: jax.Array, mask: jax.Array, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """Return the sum of `values` over the positions where `mask` is true."""
    return jnp.sum(masked(values, mask), axis=axis, keepdims=keepdims)
