"""One file a channel; every module of this package is imported here, so a new file is all that a new channel takes."""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
