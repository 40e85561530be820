"""Items of an evaluation as they are done: one JSON line each, so that a run that ends early keeps what it has.

Each item is stored under a key made of everything that decides it, so that the same question to the same policy is
answered once, whichever call asks it. A line that is not whole, or not as it was written, is dropped and made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from etils import epath

from alignment.common.files import is_remote, write_bytes
from alignment.common.manifest import digest_of
from alignment.common.progress import warn

NAME = "journal.jsonl"


class ItemJournal:
    """The items of a folder by key; only one process may have it open (hold the folder's lock)."""

    def __init__(self, folder: epath.PathLike):
        self.path = epath.Path(folder) / NAME
        self.items: dict[str, dict[str, Any]] = {}
        data = self.path.read_bytes() if self.path.exists() else b""
        lines = [line for line in data.split(b"\n") if line.strip()]
        for entry in filter(None, map(_parse, lines)):
            self.items[entry["key"]] = entry["item"]
        self._text = b"".join(map(_line, self.items, self.items.values()))
        if dropped := sum(_parse(line) is None for line in lines):
            warn(f"{self.path}: {dropped} damaged line(s) dropped; those questions are answered again")
        if self._text != data:
            write_bytes(self.path, self._text)

    def append(self, key: str, item: Mapping[str, Any]) -> None:
        """Store an item; on a local disk it is written when this returns."""
        self.items[key] = dict(item)
        line = _line(key, item)
        if is_remote(self.path):  # object stores cannot append: written whole by `close`
            self._text += line
            return
        with open(self.path, "ab") as file:
            file.write(line)

    def close(self) -> None:
        """Write what an object store lacks."""
        if is_remote(self.path):
            write_bytes(self.path, self._text)


def _line(key: str, item: Mapping[str, Any]) -> bytes:
    entry = {"key": key, "item": item}
    return json.dumps(entry | {"sha256": digest_of(entry)}, allow_nan=False).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
        return entry if entry.pop("sha256") == digest_of(entry) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
