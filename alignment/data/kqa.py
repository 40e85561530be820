"""K-QA: patients' questions with what physicians say an answer must contain (Manes et al. 2024, arXiv 2401.14493).

github.com/Itaymanes/K-QA, dataset/questions_w_answers.jsonl; MIT licence. Fields: Question, Free_form_answer, Must_have
and Nice_to_have (lists of statements), Sources, ICD_10_diag. No options: the gold is the physician's answer, and the
channel `must_have` counts the statements that an answer covers.
"""

from __future__ import annotations

from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.record import Record

KEPT = {"Sources": "references", "ICD_10_diag": "icd_10"}


def build_record(row: Row) -> Record:
    """Return the record of a K-QA row, with the statements in `must_have`; raises `UserError` for a wrong field."""
    question, answer = row.text("Question"), row.text("Free_form_answer")
    meta = {name: row.text(field) for field, name in KEPT.items() if row.get(field)}
    return Record(
        id=content_id("kqa", question, {"answer": answer}),
        source="kqa",
        question=question,
        answer=answer,
        must_have=row.texts("Must_have"),
        licence="MIT",
        provenance="K-QA",
        meta=meta | {"nice_to_have": row.texts("Nice_to_have")},
    )
