"""The suites by name. Every file in `suites/` is a suite; only the requested one is imported.

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
    """Cases that do the same work, ours first, and the useful operations and bytes of that work."""

    cases: tuple[Case, ...]
    time_field: str  # the figure, in seconds, of which ratios and achieved fractions are computed
    useful_flops: float  # useful operations of one run, by the formulas of `flops`
    useful_bytes: float = 0.0  # bytes that one run must read, where reading bounds it


def suite_names() -> tuple[str, ...]:
    """Return the names of all suites."""
    return module_names(suites)


def build_suite(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite of `setting.suite`, with the cases named in `against` beside ours.

    Raises:
      UserError: the suite or a case is unknown.
    """
    if setting.suite not in suite_names():
        known = ", ".join(suite_names())
        raise UserError(f"--suite={setting.suite}: there is none of that name; use one of {known} or fit")
    module = importlib.import_module(f"{suites.__name__}.{setting.suite}")
    return module.build(setting, against)


def check_against(setting: Setting, against: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Raise `UserError` where `--against` names a case that the suite does not have."""
    for name in against:
        if name not in known:
            raise UserError(f"--against={name}: the suite {setting.suite} runs beside {', '.join(known)} only")
