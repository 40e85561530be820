"""Caching compiled programs on disk, and returning the memory that compiling them took to the system."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import jax

from alignment.common.files import is_remote, make_folder
from alignment.common.progress import warn
from alignment.errors import UserError

COMPILED = "/jax/core/compile/backend_compile_duration"  # the event that JAX records at the end of a compilation
MIN_KEPT = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"  # JAX's own variable; without it, half a second
MIN_SECONDS = 0.2  # a shorter compilation leaves little memory to return, and is not counted


def set_up_compilation() -> None:
    """Set up what every run needs: the cache on disk, and the release of the compiler's memory."""
    cache_compiled_programs()
    return_compiler_memory()


def cache_compiled_programs() -> None:
    """Turn on JAX's persistent compilation cache, in JAX_COMPILATION_CACHE_DIR or else the user's cache folder.

    A resumed or repeated experiment then compiles little: a program is kept if it took half a second to compile, or the
    seconds in JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS. A folder that cannot be written gives a warning, and the
    programs in it are still read.
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if folder is None:
        user = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        folder = str(user / "clinical-alignment" / "jax")
        jax.config.update("jax_compilation_cache_dir", folder)
    min_seconds = float(os.environ.get(MIN_KEPT) or 0.5)
    try:
        if folder and not is_remote(folder):
            make_folder(folder, "JAX_COMPILATION_CACHE_DIR")
    except UserError as error:
        min_seconds = float(2**31)  # longer than any compilation takes
        if not os.path.isdir(folder):  # JAX would warn of it at every program
            jax.config.update("jax_enable_compilation_cache", False)
        warn(f"warning: compiled programs are not kept: {error}")
    jax.config.update("jax_persistent_cache_min_compile_time_secs", min_seconds)


@functools.cache  # once a process
def watch_compilations() -> Callable[[], tuple[int, float]]:
    """Return a function that tells how many programs were compiled since the first call, and in how many seconds.

    A program that took less than `MIN_SECONDS`, such as a single operation or one that the cache on disk held, counts
    in the seconds alone.
    """
    programs, seconds = 0, 0.0

    def listen(event: str, duration: float, **_: Any) -> None:
        nonlocal programs, seconds
        if event == COMPILED:
            programs += duration >= MIN_SECONDS
            seconds += duration

    jax.monitoring.register_event_duration_secs_listener(listen)
    return lambda: (programs, seconds)


@functools.cache  # once a process
def return_compiler_memory() -> None:
    """Register a listener that returns freed memory to the system after every compilation, before the program runs.

    The C library would hold it back: on a CPU several hundred megabytes beyond those that a training step needs.
    """

    def listen(event: str, duration: float, **_: Any) -> None:
        if event == COMPILED and duration >= MIN_SECONDS:
            release_freed_memory()

    jax.monitoring.register_event_duration_secs_listener(listen)


def release_freed_memory() -> None:
    """Return freed memory from the C library to the system, where it is glibc; elsewhere do nothing."""
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: a C library without malloc_trim
        ctypes.CDLL(None).malloc_trim(0)
