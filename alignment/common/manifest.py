"""Seal folders with a manifest of SHA-256 hashes, written last, and find files that no longer match it.

Every folder that a later run may read (checkpoints, adapters, finished stages and arms) is sealed, since most readers
accept a flipped bit silently.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ml_dtypes  # noqa: F401  (numpy learns bfloat16 from it)
from etils import epath
from safetensors import SafetensorError, safe_open

from alignment.common.files import is_remote, read_text, sync, write_text
from alignment.common.finite import check_finite

MANIFEST = "MANIFEST.json"


def seal(folder: epath.PathLike, names: Sequence[str] | None = None) -> None:
    """Write `MANIFEST.json`, the SHA-256 of files under `folder`, atomically and after those are on disk.

    Args:
      folder: local or `gs://`.
      names: the files, relative to `folder`; None: every file under it.

    Raises:
      UserError: a safetensors file among them has a value that is not finite.
    """
    folder = epath.Path(folder)
    paths = sorted(_files(folder)) if names is None else [folder / name for name in sorted(names)]
    hashes = {}
    for path in paths:
        if path.suffix == ".safetensors":
            _check_tensors(path)
        sync(path)
        hashes[path.relative_to(folder).as_posix()] = sha256(path)
    write_text(folder / MANIFEST, json.dumps({"files": hashes, "digest": digest_of(hashes)}, indent=1))
    sync(folder.parent)


def _check_tensors(path: epath.Path) -> None:
    if is_remote(path):  # checked when it was written locally; downloading it again is slow
        return
    with contextlib.suppress(SafetensorError), safe_open(str(path), framework="np") as tensors:  # damaged
        for name in tensors.keys():  # noqa: SIM118 (a safetensors handle, no dict)
            check_finite({name: tensors.get_tensor(name)}, str(path))


def find_corruption(folder: epath.PathLike) -> str | None:
    """Return what is wrong with a sealed folder, or None when every file is as its manifest says."""
    folder = epath.Path(folder)
    if not (folder / MANIFEST).exists():
        return f"{MANIFEST} is missing (its save was not finished)"
    try:
        manifest = json.loads(read_text(folder / MANIFEST))
        hashes = dict(manifest["files"])
        if manifest["digest"] != digest_of(hashes):
            return f"{MANIFEST} is damaged"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return f"{MANIFEST} is damaged"
    for name, expected in hashes.items():
        try:
            if sha256(folder / name) != expected:
                return f"{name} is damaged (its SHA-256 is not the manifest's)"
        except OSError:
            return f"{name} is missing or cannot be read"
    return None


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a JSON object, whatever the order of its names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sha256(path: epath.PathLike) -> str:
    """Return the SHA-256 of a file; raises `OSError` where it cannot be read."""
    with epath.Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_claim(path: epath.Path) -> dict[str, Any] | None:
    """Return the settings that `run.store.claim` wrote to `path`; None where there are none or they are damaged."""
    try:
        settings = json.loads(read_text(path))
        digest = settings.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return settings if digest == digest_of(settings) else None


def _files(folder: epath.Path) -> Iterator[epath.Path]:
    for path in folder.iterdir():
        if path.is_dir():
            yield from _files(path)
        elif not path.name.startswith(MANIFEST):
            yield path
