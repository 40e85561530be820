"""MedMCQA, four options (Pal et al. 2022, arXiv 2203.14371; github.com/medmcqa/medmcqa, MIT licence).

Fields: id, question, opa..opd, cop, choice_type, exp, subject_name, topic_name. `cop`, the correct option, counts from
1 in the original JSON and from 0 in the Hub's copy, openlifescienceai/medmcqa. A file that holds a 0 or a 4 tells
which; one that holds neither is refused rather than guessed, unless the location says it: `FILE?cop=1`. `choice_type`
"multi" still has one key.
"""

from __future__ import annotations

from alignment.data.ingest import Loaded, admit
from alignment.data.locations import parse_location
from alignment.data.rows import Row, scan_rows
from alignment.errors import UserError
from alignment.record import Record

LETTERS = "ABCD"


def load(path: str) -> Loaded:
    """Return the records of a MedMCQA file, with a note on the base of `cop`.

    Raises:
      UserError: the base of `cop` cannot be told, or what `read_records` raises.
    """
    rows, location = scan_rows(path), parse_location(path)
    if location.cop not in ("", "0", "1"):
        raise UserError(f"{path}: cop={location.cop}; it counts from 0 or from 1")
    base = int(location.cop) if location.cop else _base(rows, path)
    layout = "as the path says" if location.cop else "the original layout" if base else "the Hub's layout"
    return admit(rows, lambda row: build_record(row, base), location, (f"cop counts from {base} ({layout})",))


def _base(rows: list[Row], path: str) -> int:
    values = {str(row.get("cop")).removesuffix(".0") for row in rows}
    if {"0", "4"} <= values:
        raise UserError(
            f"{path}: cop holds both 0 and 4, so some rows count from 0 and some from 1; separate the files"
        )
    if "0" in values:
        return 0
    if "4" in values or not values & {"1", "2", "3"}:  # in the latter case every row is refused, each with its reason
        return 1
    raise UserError(
        f"{path}: cop holds neither 0 nor 4, so its base cannot be told; use a larger part of the file or say it: "
        f"{path}{'&' if '?' in path else '?'}cop=0 (as on the Hub) or cop=1 (as in the original)"
    )


def build_record(row: Row, base: int) -> Record:
    """Return the record of a row whose `cop` counts from `base`; raises `UserError` where the row hides its answer."""
    if row.get("cop") in (None, "", -1, "-1"):
        raise UserError(
            f"{row.where}: no gold answer in cop; use the train or validation split, the test split hides it"
        )
    cop = row.integer("cop")
    number = cop - base
    fields = {name: row.get(name, "") for name in ("subject_name", "topic_name", "choice_type", "exp")}
    return Record(
        id=row.text("id"),
        source="medmcqa",
        question=row.text("question"),
        options={letter: row.text(f"op{letter.lower()}") for letter in LETTERS},
        gold=LETTERS[number] if 0 <= number < len(LETTERS) else f"cop={cop}",
        licence="MIT",
        provenance="MedMCQA",
        meta={name: value for name, value in fields.items() if value},
    )
