"""The suites by name. A file in `suites/` is a suite by being there; only the one asked for is imported.

A suite is a module with `build(setting, against) -> Suite`.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

from alignment.benchmarks import suites
from alignment.benchmarks.measure import Case
from alignment.benchmarks.setting import Setting
from alignment.common.registry import module_names
from alignment.errors import UserError


class Suite(NamedTuple):
    """What a suite measures: cases that do the same work, ours first, and how much of it is useful."""

    cases: tuple[Case, ...]
    time_field: str  # the figure, in seconds, that ratios and the share of the machine's rate are taken of
    useful_flops: float  # operations that one run cannot do without, by the formulas of `flops`
    useful_bytes: float = 0.0  # and what it must read, where that bounds it


def suite_names() -> tuple[str, ...]:
    """The names of all suites."""
    return module_names(suites)


def build_suite(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite of `setting.suite`, with the cases named in `against` beside ours.

    Raises:
      UserError: no such suite or case.
    """
    if setting.suite not in suite_names():
        known = ", ".join(suite_names())
        raise UserError(f"--suite={setting.suite}: there is none of that name; use one of {known} or fit")
    module = importlib.import_module(f"{suites.__name__}.{setting.suite}")
    return module.build(setting, against)


def check_against(setting: Setting, against: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raise `UserError` where a suite is asked for a case that it does not have."""
    for name in against:
        if name not in known:
            raise UserError(f"--against={name}: the suite {setting.suite} runs beside {', '.join(known)} only")
