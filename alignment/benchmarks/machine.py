"""The machine that figures were measured on: versions, processor, device, load, and its matrix product rate."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import platform
import re
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from alignment import __version__

SIDES = {"cpu": (512, 1024, 2048)}  # of the square matrices that are multiplied
ACCELERATOR_SIDES = (2048, 4096, 8192)


def describe() -> dict[str, str | int | float]:
    """Return versions and machine under the names of the CSV's columns."""
    device = jax.devices()[0]
    return {
        "version": __version__,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": importlib.metadata.version("jaxlib"),
        "platform": device.platform,
        "device": device.device_kind,
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
    }


def cpu_model() -> str:
    """Return the processor's name."""
    path = pathlib.Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else platform.processor() or platform.machine()


def load() -> float:
    """Return the one-minute load average: runnable processes, this one included."""
    return round(os.getloadavg()[0], 2)


def matmul_rate(dtype: str, sides: Sequence[int] = (), tries: int = 3) -> float:
    """Return the operations a second of square matrix products at default precision: the best of all sizes and tries.

    A product of two [n, n] matrices counts 2 n^3 operations.
    """
    rates = []
    for side in sides or SIDES.get(jax.default_backend(), ACCELERATOR_SIDES):
        x = jnp.ones((side, side), dtype)
        product = jax.jit(jnp.matmul).lower(x, x).compile()
        jax.block_until_ready(product(x, x))
        rates.append(2 * side**3 / min(_seconds(product, x) for _ in range(tries)))
    return max(rates)


def read_rate(megabytes: int = 0, tries: int = 3) -> float:
    """Return the bytes a second of summing one large array: the best of all tries."""
    megabytes = megabytes or (256 if jax.default_backend() == "cpu" else 4096)
    x = jnp.ones((megabytes * 256, 1024), jnp.float32)  # 1024 floats are 4 KiB
    total = jax.jit(jnp.sum).lower(x).compile()
    jax.block_until_ready(total(x))
    return x.nbytes / min(_seconds(lambda x, _: total(x), x) for _ in range(tries))


def _seconds(product, x: jax.Array) -> float:
    started = time.perf_counter()
    jax.block_until_ready(product(x, x))
    return time.perf_counter() - started
