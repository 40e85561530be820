"""Reading a stage's metrics.jsonl back, also while it is being written."""

from __future__ import annotations

import json

from etils import epath

from alignment.errors import UserError

Row = dict[str, float]


def read_curve(path: str | epath.Path) -> list[Row]:
    """Return the metric rows of one stage in the order of their steps; [] where the file does not exist.

    A last line without its newline is a write in progress or cut short by a kill, and is left out. Where a step was
    written twice (a run that was resumed), the later line counts. NaN and infinities are kept: they are evidence.

    Raises:
      UserError: any other line is not a JSON object with a step.
    """
    path = epath.Path(path)
    if not path.exists():
        return []
    *complete, _ = path.read_bytes().split(b"\n")
    rows = [_row(line, f"{path}:{number}") for number, line in enumerate(complete, start=1) if line.strip()]
    by_step = {row["step"]: row for row in rows}
    return [by_step[step] for step in sorted(by_step)]


def _row(line: bytes, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        raise UserError(f"{where}: not a JSON object with a whole-numbered step; delete the damaged line")
    return row
