"""Write files atomically, locally or on `gs://`, and in UTF-8 whatever the locale is."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from etils import epath

from alignment.errors import UserError


def is_remote(path: epath.PathLike) -> bool:
    """Return whether `path` is in an object store, where files are replaced atomically and folders need not be made."""
    return "://" in str(path)


def write_bytes(path: epath.PathLike, content: bytes) -> None:
    """Write `path` atomically: a reader, or a run after a crash, sees the old file or the new one and never a part.

    The folder must exist. A local file is written under a temporary name, forced to the disk and renamed; an object
    store replaces an object only when it is complete.

    Raises:
      OSError: the file cannot be written; the error names `path`, which is unchanged.
    """
    path = epath.Path(path)
    if is_remote(path):
        path.write_bytes(content)
        return
    with naming(path):
        _replace(os.fspath(path), content)


def _replace(path: str, content: bytes) -> None:
    folder, name = os.path.split(path)
    # The name has the process id, since several runs may write one entry of a shared cache.
    unfinished = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise
    sync(folder or ".")


def write_text(path: epath.PathLike, text: str) -> None:
    """Write a UTF-8 text file as `write_bytes` does; a lone surrogate, which UTF-8 cannot hold, becomes "?"."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_json(path: epath.PathLike, content: Any) -> None:
    """Write `content` as strict, indented JSON; raises `ValueError` for a number that is not finite."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_text(path: epath.PathLike) -> str:
    """Return the text of a UTF-8 file; raises `UnicodeDecodeError`, a `ValueError`, where it is none."""
    return epath.Path(path).read_bytes().decode("utf-8")


def sync(path: epath.PathLike) -> None:
    """Force a local file or folder to the disk; object stores are durable on close."""
    if is_remote(path) or os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming(path: epath.PathLike) -> Iterator[None]:
    """Re-raise an `OSError` of the block as one that names `path`, not a temporary file beside it."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error


def make_folder(folder: epath.PathLike, flag: str) -> None:
    """Make `folder` and check, by writing, that files can be made in it.

    Raises:
      UserError: they cannot. The message begins with `flag`, which chose the folder ("--workdir=runs/demo"), and gives
        reason and remedy.
    """
    folder = epath.Path(folder)
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except Exception as error:  # noqa: BLE001 - an object store raises types of its own client
        raise UserError(
            f"{flag}: {folder} cannot be written ({reason_of(error)}); name a folder that can be"
        ) from error


def reason_of(error: BaseException) -> str:
    """Return the reason of an error in one line: the system's text of an `OSError`, else the first 200 characters."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())[:200] or type(error).__name__


def check_file(path: epath.PathLike) -> None:
    """Raise `UserError` where a folder has the name of the file to be written, or a file the name of its folder.

    It writes nothing, so that it can be called long before the file is made.
    """
    path = epath.Path(path)
    if is_remote(path):
        return
    if path.is_dir():
        raise UserError(f"{path} is a folder, but a file must be written there; move it away or choose another folder")
    parent = next(folder for folder in path.parents if os.path.lexists(folder))
    if not parent.is_dir():
        raise UserError(f"{parent} is a file, but a folder must be made there; move it away or choose another folder")
