"""Running one pure step on the devices at hand: `jit` over a sharded batch, or a thin `pmap` wrapper.

Both sum gradients and counts over devices before the one division, so they give one device's gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from flax import jax_utils
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from alignment.errors import UserError

AXIS = "data"
MODES = ("jit", "pmap")

PyTree = Any


class Devices(NamedTuple):
    """The devices of a computation, and how arrays are placed on them.

    `replicate` puts a tree on all of them; `shard` cuts the leading axis of every array of a tree into equal parts,
    one a device. On one device both leave the tree where it is.
    """

    mode: str
    devices: tuple[jax.Device, ...]
    replicate: Callable[[PyTree], PyTree]
    shard: Callable[[PyTree], PyTree]


def choose_devices(mode: str = "jit", count: int = 0) -> Devices:
    """Return the first `count` local devices (0: all of them) under `mode`.

    Raises:
      UserError: an unknown mode, or more devices than there are.
    """
    if mode not in MODES:
        raise UserError(f"--config.parallel.mode={mode} is unknown; use one of {', '.join(MODES)}")
    devices = jax.local_devices()
    if not 0 <= count <= len(devices):
        raise UserError(
            f"--config.parallel.devices={count}, but {len(devices)} device(s) are here; lower it or use 0 for all"
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
      devices: the devices; the leading axis of every array in `batches` must be a multiple of their number.
        `frozen` is to be placed once, by `place_frozen`.
    """
    if devices.mode == "pmap":
        return _pmapped(make_step(AXIS), devices.devices)
    compiled = jax.jit(make_step(None), donate_argnums=(0,))
    return lambda state, frozen, batches: compiled(devices.replicate(state), frozen, devices.shard(batches))


def place_frozen(frozen: PyTree, devices: Devices) -> PyTree:
    """Put the frozen tree where `compile_step`'s result wants it."""
    if devices.mode == "pmap":
        return jax_utils.replicate(frozen, devices.devices)
    return devices.replicate(frozen)


def _pmapped(step: Callable, devices: Sequence[jax.Device]) -> Callable:
    # The state goes in and out whole (axis None); a batch is cut; the frozen tree was replicated once.
    mapped = jax.pmap(step, axis_name=AXIS, in_axes=(None, 0, 0), out_axes=None, devices=devices)
    parts = len(devices)

    def run(state: PyTree, frozen: PyTree, batches: PyTree) -> tuple[PyTree, PyTree]:
        shards = jax.tree.map(lambda leaf: leaf.reshape(parts, leaf.shape[0] // parts, *leaf.shape[1:]), batches)
        return mapped(state, frozen, shards)

    return run
