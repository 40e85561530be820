"""Compiled programs as rows of docs/fit.csv, one a program, whether it fits or not."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from typing import Any

from alignment import __version__
from alignment.benchmarks.fit.grid import Program

Row = Mapping[str, Any]

VERSIONS = ("jax", "libtpu")
WHAT = ("chip", "size", "group", "length", "way", "prompts")
STAGES = ("planned", "compiled")  # how far the compiler was asked to go
MEMORY = (
    "available_gib",  # of one chip, by the compiler; the columns from arguments_gib on are of compiled programs only
    "planned_gib",  # what the compiler plans for, everything included, before it tries to make do with less
    "arguments_gib",
    "temporaries_gib",
    "output_gib",  # results that take no argument's place
    "code_gib",
    "peak_gib",  # at the worst moment, everything included
)
WORK = (
    "useful_gflop",  # by formula: what no exact way of computing it can leave out
    "product_gflop",  # matrix products of the traced program, with all that is computed twice
    "counted_gflop",  # by the compiler, which counts the body of a loop (the layers, the slices of the head) once
    "counted_gb",  # bytes accessed, 10^9, counted likewise
    "intensity",  # the compiler's operations a byte
)
COLUMNS = ("date", "version", "python", *VERSIONS, *WHAT, "stage", "fits", *MEMORY, *WORK, "compile_s", "reason")


def make_row(program: Program, versions: Row, figures: Row) -> dict[str, Any]:
    """The row of a program: what it is and what the compiler said of it, empty where it said nothing."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"date": now, "version": __version__, "python": platform.python_version()} | dict(versions)
    row |= {name: getattr(program, name) for name in WHAT} | dict(figures)
    return {name: _rounded(row.get(name, "")) for name in COLUMNS}


def key(row: Row) -> tuple[str, ...]:
    """What a row is of: program and versions of the compiler."""
    return tuple(str(row[name]) for name in (*VERSIONS, *WHAT))


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def text_line(row: Row) -> str:
    """A row as a person at a terminal reads it."""
    what = (
        f"{row['chip']} {row['size']} {row['way']}: {row['prompts']} x {row['group']} x {row['length']}+{row['length']}"
    )
    if row["fits"] == "error":
        return f"{what} refused: {row['reason']}"
    held = f"{row['peak_gib']} of {row['available_gib']} GiB, compiled" if row["peak_gib"] else ""
    held = held or f"{row['planned_gib']} of {row['available_gib']} GiB, planned"
    return f"{what} {'fits' if row['fits'] == 'yes' else 'does not fit'}: {held}"
