"""One LoRA adapter as a pure tree of arrays.

A `Lora` holds, for each adapted projection, the two low-rank factors of every layer, stacked on axis 0 so that
`lax.scan` can walk over the layers. Nothing here knows the model: shapes come in as `{projection: (in, out)}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from flax import struct

from alignment.errors import UserError

Modules = dict[str, dict[str, jax.Array]]


@struct.dataclass
class Lora:
    """Low-rank update of some projections: `x W0 + scale * (x A) B` with A [L, in, r] and B [L, r, out]."""

    modules: Modules
    rank: int = struct.field(pytree_node=False)
    alpha: float = struct.field(pytree_node=False)
    scaling: str = struct.field(pytree_node=False, default="lora")
    dropout: float = struct.field(pytree_node=False, default=0.0)

    @property
    def scale(self) -> float:
        """Alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA (Kalajdzievski 2023, 2312.03732)."""
        return self.alpha / (math.sqrt(self.rank) if self.scaling == "rslora" else self.rank)


def init_lora(
    key: jax.Array,
    shapes: Mapping[str, tuple[int, int]],
    num_layers: int,
    *,
    rank: int,
    alpha: float,
    targets: Sequence[str],
    scaling: str = "lora",
    init: str = "kaiming",
    dropout: float = 0.0,
) -> Lora:
    """Return a fresh float32 adapter whose B is zero, so that it changes nothing until it is trained.

    A is drawn from U(-1/sqrt(in), 1/sqrt(in)) ("kaiming": torch's Kaiming initialisation with a = sqrt 5, fan-in is
    `in`) or from N(0, 1/r^2) ("gaussian", as in PEFT).

    Raises:
      UserError: an unknown projection, scaling or initialisation, or a rank below 1.
    """
    _check(shapes, rank, targets, scaling, init)
    modules = {}
    for index, name in enumerate(shapes):  # the key of a projection does not depend on which others are adapted
        if name in targets:
            fan_in, fan_out = shapes[name]
            a = _draw(jax.random.fold_in(key, index), (num_layers, fan_in, rank), init)
            modules[name] = {"a": a, "b": jnp.zeros((num_layers, rank, fan_out), jnp.float32)}
    return Lora(modules, rank=rank, alpha=float(alpha), scaling=scaling, dropout=float(dropout))


def _draw(key: jax.Array, shape: tuple[int, int, int], init: str) -> jax.Array:
    if init == "gaussian":
        return jax.random.normal(key, shape, jnp.float32) / shape[-1]
    bound = 1.0 / math.sqrt(shape[1])
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)


def _check(shapes: Mapping[str, tuple[int, int]], rank: int, targets: Sequence[str], scaling: str, init: str) -> None:
    unknown = [name for name in targets if name not in shapes]
    if unknown or not targets:
        raise UserError(
            f"adapter targets {unknown or targets!r} are not among {', '.join(shapes)}; correct the targets"
        )
    if rank < 1:
        raise UserError(f"adapter rank is {rank}; it must be at least 1")
    if scaling not in ("lora", "rslora"):
        raise UserError(f"adapter scaling {scaling!r} is unknown; use lora or rslora")
    if init not in ("kaiming", "gaussian"):
        raise UserError(f"adapter init {init!r} is unknown; use kaiming or gaussian")
