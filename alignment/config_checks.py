"""Holding the values of a configuration to the ranges and names that `alignment/config.py` declares.

Names that others may add to (arms, losses, reward presets, ...) live in registries of higher layers. They are imported
here, by name, when a value has to be looked up, and nothing else is loaded for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

from alignment.common.declaration import flatten, problem_of
from alignment.config import LEAVES
from alignment.errors import UserError

# Each registry is a mapping or a sequence of names, or a function that returns one.
REGISTRIES = {
    "arms": "alignment.arms:ARMS",
    "families": "alignment.data.vignettes:every_family",
    "losses": "alignment.objectives.family:LOSSES",
    "normalisers": "alignment.rewards.normalisers:NORMALISERS",
    "presets": "alignment.rewards.presets:PRESETS",
    "sources": "alignment.data.sources:every_source",
    "templates": "alignment.text.templates:TEMPLATES",
    "weightings": "alignment.rewards.weightings:WEIGHTINGS",
}


def check_config(config: ConfigDict, where: str = "--") -> None:
    """Check every leaf of `config` that is declared.

    Raises:
      UserError: a value is out of its range, unknown, not finite, or listed twice; the line begins with `where`.
    """
    for name, value in flatten(config).items():
        check_leaf(name, value, f"{where}config.{name}={show(value)}")


def check_leaf(name: str, value: Any, flag: str) -> None:
    """Check one leaf; a value that is the default is right by declaration, and one without a declaration is free.

    Raises:
      UserError: as `check_config`; the line begins with `flag`, the leaf and its value as they were written.
    """
    declared = LEAVES.get(name)
    if declared is None or value == declared.default:
        return
    problem = problem_of(value, declared, names_of(declared.registry))
    if problem:
        raise UserError(f"{flag}: {problem}")


def names_of(registry: str) -> Iterable[str]:
    """Return the names in the registry called `registry`, a key of `REGISTRIES`; none for ""."""
    if not registry:
        return ()
    module, _, attribute = REGISTRIES[registry].partition(":")
    entries = getattr(importlib.import_module(module), attribute)
    return tuple(entries() if callable(entries) else entries)


def show(value: Any) -> str:
    """Return a leaf the way it is typed on the command line (`true`, `0.1`, `base,modular`, `()`)."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(show(item) for item in value) or "()"
    return str(value)
