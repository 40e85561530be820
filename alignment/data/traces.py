"""Chains of thought from a file, joined to records by id and kept only where they end in the gold answer."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Sequence

from alignment.data.places import parse_place
from alignment.data.refusals import check_share, make_all, refusal_note
from alignment.data.rows import Row, scan_rows
from alignment.errors import UserError
from alignment.record import Record


def attach_traces(records: Sequence[Record], path: str) -> tuple[list[Record], str]:
    """Return the records that a trace of `path` explains, with it as their `cot`, and a note for the report.

    A row has `id` and `cot`, and may state its answer as `pred` (a letter or an option's text), `correct` (true or
    false) and the `gold` it was made for. Only traces whose answer equals the record's gold are kept; of several for
    one record, the first. A row that states no answer is kept, and the note counts it as unchecked.

    A row that cannot be read, or has no id or cot, is left out and counted.

    Raises:
      UserError: more rows than the share `refuse` of the place are such (5 % unless it says otherwise, but one always
        may be), or no trace of the file can be used.
    """
    by_id = {record.id: record for record in records}
    rows = scan_rows(path)
    usable, reasons = make_all(rows, _readable)
    check_share([*reasons.values()], len(rows), parse_place(path).refuse, f"allow more with {path}?refuse=SHARE")
    kept: dict[str, Record] = {}
    fates: collections.Counter[str] = collections.Counter()
    for row in usable:
        record = by_id.get(row.text("id"))
        fate = _fate(row, record, kept)
        fates[fate] += 1
        if fate in ("kept", "unchecked"):
            kept[record.id] = dataclasses.replace(record, cot=row.text("cot"))
    if not kept:
        raise UserError(_none_usable(path, usable, records, fates))
    note = _note(path, fates, len(records))
    if reasons:
        note += f"; {refusal_note([*reasons.values()], len(rows), 'rows')}"
    return [kept[record.id] for record in records if record.id in kept], note


def _readable(row: Row) -> Row:
    if row.error:
        raise UserError(row.error)
    row.text("id"), row.text("cot")  # which raise where the row has none
    return row


def _fate(row: Row, record: Record | None, kept: dict[str, Record]) -> str:
    cot = row.text("cot")
    if record is None:
        return "for questions not in this part"
    if not cot:
        return "empty"
    if row.get("gold") is not None and row.text("gold") != record.gold:
        return "made for another gold letter"
    stated = [verdict for verdict in (_correct(row), _pred_is_gold(row, record)) if verdict is not None]
    if not all(stated):
        return "with a wrong final answer"
    if record.id in kept:
        return "further traces of a question already explained"
    return "kept" if stated else "unchecked"


def _correct(row: Row) -> bool | None:
    value = row.get("correct")
    return None if value is None else str(value).strip().lower() in ("true", "1")


def _pred_is_gold(row: Row, record: Record) -> bool | None:
    if row.get("pred") is None:
        return None
    said = str(row.get("pred")).strip().strip("().").strip()
    return said.upper() == record.gold or said.casefold() == record.gold_text.strip("().").casefold()


def _note(path: str, fates: collections.Counter[str], asked: int) -> str:
    kept = fates["kept"] + fates["unchecked"]
    left_out = "; ".join(
        f"{count} {fate}" for fate, count in sorted(fates.items()) if fate not in ("kept", "unchecked")
    )
    unchecked = f" ({fates['unchecked']} of them state no answer and were not checked)" if fates["unchecked"] else ""
    return (
        f"chains of thought from {os.path.basename(path)}: {kept} of {asked} records explained, by the first correct "
        f"trace of each{unchecked}; left out: {left_out or 'none'}"
    )


def _none_usable(path: str, rows: list[Row], records: Sequence[Record], fates: collections.Counter[str]) -> str:
    reasons = "; ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
    return (
        f"{path}: no trace can be used ({reasons}); its ids look like {rows[0].text('id')!r}, "
        f"those of the records like {records[0].id!r}"
    )
