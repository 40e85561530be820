"""MedMCQA, four options (Pal et al. 2022, arXiv 2203.14371; MIT licence).

`cop`, the correct option, counts from 1 in the original JSON and from 0 in the Hub's copy. A file that holds a 0 or
a 4 tells which; one that holds neither is refused rather than guessed.
"""

from __future__ import annotations

from alignment.data.rows import Row, read_rows
from alignment.errors import UserError
from alignment.record import Record, validate

LETTERS = "ABCD"


def load(path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of a MedMCQA file, and a note on the base of `cop`; raises `UserError` naming file and row."""
    rows = read_rows(path)
    base = _base(rows, path)
    layout = "the original layout" if base else "the Hub's layout"
    return [validate(_record(row, base), row.where) for row in rows], (f"cop counts from {base} ({layout})",)


def _base(rows: list[Row], path: str) -> int:
    values = {_cop(row) for row in rows}
    if {0, 4} <= values:
        raise UserError(
            f"{path}: cop holds both 0 and 4, so some rows count from 0 and some from 1; separate the files"
        )
    if 0 in values:
        return 0
    if 4 in values:
        return 1
    raise UserError(f"{path}: cop holds neither 0 nor 4, so its base cannot be told; use a larger part of the file")


def _cop(row: Row) -> int:
    """The correct option as written; -1 (the test split hides its answers) and absence are refused here."""
    if row.get("cop") in (None, "", -1, "-1"):
        raise UserError(
            f"{row.where}: no gold answer in cop; use the train or validation split, the test split hides it"
        )
    return row.integer("cop")


def _record(row: Row, base: int) -> Record:
    place = _cop(row) - base
    fields = {name: row.get(name, "") for name in ("subject_name", "topic_name", "choice_type", "exp")}
    return Record(
        id=row.text("id"),
        source="medmcqa",
        question=row.text("question"),
        options={letter: row.text(f"op{letter.lower()}") for letter in LETTERS},
        gold=LETTERS[place] if 0 <= place < len(LETTERS) else f"cop={_cop(row)}",
        licence="MIT",
        provenance="MedMCQA",
        meta={name: value for name, value in fields.items() if value},
    )
