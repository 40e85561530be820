"""Reading a stage's metrics.jsonl, also while it is being written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from etils import epath

from alignment.errors import UserError
from alignment.metric_schema import with_current_names

Row = dict[str, float]


def compile_times(curves: Mapping[str, Mapping[int, Sequence[Row]]]) -> list[dict[str, float | str]]:
    """Return how many programs the reward stage of each arm compiled and in how many seconds, from {arm: {seed: rows}}.

    An arm whose rows were written before they were counted is left out.
    """
    result = []
    for arm, seeds in curves.items():
        rows = [row for curve in seeds.values() for row in curve if "compilations" in row]
        if rows:
            total = {name: sum(row[name] for row in rows) for name in ("compilations", "time/compile", "time/step")}
            result.append({"arm": arm, "share": total["time/compile"] / total["time/step"]} | total)
    return result


def read_curve(path: str | epath.Path) -> list[Row]:
    """Return the metric rows of one stage in the order of their steps; [] where the file does not exist.

    A last line without its newline is still being written, or was cut short when the process was killed; it is left
    out. Where a step was written twice (by a run that was resumed), the later line counts. NaN and infinities stay in
    the rows as evidence. A file written before has its metrics under their present names.

    Raises:
      UserError: any other line is not a JSON object with a step.
    """
    path = epath.Path(path)
    if not path.exists():
        return []
    *complete, _ = path.read_bytes().split(b"\n")
    by_step: dict[int, Row] = {}
    for number, line in enumerate(complete, start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                raise UserError(
                    f"{path}:{number}: not a JSON object with a whole-numbered step; delete the damaged line"
                )
            by_step[row["step"]] = with_current_names(row)
    return [by_step[step] for step in sorted(by_step)]
