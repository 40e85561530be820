"""Safetensors and their neighbours on disk: complete files or none, local or `gs://`.

Shared by the adapter folders (PEFT layout) and the model folders (Hugging Face layout).
"""

from __future__ import annotations

import contextlib
import errno
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping

import ml_dtypes  # noqa: F401  (numpy learns bfloat16 from it)
import numpy as np
from etils import epath
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from alignment.common.files import is_remote, naming
from alignment.common.finite import all_finite, check_finite
from alignment.errors import UserError

FLOAT_TYPES = ("F64", "F32", "F16", "BF16")
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def staged(folder: str) -> Iterator[pathlib.Path]:
    """Yield a local scratch folder whose files move into `folder` only if the block ends without an error.

    A file of `folder` that the block does not write is left alone. `folder` is made if need be; it may be `gs://`.

    Raises:
      UserError: the disk is full. It names the file; whatever lay in `folder` is as it was.
    """
    target = epath.Path(folder)
    existed = target.exists()
    with contextlib.ExitStack() as stack:
        try:
            target.mkdir(parents=True, exist_ok=True)
            parent = None if is_remote(target) else str(target)  # the same disk, so that moving is renaming
            scratch = tempfile.TemporaryDirectory(prefix=".partial-", dir=parent, ignore_cleanup_errors=True)
            yield pathlib.Path(stack.enter_context(scratch))
            for file in sorted(pathlib.Path(scratch.name).iterdir()):
                if is_remote(target):
                    epath.Path(file).copy(target / file.name, overwrite=True)
                else:
                    file.replace(target / file.name)
        except BaseException as error:
            stack.close()
            if not existed and target.exists() and not any(target.glob("*")):
                target.rmdir()
            if not isinstance(error, OSError) or error.errno not in _FULL:
                raise
            file = target / pathlib.PurePath(error.filename or "").name
            raise UserError(f"{file}: the disk is full; free space and run again (earlier files are intact)") from error


def copy_file(source: epath.PathLike, path: pathlib.Path) -> None:
    """Copy a file, from `gs://` too; an `OSError` names the copy."""
    with _naming(path), epath.Path(source).open("rb") as original, path.open("wb") as copy:
        shutil.copyfileobj(original, copy)


def write_tensors(path: pathlib.Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write a safetensors file as torch programs expect it; an `OSError` names it.

    Raises:
      UserError: a value is not finite.
    """
    check_finite(tensors, path.name)
    with _naming(path):
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path, {"format": "pt"})
        path.chmod(0o644)  # the library makes files only their owner can read


@contextlib.contextmanager
def open_tensors(path: epath.PathLike) -> Iterator[safe_open]:
    """Open a safetensors file memory-mapped; a file in a bucket is fetched into a scratch folder first.

    Raises:
      UserError: the file is missing, cannot be read, is truncated or no safetensors file.
    """
    path = epath.Path(path)
    if not path.exists():
        raise UserError(f"{path}: not found; the folder is incomplete, fetch it again")
    if not is_remote(path) and path.is_dir():
        raise UserError(f"{path}: a folder, and not a safetensors file; name the file")
    with contextlib.ExitStack() as stack:
        local = path
        if is_remote(path):
            local = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())) / path.name
            copy_file(path, local)
        try:
            tensors = stack.enter_context(safe_open(str(local), framework="np"))
        except (SafetensorError, OSError) as error:  # an empty, an unreadable or a special file
            raise UserError(f"{path}: truncated or no safetensors file ({error}); fetch it again") from error
        yield tensors


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Re-raise an `OSError`, and a full disk reported by the safetensors library, with the file's name in it."""
    with naming(path):
        try:
            yield
        except SafetensorError as error:
            if f"os error {errno.ENOSPC}" not in str(error) and f"os error {errno.EDQUOT}" not in str(error):
                raise
            raise OSError(errno.ENOSPC, "No space left on device") from error


def check_loaded(tensor: np.ndarray, name: str, path: epath.PathLike) -> None:
    """Raise `UserError` naming file and tensor if a value is NaN or infinite."""
    if not all_finite(tensor):
        reason = f"holds values that are not finite (NaN or infinity) in {tensor.dtype}"
        raise UserError(f"{path}: tensor {name} {reason}; fetch or make the file again")
