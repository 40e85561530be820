"""Clinical calculators: every file of this folder registers its own."""

import importlib
import pkgutil

from alignment.knowledge.calculators.registry import CALCULATORS, Calculator, draw, evaluate

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["CALCULATORS", "Calculator", "draw", "evaluate"]
