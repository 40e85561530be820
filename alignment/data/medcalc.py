"""MedCalc-Bench: calculations from a patient note (Khandekar et al. 2024, arXiv 2406.12036; CC BY-SA 4.0).

github.com/nikhilk7153/MedCalc-Bench-Verified and Hub ncbi/MedCalc-Bench. Columns: Row Number, Calculator ID, Calculator
Name, Category, Output Type (decimal, integer or date), Note ID, Note Type, Patient Note, Question, Relevant Entities
(a Python dictionary as text), Ground Truth Answer, Lower Limit, Upper Limit, Ground Truth Explanation. The limits are
+-5 % for formulas and exact for scores, in the unit that the question asks for; a date has none, its gold is its text.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

KEPT = {"Calculator Name": "calculator", "Category": "category", "Output Type": "output_type", "Note Type": "note_type"}


def build_record(row: Row) -> Record:
    """Return the record of a row: the note as context, the number in `answer` and the accepted range in `limits`."""
    parts = (row.text("Calculator ID"), row.text("Note ID"), row.text("Row Number"))
    limits = None
    if row.text("Output Type").lower() != "date":
        row.number("Ground Truth Answer")  # which raises where it is no number
        limits = tuple(sorted((row.number("Lower Limit"), row.number("Upper Limit"))))  # reversed for negative numbers
    return Record(
        id="-".join(("medcalc", *parts)),
        source="medcalc",
        question=row.text("Question"),
        answer=row.text("Ground Truth Answer"),
        limits=limits,
        context=(row.text("Patient Note"),),
        facts=_facts(row),
        cot=row.optional("Ground Truth Explanation") or None,
        licence="CC BY-SA 4.0",
        provenance="MedCalc-Bench",
        meta={name: row.text(field) for field, name in KEPT.items() if row.get(field)},
    )


def _facts(row: Row) -> tuple[str, ...]:
    """The entities that the calculation needs, as "name: value unit"."""
    written = row.optional("Relevant Entities")
    try:
        entities = ast.literal_eval(written) if written else {}
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        entities = None
    if not isinstance(entities, Mapping):
        raise UserError(f"{row.where}: field 'Relevant Entities' is no dictionary of names and values; mend the row")
    return tuple(f"{name}: {_worded(value)}" for name, value in entities.items())


def _worded(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(_worded(item) for item in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
