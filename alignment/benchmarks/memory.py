"""Peak memory of this process and of its accelerator, in MB of 10^6 bytes."""

from __future__ import annotations

import contextlib
import gc
import pathlib
import re
import resource
import sys

import jax

from alignment.parallel.compilation import release_freed_memory

PROCESS = pathlib.Path("/proc/self")


def reset_peak() -> None:
    """Reset the process's peak memory to its present use on Linux; do nothing elsewhere.

    Freed memory that the allocator holds, mostly of compilations, is returned to the system first.
    """
    gc.collect()
    release_freed_memory()
    with contextlib.suppress(OSError):
        (PROCESS / "clear_refs").write_text("5", encoding="utf-8")


def peak_rss_mb() -> float:
    """Return the peak memory since `reset_peak`, or since the process began where the system does not reset it."""
    with contextlib.suppress(OSError):
        match = re.search(r"^VmHWM:\s*(\d+) kB", (PROCESS / "status").read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return int(match[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def peak_device_mb() -> float | None:
    """Return the first device's peak memory since the process began; None where it reports none, as on a CPU."""
    stats = jax.devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 1e6 if "peak_bytes_in_use" in stats else None
