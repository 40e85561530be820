"""The project's own layout: one JSON object a line, with the fields of `alignment.record.Record`."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from string import ascii_uppercase

from etils import epath

from alignment.data.ids import content_id
from alignment.data.rows import Row, read_rows
from alignment.errors import UserError
from alignment.record import Record, validate

FIELDS = tuple(field.name for field in dataclasses.fields(Record))


def load(path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of a file in our own layout, and notes; only question, options and gold are required.

    Raises:
      UserError: naming file and row, where a field is missing, unknown or of the wrong type.
    """
    return [validate(_record(row), row.where) for row in read_rows(path)], ()


def write_records(path: str, records: Iterable[Record]) -> None:
    """Write `records` so that `load` returns them equal (tuples inside `meta` come back as lists)."""
    lines = [json.dumps(_fields(record), ensure_ascii=False) + "\n" for record in records]
    epath.Path(path).write_text("".join(lines))


def _fields(record: Record) -> dict:
    fields = {name: getattr(record, name) for name in FIELDS}
    fields |= {"options": dict(record.options), "meta": dict(record.meta)}
    return {name: value for name, value in fields.items() if value not in (None, "", (), {})}


def _record(row: Row) -> Record:
    unknown = [name for name in row.fields if name not in FIELDS]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], FIELDS, n=1, cutoff=0.0)[0]
        raise UserError(
            f"{row.where}: unknown field {unknown[0]!r}; did you mean {nearest!r}? Other things go into 'meta'"
        )
    options = _options(row)
    return Record(
        id=str(row.get("id", "")) or content_id("records", row.text("question"), options),
        source=str(row.get("source", "records")),
        question=row.text("question"),
        options=options,
        gold=str(row.get("gold", "")).strip(),
        context=row.texts("context"),
        facts=row.texts("facts"),
        cot=str(row.get("cot", "")).strip() or None,
        licence=str(row.get("licence", "")),
        provenance=str(row.get("provenance", "")),
        meta=_mapping(row, "meta"),
    )


def _options(row: Row) -> dict[str, str]:
    options = {letter: str(text).strip() for letter, text in _mapping(row, "options").items()}
    for letter in options:
        if letter not in ascii_uppercase or len(letter) != 1:
            raise UserError(f"{row.where}: option {letter!r}: options are named by single capital letters, A, B, ...")
    return options


def _mapping(row: Row, name: str) -> Mapping:
    value = row.get(name, {})
    if not isinstance(value, Mapping):
        raise UserError(f"{row.where}: field {name!r} is {type(value).__name__}, not an object")
    return dict(value)
