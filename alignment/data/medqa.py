"""MedQA-USMLE, four or five options (Jin et al. 2020, arXiv 2009.13081; github.com/jind11/MedQA, MIT licence).

Four layouts are read:
  question, options {A..}, answer, answer_idx                    the original files; Hub GBaker/MedQA-USMLE-4-options
  the same, with the stem in `context` sentences and `facts`     MediQ's copy of the development split (CC BY 4.0)
  sent1, sent2, ending0.., label 0..                             Hub GBaker/MedQA-USMLE-4-options-hf
  data {Question, Options, Correct Option}                       Hub openlifescienceai/medqa
"""

from __future__ import annotations

import dataclasses
import re
from string import ascii_uppercase

from alignment.data.ids import content_id
from alignment.data.nested import from_nested, has_nested
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

NUMBERING = re.compile(r"^(?:\d+\.|-)\s+")


def from_options(row: Row) -> Record:
    """Return the record of a row with `options` and `answer_idx`; raises `UserError` where answer and letter differ."""
    options = row.options("options")
    gold, answer = row.optional("answer_idx"), row.optional("answer")
    if gold in options and answer and options[gold] != answer:
        text = options[gold]
        raise UserError(f"{row.where}: answer {answer!r} is not the text of option {gold}, {text!r}; correct the row")
    question = " ".join((*row.texts("context"), row.text("question")))
    exam = row.optional("meta_info")
    return dataclasses.replace(
        _build(row, question, options, gold),
        facts=tuple(NUMBERING.sub("", fact) for fact in row.texts("facts")),
        licence="CC BY 4.0" if "facts" in row.fields else "MIT",
        meta={"exam": exam} if exam else {},
    )


def build_record(row: Row) -> Record:
    """Return the record of a row in any of the four layouts; raises `UserError` where answer and letter differ."""
    if has_nested(row):
        question, options, gold = from_nested(row)
        return _build(row, question, options, gold)
    if "ending0" not in row.fields:
        return from_options(row)
    present = [number for number in range(10) if row.get(f"ending{number}") is not None]
    # An ending that is missing in between raises: it does not shift the letters of the later ones.
    options = {ascii_uppercase[number]: row.text(f"ending{number}") for number in range(max(present, default=-1) + 1)}
    label = row.integer("label") if row.get("label") is not None else -1
    gold = "" if label < 0 else ascii_uppercase[label] if label < 26 else str(label)
    question = " ".join(part for part in (row.text("sent1"), row.optional("sent2")) if part)
    return _build(row, question, options, gold)


def _build(row: Row, question: str, options: dict[str, str], gold: str) -> Record:
    return Record(
        id=row.optional("id") or content_id("medqa", question, options),
        source="medqa",
        question=question,
        options=options,
        gold=gold,
        licence="MIT",
        provenance="MedQA-USMLE",
    )
