"""Tables of entries that a user names: look an entry up, or refuse a wrong name with the nearest known one.

A registry is a plain dict from name to entry (losses, reward channels, presets, arms). Where a new file of a folder
is a new entry, `module_names` lists the files.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Iterable, Mapping
from types import ModuleType
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
    raise UserError(f"unknown {kind} {name!r}; {did_you_mean(name, registry)}known: {', '.join(sorted(registry))}")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return "did you mean 'x'? " with the name nearest to `name`, or "" where there is none."""
    nearest = difflib.get_close_matches(name, list(names), n=1, cutoff=0.0)
    return f"did you mean {nearest[0]!r}? " if nearest and nearest[0] else ""


def module_names(package: ModuleType) -> tuple[str, ...]:
    """Return the names of the modules in the folder of `package`, sorted, without importing them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))
