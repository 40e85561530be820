"""Keeping compiled programs between runs, so that a resumed or repeated experiment starts at once."""

from __future__ import annotations

import os
import pathlib

import jax


def keep_compiled_programs() -> None:
    """Turn on JAX's persistent compilation cache, in the user's cache folder unless JAX_COMPILATION_CACHE_DIR says."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        jax.config.update("jax_compilation_cache_dir", str(folder / "clinical-alignment" / "jax"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
