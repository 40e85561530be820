"""The definition, written plainly, in float32 and differentiated by JAX."""

from __future__ import annotations

import jax.numpy as jnp


def lora_projections(x, weights, updates):
    """Add the product with W and the products with each pair of factors, for one W after the other."""
    return tuple(_project(x, w, each) for w, each in zip(weights, updates, strict=True))


def _project(x, w, updates):
    y = jnp.matmul(x.astype(w.dtype), w, preferred_element_type=jnp.float32)
    for blocks, keep, rate in updates:
        inputs = x.astype(jnp.float32)
        inputs = inputs if keep is None else jnp.where(keep, inputs / (1.0 - rate), 0.0)
        y += sum((inputs @ a) @ b for a, b in blocks)
    return y
