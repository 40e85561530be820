"""Running a pure training step on several devices: `jit` over a sharded batch, or `pmap`.

Both sum gradients and token counts over the devices before the one division, so that their gradients are those of one
device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
from flax import jax_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from alignment.errors import UserError

AXIS = "data"
MODES = ("jit", "pmap")

PyTree = Any


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a computation, and how arrays are placed on them.

    `replicate` copies a tree to every device; `shard` cuts the leading axis of every array of a tree into equal parts,
    one a device. On one device both return the tree unchanged, on that device.
    """

    mode: str  # one of `MODES`
    devices: tuple[jax.Device, ...]
    replicate: Callable[[PyTree], PyTree]
    shard: Callable[[PyTree], PyTree]

    @property
    def count(self) -> int:
        """The number of devices."""
        return len(self.devices)


def choose_devices(mode: str = "jit", count: int = 0) -> Devices:
    """Return the first `count` local devices (0: all of them) for a step compiled by `mode`.

    Raises:
      UserError: an unknown mode, or more devices than there are.
    """
    if mode not in MODES:
        raise UserError(f"--config.parallel.mode={mode} is unknown; use one of {', '.join(MODES)}")
    devices = jax.local_devices()
    if not 0 <= count <= len(devices):
        raise UserError(
            f"--config.parallel.devices={count}, but {len(devices)} device(s) are available; lower it or use 0 for all"
        )
    chosen = tuple(devices[: count or len(devices)])
    if len(chosen) == 1:
        return Devices(mode, chosen, jax.device_put, jax.device_put)
    mesh = jax.make_mesh((len(chosen),), (AXIS,), axis_types=(AxisType.Auto,), devices=chosen)
    everywhere, rows = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(AXIS))
    return Devices(mode, chosen, lambda tree: jax.device_put(tree, everywhere), lambda tree: jax.device_put(tree, rows))


def compile_step(make_step: Callable[[str | None], Callable], devices: Devices) -> Callable:
    """Compile `make_step(axis_name)` into `run(state, frozen, batches) -> (state, metrics)`.

    Args:
      make_step: builds the pure step; its argument is the axis to sum over (pmap) or None (jit).
      devices: where it runs; the leading axis of every array in `batches` must be a multiple of their number. `frozen`
        must have been placed by `place_frozen`.
    """
    if devices.mode == "jit":
        compiled = jax.jit(make_step(None), donate_argnums=(0,))
        return lambda state, frozen, batches: compiled(devices.replicate(state), frozen, devices.shard(batches))
    # The state goes in and comes out unreplicated (axis None); the frozen tree was replicated by `place_frozen`.
    axes = {"in_axes": (None, 0, 0), "out_axes": None}
    mapped = jax.pmap(make_step(AXIS), axis_name=AXIS, devices=devices.devices, **axes)

    def run(state: PyTree, frozen: PyTree, batches: PyTree) -> tuple[PyTree, PyTree]:
        shards = jax.tree.map(lambda leaf: leaf.reshape(devices.count, -1, *leaf.shape[1:]), batches)
        return mapped(state, frozen, shards)

    return run


def place_frozen(frozen: PyTree, devices: Devices) -> PyTree:
    """Replicate the frozen tree in the way that the function returned by `compile_step` expects."""
    return jax_utils.replicate(frozen, devices.devices) if devices.mode == "pmap" else devices.replicate(frozen)
