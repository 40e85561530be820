"""Keeping compiled programs between runs, and giving back the memory that compiling them took."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pathlib
from typing import Any

import jax

from alignment.common.files import is_remote, make_folder
from alignment.common.progress import warn
from alignment.errors import UserError

COMPILED = "/jax/core/compile/backend_compile_duration"  # JAX's event at the end of a compilation
WORTHWHILE = 0.2  # seconds of compiling, below which there is little to give back


def set_up_compilation() -> None:
    """What every run wants: programs kept on disk, the compiler's memory given back."""
    keep_compiled_programs()
    return_compiler_memory()


def keep_compiled_programs() -> None:
    """Turn on JAX's persistent compilation cache, in the user's cache folder unless JAX_COMPILATION_CACHE_DIR says.

    A resumed or repeated experiment then starts at once. Where the folder cannot be written, a warning says so, nothing
    is written, and what is there is still read.
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if folder is None:
        user = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        folder = str(user / "clinical-alignment" / "jax")
        jax.config.update("jax_compilation_cache_dir", folder)
    least = 0.5
    try:
        if folder and not is_remote(folder):
            make_folder(folder, "JAX_COMPILATION_CACHE_DIR")
    except UserError as error:
        least = float(2**31)  # seconds that no program takes to compile
        if not os.path.isdir(folder):  # of which JAX would warn at every program
            jax.config.update("jax_enable_compilation_cache", False)
        warn(f"warning: compiled programs are not kept: {error}")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least)


@functools.cache  # once a process
def return_compiler_memory() -> None:
    """From now on, give what the compiler freed back to the system after every compilation, before the program runs.

    The C library would keep it: on a CPU several hundred megabytes for one training step, beside the step's own.
    """

    def listen(event: str, duration: float, **_: Any) -> None:
        if event == COMPILED and duration >= WORTHWHILE:
            release_freed_memory()

    jax.monitoring.register_event_duration_secs_listener(listen)


def release_freed_memory() -> None:
    """Give memory that was freed, but kept by the C library, back to the system (glibc; elsewhere nothing happens)."""
    with contextlib.suppress(OSError, AttributeError):  # the second: a C library without malloc_trim
        ctypes.CDLL(None).malloc_trim(0)
