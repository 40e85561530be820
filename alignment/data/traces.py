"""Chains of thought from a file, joined to records by id and kept only where they end in the gold answer."""

from __future__ import annotations

import collections
import dataclasses
import os
from collections.abc import Sequence

from alignment.data.locations import parse_location
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
      UserError: more rows than the share `refuse` of the location are such (5 % unless it says otherwise, but one
        always may be), or no trace of the file can be used.
    """
    by_id = {record.id: record for record in records}
    rows = scan_rows(path)
    usable, reasons = make_all(rows, _readable)
    check_share([*reasons.values()], len(rows), parse_location(path).refuse, f"allow more with {path}?refuse=SHARE")
    explained: dict[str, Record] = {}
    fates: collections.Counter[str] = collections.Counter()
    for row in usable:
        record = by_id.get(row.text("id"))
        fate = _fate(row, record, explained)
        fates[fate] += 1
        if fate in ("kept", "unchecked"):
            explained[record.id] = dataclasses.replace(record, cot=row.text("cot"))
    if not explained:
        counts = "; ".join(f"{count} {fate}" for fate, count in sorted(fates.items()))
        raise UserError(
            f"{path}: no trace can be used ({counts}); its ids look like {usable[0].text('id')!r}, "
            f"those of the records like {records[0].id!r}"
        )
    note = _note(path, fates, len(records))
    if reasons:
        note += f"; {refusal_note([*reasons.values()], len(rows), 'rows')}"
    return [explained[record.id] for record in records if record.id in explained], note


def _readable(row: Row) -> Row:
    if row.error:
        raise UserError(row.error)
    row.text("id"), row.text("cot")  # which raise where the row has none
    return row


def _fate(row: Row, record: Record | None, explained: dict[str, Record]) -> str:
    cot = row.text("cot")
    if record is None:
        return "for questions not in this part"
    if not cot:
        return "empty"
    if row.get("gold") is not None and row.text("gold") != record.gold:
        return "made for another gold letter"
    stated = []
    if row.get("correct") is not None:
        stated.append(str(row.get("correct")).strip().lower() in ("true", "1"))
    if row.get("pred") is not None:
        answer = str(row.get("pred")).strip().strip("().").strip()
        gold_text = record.gold_text.strip("().").casefold()
        stated.append(answer.upper() == record.gold or answer.casefold() == gold_text)
    if not all(stated):
        return "with a wrong final answer"
    if record.id in explained:
        return "further traces of a question already explained"
    return "kept" if stated else "unchecked"


def _note(path: str, fates: collections.Counter[str], total: int) -> str:
    explained = fates["kept"] + fates["unchecked"]
    left_out = "; ".join(
        f"{count} {fate}" for fate, count in sorted(fates.items()) if fate not in ("kept", "unchecked")
    )
    unchecked = f" ({fates['unchecked']} of them state no answer and were not checked)" if fates["unchecked"] else ""
    return (
        f"chains of thought from {os.path.basename(path)}: {explained} of {total} records explained, by the first "
        f"correct trace of each{unchecked}; left out: {left_out or 'none'}"
    )
