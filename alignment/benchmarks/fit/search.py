"""Search the largest micro-batch that fits for every program of a grid; rows of the file are not compiled again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alignment.benchmarks.fit.grid import Program
from alignment.benchmarks.fit.results import Row, key, make_row
from alignment.benchmarks.results import append_csv
from alignment.common.progress import progress

MOST = 32  # prompts: a whole rollout of the recipe in one micro-batch
SLACK = 1.25  # a plan larger than the chip by more than this is not tried in full
Compile = Callable[[Program], Mapping[str, Any]]


class Known:
    """The rows of programs; a missing one is compiled and, where there is a file, appended to it at once.

    `stages` holds the functions that return the figures of a program, by the name of a stage (`results.STAGES`).
    """

    def __init__(self, stages: Mapping[str, Compile], versions: Row, rows: Iterable[Row] = (), path: str = "") -> None:
        self._stages, self._versions, self._path = stages, versions, path
        self._rows = {key(row): row for row in rows}
        self.made: list[Row] = []

    def row(self, program: Program, stage: str = "planned") -> Row:
        """Return the row of `program`, from the file or compiled now; a compiled one has all planned figures."""
        wanted = key(make_row(program, self._versions, {}))
        old = self._rows.get(wanted)
        if old is None or stage == "compiled" != old["stage"]:
            self._keep(wanted, self._make(program, stage, old or {}))
        return self._rows[wanted]

    def _make(self, program: Program, stage: str, old: Row) -> Row:
        before = {name: old[name] for name in ("available_gib", "planned_gib") if name in old}
        return make_row(program, self._versions, before | {"stage": stage} | dict(self._stages[stage](program)))

    def _keep(self, wanted: tuple[str, ...], row: Row) -> None:
        self._rows[wanted] = row
        self.made.append(row)
        if self._path:
            append_csv(self._path, [row], tuple(row))


def largest(program: Program, row_of: Callable[[Program], Row], most: int = MOST) -> int:
    """Return the largest power of two of prompts, up to `most`, whose plan fits; 0 if none does or compiling fails.

    Memory is a constant plus a part proportional to the prompts. A number of prompts that would not fit even if all
    of the memory were proportional is not tried.
    """
    prompts = most
    while True:
        row = row_of(dataclasses.replace(program, prompts=prompts))
        if row["fits"] == "yes":
            return prompts
        if row["fits"] == "error" or prompts == 1:
            return 0
        bound = prompts * float(row["available_gib"]) / float(row["planned_gib"])
        prompts = max(1, min(prompts // 2, 2 ** math.floor(math.log2(max(bound, 1)))))


def compile_largest(program: Program, known: Known, fits: int, most: int = MOST) -> int:
    """Compile the largest that fits to the end, the next larger first where its plan is within `SLACK` of the chip.

    Returns the prompts of the largest program that compiles.
    """
    more = dataclasses.replace(program, prompts=max(1, 2 * fits))
    if more.prompts <= most:
        row = known.row(more)
        is_near = row["fits"] != "error" and float(row["planned_gib"]) <= SLACK * float(row["available_gib"])
        if is_near and known.row(more, "compiled")["fits"] == "yes":
            return more.prompts
    if fits:
        known.row(dataclasses.replace(program, prompts=fits), "compiled")
    return fits


def run_grid(
    programs: Sequence[Program], against: Sequence[str], known: Known, most: int = MOST, whole: bool = False
) -> list[Row]:
    """Search every program of the grid; return its rows and, at the size that fits, those of the ways `against`."""
    rows = []
    with progress(len(programs), "fit", "search") as shown:
        for program in programs:
            prompts = largest(program, known.row, most)
            if whole:
                prompts = compile_largest(program, known, prompts, most)
            program = dataclasses.replace(program, prompts=max(1, prompts))
            stage = "compiled" if whole and prompts else "planned"
            rows += [known.row(dataclasses.replace(program, way=way), stage) for way in ("ours", *against)]
            sizes = f"{program.chip} {program.size} G={program.group} {program.length}+{program.length}"
            shown.update(headline=sizes)
    return rows
