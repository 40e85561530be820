"""Fingerprints of arrays, and the environment of a run: the inputs of a run beside its configuration."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from typing import Any

import jax
import numpy as np

PyTree = Any

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def fingerprint(arrays: PyTree) -> str:
    """Return the SHA-256 of a pytree's names, dtypes, shapes and bits: equal exactly when the trees are equal."""
    digest = hashlib.sha256()
    for name, leaf in named_leaves(arrays).items():
        digest.update(f"{name} {describe(leaf)}\n".encode())
        digest.update(np.ascontiguousarray(to_host(leaf)).tobytes())
    return digest.hexdigest()


def environment() -> dict[str, Any]:
    """Return the versions, visible cores, devices and processes, on which the bits of a result depend."""
    versions = {package: importlib.metadata.version(package) for package in _PACKAGES}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "python": platform.python_version(),
        **versions,
        "cores": cores,
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "processes": jax.process_count(),
    }


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """Return {dotted name: leaf}, with names that are independent of how optax or flax nest their containers.

    Raises:
      ValueError: two leaves have the same dotted name.
    """
    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    named = {jax.tree_util.keystr(path, simple=True, separator=".") or "value": leaf for path, leaf in pairs}
    if len(named) != len(pairs):
        raise ValueError("two arrays of the tree have the same dotted name")
    return named


def is_key(leaf: Any) -> bool:
    """Return whether an array holds typed PRNG keys."""
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def describe(leaf: Any) -> str:
    """Return dtype and shape of an array, such as "float32[8,16]"."""
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def to_host(leaf: Any) -> np.ndarray:
    """Return an array, or the data of PRNG keys, as numpy."""
    return np.asarray(jax.device_get(jax.random.key_data(leaf) if is_key(leaf) else leaf))
