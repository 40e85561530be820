"""Reward channels. This package imports all of its modules, so that the channels of a new file are registered."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
