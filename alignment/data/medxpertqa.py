"""MedXpertQA Text, ten options (Zuo et al. 2025, arXiv 2501.18362; Hub TsinghuaC3I/MedXpertQA, MIT licence).

Fields: id, question (which repeats the options after "Answer Choices:"), options {A..J}, label, medical_task,
body_system, question_type. In the files of github.com/TsinghuaC3I/MedXpertQA, options are a list of {letter, content}.
The MM half asks about `images`, which a text model cannot see: its rows are refused.
"""

from __future__ import annotations

from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

CHOICES = "Answer Choices:"
KEPT = ("medical_task", "body_system", "question_type")


def build_record(row: Row) -> Record:
    """Return the record of a Text row without the second copy of its options; raises `UserError` for images."""
    if row.get("images"):
        raise UserError(f"{row.where}: the question needs its images; use the Text half: ?name=Text")
    question = row.text("question")
    stem, mark, choices = question.rpartition(CHOICES)
    listed = bool(mark) and choices.lstrip().startswith(("(A)", "A"))
    return Record(
        id=row.text("id"),
        source="medxpertqa",
        question=stem.strip() if listed else question,
        options=row.options("options"),
        gold=row.optional("label"),
        licence="MIT",
        provenance="MedXpertQA",
        meta={name: row.text(name) for name in KEPT if row.get(name)},
    )
