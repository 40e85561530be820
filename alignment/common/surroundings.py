"""Errors of a run's surroundings (versions, disks, memory, devices, networks) in one line with the remedy.

Libraries raise errors of many types for conditions that only the user can change. `explain` turns them into one line;
any error that it does not know is a defect and keeps its traceback.
"""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping

from alignment.errors import UserError

OLDEST_PYTHON = (3, 11)
OLDEST_JAX = (0, 10, 2)
# For tests only: environment variables that hold a version of jax to assume, and a step that runs out of memory.
PRETENDED_JAX, PRETENDED_SHORTAGE = "ALIGNMENT_PRETEND_JAX_VERSION", "ALIGNMENT_PRETEND_OUT_OF_MEMORY"

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_WRONG_KIND = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY)
_NO_FILES_LEFT = (errno.EMFILE, errno.ENFILE)
_NO_NETWORK = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT)


def check_versions(env: Mapping[str, str] = os.environ) -> None:
    """Raise `UserError` where Python or jax is older than this package needs.

    Call it before importing jax, because a name that an old version lacks would raise an ImportError.
    """
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise UserError(f"Python {sys.version.split()[0]} is too old; make an environment with {wanted} or newer")
    try:
        version = env.get(PRETENDED_JAX) or importlib.metadata.version("jax")
    except importlib.metadata.PackageNotFoundError:
        raise UserError("jax is not installed; pip install clinical-alignment, or '.[cuda]' or '.[tpu]'") from None
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_JAX:
        wanted = ".".join(map(str, OLDEST_JAX))
        raise UserError(
            f"jax {version} is too old; this package needs {wanted} or newer: pip install -U 'jax>={wanted}'"
        )


def explain(error: BaseException) -> str | None:
    """Return one line with reason and remedy for an error that comes from the surroundings; None for any other."""
    for cause in _chain(error):
        line = (_explain_system(cause) if isinstance(cause, OSError) else None) or _explain_text(cause)
        if line:
            return " ".join(line.split())
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _explain_system(error: OSError) -> str | None:
    name = error.filename or "a file"
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{name}: the disk is full; free some space and run it again, what was finished before is intact"
    if error.errno == errno.ENOMEM:
        return _HOST_MEMORY
    if error.errno in _NO_FILES_LEFT:
        return f"{name}: too many open files; raise the limit with ulimit -n and run it again"
    if error.errno in _NO_NETWORK or (isinstance(error, ConnectionError) and not isinstance(error, BrokenPipeError)):
        return f"no network ({reason}); go online, or name local files and folders, and run it again"
    if error.filename is None:
        return None
    if error.errno in _FORBIDDEN:
        return f"{name}: {reason}; change its permissions, or name another file or folder"
    if error.errno in _WRONG_KIND:
        return f"{name}: {reason}; move it away, or name another folder"
    return None


_HOST_MEMORY = (
    "this machine is out of memory; use a smaller batch (--config.grpo.micro_batches and --config.sft.micro_batches "
    "higher, --config.rollout.sequences lower), end other programs or use a larger machine; the run goes on from its "
    "last checkpoint (with another batch: in a new --workdir)"
)
_DEVICE_MEMORY = (
    "the device is out of memory; use more micro-batches (--config.grpo.micro_batches, --config.sft.micro_batches), "
    "--config.model.remat=true, fewer sequences (--config.rollout.sequences) or --config.model.dtype=bfloat16; with "
    "fewer sequences the run goes on from its last checkpoint, the others need a new --workdir"
)


def is_memory_shortage(error: BaseException) -> bool:
    """Return whether the machine or a device has run out of memory; jax need not be imported."""
    of_jax = type(error).__name__ in ("XlaRuntimeError", "JaxRuntimeError")
    return isinstance(error, MemoryError) or (of_jax and "RESOURCE_EXHAUSTED" in str(error))


def _explain_text(error: BaseException) -> str | None:
    """Return the line of an error, recognised by type name and text, since jax may not be imported yet."""
    text = str(error)
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, MemoryError):
        return _HOST_MEMORY
    if is_memory_shortage(error):
        return _DEVICE_MEMORY
    if os.strerror(errno.ENOSPC) in text:  # tensorstore raises a ValueError, pyarrow an OSError without number
        return "the disk is full; free some space and run it again, what was finished before is intact"
    # The module of jax that looks for devices raises errors of many types and texts.
    in_bridge = bool(frames) and frames[-1].filename.replace(os.sep, "/").endswith("jax/_src/xla_bridge.py")
    if isinstance(error, RuntimeError | AssertionError) and in_bridge:
        platforms = os.environ.get("JAX_PLATFORMS", "")
        return (
            f"JAX_PLATFORMS={platforms}: JAX has no such device here ({text[:160] or 'none'}); "
            "unset JAX_PLATFORMS to use what there is, or install jax for the device, as in pip install -e '.[cuda]'"
        )
    return None


def pretend_shortage(step: int, env: Mapping[str, str] = os.environ) -> None:
    """Raise, before training step `step` (0-based), the error of an exhausted device or machine; for tests.

    The environment variable PRETENDED_SHORTAGE sets kind and step, as in "device@3" or "host@0"; without it nothing
    happens.
    """
    kind, _, when = env.get(PRETENDED_SHORTAGE, "").partition("@")
    if not kind or int(when) != step:
        return
    if kind == "host":
        raise MemoryError
    import jax

    raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 68719476736 bytes.")
