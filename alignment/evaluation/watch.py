"""Which symptoms of reward hacking a stage showed, and since which step, read off its metric rows."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence

from alignment.rewards.watch import SYMPTOMS, Limits

Row = Mapping[str, float | None]


def watch_summary(rows: Sequence[Row] | None, limits: Limits) -> dict:
    """Summarise the `watch/` metrics of one GRPO run, in the order of its steps.

    Returns:
      `watch`: {symptom: {"since": first of `limits.patience` steps in a row whose share exceeds `limits.share`, or None
      where there is no such run, "peak": highest share of any step, "peak_step": the first with it}}; None without
      rows. A symptom that no row has is left out.
    """
    if not rows:
        return {"watch": None}
    return {"watch": {name: found for name in SYMPTOMS if (found := _symptom(rows, f"watch/{name}", limits))}}


def _symptom(rows: Sequence[Row], name: str, limits: Limits) -> dict | None:
    shares = {row["step"]: row[name] for row in rows if isinstance(row.get(name), numbers.Real)}
    if not shares:
        return None
    peak_step = max(shares, key=shares.get)
    return {"since": _since(shares, limits), "peak": shares[peak_step], "peak_step": peak_step}


def _since(shares: Mapping[int, float], limits: Limits) -> int | None:
    run: list[int] = []
    for step, share in shares.items():
        run = [*run, step] if share > limits.share else []
        if len(run) == limits.patience:
            return run[0]
    return None
