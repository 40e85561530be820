"""A frozen linear map and the low-rank updates on top of it: x W + sum_i (x A_i) B_i (Hu et al. 2021, 2106.09685).

An implementation is a module of this folder with `lora_projections` below, under the same name and with the same
arguments (`implementation` left out).
"""

from __future__ import annotations

from typing import NamedTuple

import chex
import jax

from alignment.kernels.implementations import load_implementation

IMPLEMENTATIONS = ("xla", "reference")  # each is a module of this folder

Blocks = tuple[tuple[jax.Array, jax.Array], ...]  # pairs of A [in, r] and B [r, out]


class Update(NamedTuple):
    """Low-rank updates that read one input: x or, where `keep` [..., in] is given, dropout(x) at rate `rate`."""

    blocks: Blocks
    keep: jax.Array | None = None
    rate: float = 0.0


def lora_projection(x: jax.Array, w: jax.Array, updates: tuple[Update, ...], implementation: str = "xla") -> jax.Array:
    """Return x W + sum_i (x_i A_i) B_i in float32, where x_i is x or x with dropout.

    x is rounded to the type of W for the product with W. The sums stay in float32, and the updates are added before
    anything is rounded, because next to x W they may be smaller than bfloat16 can represent. The gradients are

        dx = g (W + sum_i A_i B_i)^T,   dA_i = x^T (g B_i^T),   dB_i = (x A_i)^T g,   dW = x^T g,

    each summed over all tokens; that of a frozen W is removed by the compiler.

    Args:
      x: [..., in] activations, float32 or bfloat16.
      w: [in, out] weights, float32 or bfloat16.
      updates: the factors, A_i [in, r] and B_i [r, out] in float32, with the adapters' gates and scales in A_i. With
        dropout, x_i is x / (1 - rate) where `keep` is true and 0 elsewhere.
      implementation: a name in `IMPLEMENTATIONS`.

    Returns:
      [..., out] float32. The updates are added block by block, so a block whose B is zero adds an exact zero.

    Raises:
      UserError: an unknown implementation.
    """
    return lora_projections(x, (w,), (updates,), implementation)[0]


def lora_projections(
    x: jax.Array,
    weights: tuple[jax.Array, ...],
    updates: tuple[tuple[Update, ...], ...],
    implementation: str = "xla",
) -> tuple[jax.Array, ...]:
    """Return `lora_projection(x, w, updates)` for several W [in, out_j] that read the same x, each with its updates."""
    chex.assert_shape(weights, (x.shape[-1], None))
    module = load_implementation("lora_projection", implementation, IMPLEMENTATIONS)
    return module.lora_projections(x, weights, updates)
