"""The registry of sources that are read from a file.

A source is a function from a path to (records, notes). A new one is a file in this folder and a line in `SOURCES`.
Generated vignettes come from no file: they are the entry `VIGNETTES`, handled by `alignment.data.load`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alignment.data import medmcqa, medqa, pubmedqa, records
from alignment.errors import UserError
from alignment.record import Record

Source = Callable[[str], tuple[list[Record], tuple[str, ...]]]

VIGNETTES = "vignettes"
SOURCES: dict[str, Source] = {
    "medqa": medqa.load,
    "medmcqa": medmcqa.load,
    "pubmedqa": pubmedqa.load,
    "records": records.load,
}


def load_source(name: str, path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of one file and notes for the report; a row that stands there twice is taken once.

    Raises:
      UserError: the file or a row of it is wrong, or one id stands for two different records.
    """
    found, notes = SOURCES[name](path)
    kept = _unique(found, path)
    if len(kept) < len(found):
        notes += (f"{len(found) - len(kept)} repeated row(s) left out",)
    return kept, notes


def _unique(found: Sequence[Record], path: str) -> list[Record]:
    by_id: dict[str, Record] = {}
    for record in found:
        first = by_id.setdefault(record.id, record)
        if first != record:
            raise UserError(f"{path}: id {record.id!r} stands for two different records; give every row its own id")
    return list(by_id.values())
