"""One LoRA adapter as a pure tree of arrays.

A `Lora` holds, for each adapted projection, the two low-rank factors of every layer, stacked on axis 0 so that
`lax.scan` can walk over the layers. This module does not know the model; shapes come as `{projection: (in, out)}`.
"""

from __future__ import annotations

import dataclasses
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


@dataclasses.dataclass(frozen=True)
class LoraConfig:
    """The shape of an adapter and how it starts: the leaves of `config.adapters.<name>`.

    `scaling` is lora (alpha / r) or rslora (alpha / sqrt r), `init` kaiming or gaussian (see `init_lora`).

    Raises:
      UserError: an unknown scaling or initialisation, or a rank below 1.
    """

    rank: int
    alpha: float
    targets: Sequence[str]
    scaling: str = "lora"
    init: str = "kaiming"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise UserError(f"adapter rank is {self.rank}; it must be at least 1")
        if self.scaling not in ("lora", "rslora"):
            raise UserError(f"adapter scaling {self.scaling!r} is unknown; use lora or rslora")
        if self.init not in ("kaiming", "gaussian"):
            raise UserError(f"adapter init {self.init!r} is unknown; use kaiming or gaussian")


def init_lora(key: jax.Array, shapes: Mapping[str, tuple[int, int]], num_layers: int, config: LoraConfig) -> Lora:
    """Return a fresh float32 adapter on projections of `shapes` {name: (in, out)}; its B is zero, so it adds nothing.

    A is drawn from U(-1/sqrt(in), 1/sqrt(in)) ("kaiming": torch's Kaiming initialisation with a = sqrt 5, fan-in is
    `in`) or from N(0, 1/r^2) ("gaussian", as in PEFT).

    Raises:
      UserError: a target that is no projection, or no target.
    """
    unknown = [name for name in config.targets if name not in shapes]
    if unknown or not config.targets:
        targets = unknown or config.targets
        raise UserError(f"adapter targets {targets!r} are not among {', '.join(shapes)}; correct the targets")
    modules = {}
    for index, (name, (fan_in, fan_out)) in enumerate(shapes.items()):
        if name in config.targets:
            # The key of a projection does not depend on which others are adapted.
            draw_key, shape = jax.random.fold_in(key, index), (num_layers, fan_in, config.rank)
            if config.init == "gaussian":
                a = jax.random.normal(draw_key, shape, jnp.float32) / config.rank
            else:
                bound = 1.0 / math.sqrt(fan_in)
                a = jax.random.uniform(draw_key, shape, jnp.float32, -bound, bound)
            modules[name] = {"a": a, "b": jnp.zeros((num_layers, config.rank, fan_out), jnp.float32)}
    return Lora(modules, config.rank, float(config.alpha), config.scaling, float(config.dropout))
