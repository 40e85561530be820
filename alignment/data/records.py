"""The project's own layout: rows with the fields of `alignment.record.Record`, as JSON lines or as Parquet.

In Parquet (`alignment.data.parquet`) `meta` is JSON text, because its fields differ from row to row.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
from collections.abc import Mapping

from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

FIELDS = tuple(field.name for field in dataclasses.fields(Record))


def build_record(row: Row) -> Record:
    """Return the record of a row in our own layout: a question, and options with a gold letter or an answer.

    Raises:
      UserError: a field is missing, unknown or of the wrong type.
    """
    unknown = [name for name in row.fields if name not in FIELDS]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], FIELDS, n=1, cutoff=0.0)[0]
        raise UserError(
            f"{row.where}: unknown field {unknown[0]!r}; did you mean {nearest!r}? Other things go into 'meta'"
        )
    options = row.options("options") if row.get("options") is not None else {}
    answer = row.optional("answer")
    named = options or ({"answer": answer} if answer else {})
    return Record(
        id=row.optional("id") or content_id("records", row.text("question"), named),
        source=row.optional("source") or "records",
        split=row.optional("split"),
        question=row.text("question"),
        options=options,
        gold=row.optional("gold"),
        answer=answer,
        limits=_limits(row),
        context=row.texts("context"),
        facts=row.texts("facts"),
        must_have=row.texts("must_have"),
        cot=row.optional("cot") or None,
        response=row.optional("response") or None,
        licence=row.optional("licence"),
        provenance=row.optional("provenance"),
        meta=_mapping(row, "meta"),
    )


def _limits(row: Row) -> tuple[float, float] | None:
    value = row.get("limits")
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not {type(item) for item in value} <= {int, float}:
        raise UserError(f"{row.where}: field 'limits' must be two numbers, the lowest and the highest that is right")
    return float(value[0]), float(value[1])


def _mapping(row: Row, name: str) -> Mapping:
    value = row.get(name, {})
    if isinstance(value, str):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, Mapping):
        raise UserError(f"{row.where}: field {name!r} is {type(value).__name__}, not an object")
    return dict(value)
