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
    """Let the process's high-water mark start again from what it needs now (Linux; elsewhere nothing happens).

    What the allocator keeps of memory freed before, a compilation's above all, goes back to the system first.
    """
    gc.collect()
    release_freed_memory()
    with contextlib.suppress(OSError):
        (PROCESS / "clear_refs").write_text("5", encoding="utf-8")


def peak_rss_mb() -> float:
    """The most memory held since `reset_peak`; where the system does not tell, since the process began."""
    with contextlib.suppress(OSError):
        match = re.search(r"^VmHWM:\s*(\d+) kB", (PROCESS / "status").read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return int(match[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def peak_device_mb() -> float | None:
    """The most memory that the first device has held since the process began; None where it does not tell (a CPU)."""
    stats = jax.devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 1e6 if "peak_bytes_in_use" in stats else None
