"""MedQA-USMLE, four or five options (Jin et al. 2020, arXiv 2009.13081; MIT licence).

Three layouts are read:
  question, options {A..}, answer, answer_idx                    the original files
  the same, with the stem in `context` sentences and `facts`     MediQ's copy of the development split (CC BY 4.0)
  sent1, sent2, ending0.., label 0..                             the Hub's "-hf" copy
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from string import ascii_uppercase

from alignment.data.ids import content_id
from alignment.data.rows import Row, read_rows
from alignment.errors import UserError
from alignment.record import Record, validate

NUMBERING = re.compile(r"^(?:\d+\.|-)\s+")


def load(path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of a MedQA file, and notes; raises `UserError` naming file and row of a mistake."""
    return [validate(_record(row), row.where) for row in read_rows(path)], ()


def _record(row: Row) -> Record:
    return _from_endings(row) if "ending0" in row.fields else _from_options(row)


def _from_options(row: Row) -> Record:
    options = _options(row)
    gold = str(row.get("answer_idx", "")).strip()
    answer = str(row.get("answer", "")).strip()
    if gold in options and answer and options[gold] != answer:
        text = options[gold]
        raise UserError(f"{row.where}: answer {answer!r} is not the text of option {gold}, {text!r}; correct the row")
    question = " ".join((*row.texts("context"), row.text("question")))
    facts = tuple(NUMBERING.sub("", fact) for fact in row.texts("facts"))
    record = _build(row, question, options, gold)
    exam = str(row.get("meta_info", ""))
    licence = "CC BY 4.0" if facts else record.licence
    return dataclasses.replace(record, facts=facts, licence=licence, meta={"exam": exam} if exam else {})


def _from_endings(row: Row) -> Record:
    names = [f"ending{number}" for number in range(10) if row.get(f"ending{number}") is not None]
    options = {letter: row.text(name) for letter, name in zip(ascii_uppercase, names, strict=False)}
    label = row.integer("label") if row.get("label") is not None else -1
    gold = "" if label < 0 else ascii_uppercase[label] if label < 26 else str(label)
    question = " ".join(part for part in (row.text("sent1"), str(row.get("sent2", "")).strip()) if part)
    return _build(row, question, options, gold)


def _options(row: Row) -> dict[str, str]:
    options = row.get("options")
    if not isinstance(options, Mapping):
        raise UserError(f"{row.where}: field 'options' must map letters to texts; MedQA has options or ending0..3")
    # Parquet gives every row the union of the letters, with null where a row has none.
    return {str(letter): str(text).strip() for letter, text in options.items() if text is not None}


def _build(row: Row, question: str, options: dict[str, str], gold: str) -> Record:
    return Record(
        id=str(row.get("id", "")) or content_id("medqa", question, options),
        source="medqa",
        question=question,
        options=options,
        gold=gold,
        licence="MIT",
        provenance="MedQA-USMLE",
    )
