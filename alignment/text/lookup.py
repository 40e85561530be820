"""Finding an entry of a registry by name, with a helpful refusal."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from alignment.errors import UserError

Entry = TypeVar("Entry")


def lookup(registry: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return `registry[name]`.

    Raises:
      UserError: no such entry; the message gives `kind`, the nearest known name and the whole list.
    """
    if name in registry:
        return registry[name]
    nearest = difflib.get_close_matches(name, registry, n=1, cutoff=0.0)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise UserError(f"unknown {kind} {name!r}; {hint}known: {', '.join(sorted(registry))}")
