"""Records written to files and examples held in memory, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import datasets
import numpy as np

from alignment.data.records import FIELDS
from alignment.data.tokens import Examples
from alignment.record import Record


def write_records(path: str, records: Iterable[Record]) -> None:
    """Write `records` so that the source `records` returns them equal (tuples inside `meta` come back as lists)."""
    lines = []
    for record in records:
        fields = {name: getattr(record, name) for name in FIELDS}
        fields |= {"options": dict(record.options), "meta": dict(record.meta)}
        fields = {name: value for name, value in fields.items() if value not in (None, "", (), {})}
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def examples_of(pairs: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Examples:
    """Return examples held in memory, from (ids, mask) pairs."""
    table = datasets.Dataset.from_dict({"ids": [list(ids) for ids, _ in pairs], "mask": [list(m) for _, m in pairs]})
    return Examples(table, np.array([len(ids) for ids, _ in pairs], np.int64))
