"""Checkpoints that are either whole or not used: Orbax for the arrays, a SHA-256 manifest written last.

    <folder>/<step>/arrays/        the arrays, by Orbax
    <folder>/<step>/state.json     step, names and shapes of the arrays, the caller's meta, the environment
    <folder>/<step>/MANIFEST.json  the SHA-256 of every file above

A save happens in `<step>.tmp`, is renamed, and only then sealed by the manifest, so that a kill at any instant leaves
either a sealed step or one that is recognised as unfinished. Orbax alone restores bit-flipped arrays without an error;
hence nothing is restored before every hash has been compared. Folders may be local or `gs://`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from alignment.common.files import is_remote, read_text, write_text
from alignment.common.fingerprint import describe, environment, is_key, named_leaves, to_host
from alignment.common.finite import check_finite
from alignment.common.manifest import MANIFEST, find_corruption, seal
from alignment.errors import UserError

_STATE = "state.json"
_LAYOUT = 4  # of the arrays and the meta of a stage; 4: with the widths of a reward stage
_ARRAYS = "arrays"
_STEP = re.compile(r"([0-9]+)(\.tmp)?")

PyTree = Any


# --- save -------------------------------------------------------------------------------------------------------------


def save(folder: epath.PathLike, step: int, arrays: PyTree, meta: Mapping[str, Any], keep: int = 2) -> None:
    """Write `arrays` and `meta` as checkpoint `step` of `folder`, then delete all but the newest `keep`.

    `arrays` is any pytree of jax or numpy arrays (none of them empty) and may hold typed PRNG keys; `meta` is JSON.
    Steps above `step` belong to a line of training that was abandoned and are deleted too. Nothing but an earlier
    attempt at the same step is deleted before the new one is complete.

    Raises:
        UserError: an array holds a value that is not finite, or the disk is full; the earlier checkpoints are intact.
    """
    folder = epath.Path(folder)
    unfinished = folder / f"{step}.tmp"
    try:
        _write(unfinished, step, arrays, meta)
        _publish(unfinished, folder / str(step))
    except BaseException as error:
        _remove(unfinished)
        if _is_disk_full(error):
            raise UserError(
                f"{folder}: the disk is full, so step {step} was not saved (earlier checkpoints are intact); "
                "free some space and run the same command again"
            ) from error
        raise
    _prune(folder, step, keep)


def _write(target: epath.Path, step: int, arrays: PyTree, meta: Mapping[str, Any]) -> None:
    leaves = named_leaves(arrays)
    values = {name: to_host(leaf) for name, leaf in leaves.items()}
    check_finite(values, f"checkpoint {target.with_suffix('')}")
    _remove(target)
    target.mkdir(parents=True)
    state = {
        "layout": _LAYOUT,
        "step": step,
        "leaves": {name: describe(leaf) for name, leaf in leaves.items()},
        "keys": {name: str(jax.random.key_impl(leaf)) for name, leaf in leaves.items() if is_key(leaf)},
        "meta": dict(meta),
        "environment": environment(),
    }
    write_text(target / _STATE, json.dumps(state, indent=1, allow_nan=False))
    _reserve(target, values)
    with _one_message(), ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(_absolute(target / _ARRAYS), values)


def _reserve(folder: epath.Path, values: Mapping[str, np.ndarray]) -> None:
    """Raise `OSError` where the disk of a local folder lacks the room for these arrays.

    When one write fails, Orbax closes its event loop over those under way, and each prints a traceback at a time of its
    own. So nothing is begun that cannot end. Beside the arrays Orbax 0.12 writes at most 2 KiB an array and 64 KiB.
    """
    if is_remote(folder) or not hasattr(os, "posix_fallocate"):
        return
    size = sum(value.nbytes + 2048 for value in values.values()) + 65536
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):  # any other: this file system cannot tell
                raise


@contextlib.contextmanager
def _one_message() -> Iterator[None]:
    # A failing Orbax thread logs its traceback three times over before it raises; the exception says it all.
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _publish(unfinished: epath.Path, final: epath.Path) -> None:
    # On object stores a folder is renamed file by file; the manifest after it is what makes the step count.
    _remove(final)
    unfinished.rename(final)
    try:
        seal(final)
    except BaseException:
        _remove(final)
        raise


def _prune(folder: epath.Path, step: int, keep: int) -> None:
    sealed = [other for other, path in _steps(folder) if other <= step and (path / MANIFEST).exists()]
    retained = set(sealed[: max(keep, 1)])
    for other, path in _steps(folder):
        if other not in retained or path.name.endswith(".tmp"):
            _remove(path)


# --- restore ----------------------------------------------------------------------------------------------------------


def restore_latest(
    folder: epath.PathLike, like: PyTree, log: Callable[[str], Any] = print
) -> tuple[int, PyTree, dict[str, Any]] | None:
    """Return (step, arrays, meta) of the newest intact checkpoint of `folder`, or None where there is none.

    `like` gives the structure, and its leaves (arrays or `jax.ShapeDtypeStruct`) the expected shapes, dtypes and
    placement. Damaged and unfinished steps are passed over; `log` is told which, why, and the step used instead, and
    where versions, cores or devices differ from those that wrote it (a rerun is then not bit-identical).

    Raises:
        UserError: the checkpoint was written in another layout, or holds other arrays than `like` asks for.
    """
    skipped = []
    for step, path in _steps(epath.Path(folder)):
        reason = "its save was not finished" if path.name.endswith(".tmp") else find_corruption(path)
        if reason:
            skipped.append(f"checkpoint {path}: {reason}")
            continue
        _tell(log, skipped, f"falling back to step {step}")
        return _restore(path, like, log)
    _tell(log, skipped, "no earlier checkpoint is intact, so training starts from its beginning")
    return None


def _tell(log: Callable[[str], Any], skipped: list[str], remedy: str) -> None:
    for reason in skipped:
        log(f"{reason}; {remedy}")


def _restore(path: epath.Path, like: PyTree, log: Callable[[str], Any]) -> tuple[int, PyTree, dict[str, Any]]:
    state = json.loads(read_text(path / _STATE))
    if state.get("layout") != _LAYOUT:
        raise UserError(
            f"{path}: written by another version of this package, which held its state in another form; delete "
            f"{path.parent.parent} to start this stage again, or choose another --workdir"
        )
    wanted = named_leaves(like)
    for name in sorted(state["leaves"].keys() | wanted.keys()):
        written = state["leaves"].get(name, "absent")
        expected = describe(wanted[name]) if name in wanted else "absent"
        if written != expected:
            raise UserError(
                f"{path}: {name} is {written} in the checkpoint but {expected} in this run; "
                "use the settings it was written with or another --workdir"
            )
    with ocp.StandardCheckpointer() as checkpointer:
        values = checkpointer.restore(_absolute(path / _ARRAYS))
    leaves = [_place(values[name], state["keys"].get(name), leaf) for name, leaf in wanted.items()]
    before = state["environment"]
    for name, value in environment().items():
        if before.get(name) != value:
            change = f"{name} was {before.get(name)} and is {value}"
            log(f"checkpoint {path}: {change}; the continued run may differ in the last bits")
    return state["step"], jax.tree.unflatten(jax.tree.structure(like), leaves), state["meta"]


def _place(value: np.ndarray, key_impl: str | None, like: Any) -> Any:
    """Put a restored array where `like` lies; an uncommitted array stays free to follow the others of a computation."""
    if isinstance(like, np.ndarray | np.generic):
        return value
    restored = jnp.array(value)  # a copy: it may be donated later, the buffer it came from may not
    if key_impl:
        restored = jax.random.wrap_key_data(restored, impl=key_impl)
    free = not like.committed if isinstance(like, jax.Array) else like.sharding is None
    return restored if free else jax.device_put(restored, like.sharding)


# --- folders ----------------------------------------------------------------------------------------------------------


def _steps(folder: epath.Path) -> list[tuple[int, epath.Path]]:
    """The step folders, newest first; of two for one step the published one first."""
    if not folder.exists():
        return []
    matches = [(match, path) for path in folder.iterdir() if (match := _STEP.fullmatch(path.name))]
    matches.sort(key=lambda pair: (-int(pair[0][1]), pair[1].name.endswith(".tmp")))
    return [(int(match[1]), path) for match, path in matches]


def _absolute(path: epath.Path) -> epath.Path:
    # Orbax refuses relative paths; everywhere else the reader sees the path as it was typed.
    return path if "://" in str(path) else epath.Path(os.path.abspath(path))


def _remove(path: epath.Path) -> None:
    if path.exists():
        path.rmtree()


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether `error` or one it came from says so; tensorstore reports it in the text of a ValueError only."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
