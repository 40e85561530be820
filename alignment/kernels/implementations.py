"""Looking up an implementation of an operation by its name."""

from __future__ import annotations

import importlib
from types import ModuleType

from alignment.errors import UserError


def load_implementation(operation: str, name: str, names: tuple[str, ...]) -> ModuleType:
    """Return the module `alignment.kernels.<operation>.<name>`.

    Raises:
      UserError: `name` is not one of `names`.
    """
    if name not in names:
        raise UserError(f"{operation} has no implementation {name!r}; use one of {', '.join(names)}")
    return importlib.import_module(f"alignment.kernels.{operation}.{name}")
