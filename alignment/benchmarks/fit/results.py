"""Compiled programs as rows of docs/fit.csv, one for each program, whether it fits or not."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from typing import Any

from alignment import __version__
from alignment.benchmarks.fit.grid import Program
from alignment.benchmarks.results import four_digits

Row = Mapping[str, Any]

VERSIONS = ("jax", "libtpu")
WHAT = ("chip", "size", "group", "length", "way", "prompts")
STAGES = ("planned", "compiled")  # how far the program was compiled
MEMORY = (
    "available_gib",  # of one chip, by the compiler; the columns from arguments_gib on are of compiled programs only
    "planned_gib",  # what the compiler plans for, everything included, before it tries to reduce it
    "arguments_gib",
    "temporaries_gib",
    "output_gib",  # results that reuse no argument's memory
    "code_gib",
    "peak_gib",  # at the worst moment, everything included
)
WORK = (
    "useful_gflop",  # by the formulas of `benchmarks.flops`: what no exact computation can leave out
    "product_gflop",  # matrix products of the traced program, recomputed ones included
    "counted_gflop",  # by the compiler, which counts the body of a loop (the layers, the slices of the head) once
    "counted_gb",  # bytes accessed, 10^9, counted likewise
    "intensity",  # the compiler's operations a byte
)
COLUMNS = ("date", "version", "python", *VERSIONS, *WHAT, "stage", "fits", *MEMORY, *WORK, "compile_s", "reason")


def make_row(program: Program, versions: Row, figures: Row) -> dict[str, Any]:
    """Return the row of a program with the compiler's figures, empty where there is none."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = {"date": now, "version": __version__, "python": platform.python_version()} | dict(versions)
    row |= {name: getattr(program, name) for name in WHAT} | dict(figures)
    return {name: four_digits(row.get(name, "")) for name in COLUMNS}


def key(row: Row) -> tuple[str, ...]:
    """Return the program and the versions of the compiler that identify a row."""
    return tuple(str(row[name]) for name in (*VERSIONS, *WHAT))


def text_line(row: Row) -> str:
    """Return a row as one line for the terminal."""
    what = (
        f"{row['chip']} {row['size']} {row['way']}: {row['prompts']} x {row['group']} x {row['length']}+{row['length']}"
    )
    if row["fits"] == "error":
        return f"{what} refused: {row['reason']}"
    held = f"{row['peak_gib']} of {row['available_gib']} GiB, compiled" if row["peak_gib"] else ""
    held = held or f"{row['planned_gib']} of {row['available_gib']} GiB, planned"
    return f"{what} {'fits' if row['fits'] == 'yes' else 'does not fit'}: {held}"
