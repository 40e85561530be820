"""The families of the full scope, one file each, discovered in this folder.

A family is a function (rng, world, split) that draws an `Item`, or None when the draw failed. It draws the
options as a set before it draws which of them is right, so that the options alone give nothing away.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import random
from collections.abc import Callable, Mapping

from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item

Draw = Callable[[random.Random, World, str], "Item | None"]


@functools.cache
def families() -> Mapping[str, Draw]:
    """Return every family by the name of its file, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").draw for name in names}
