"""medical-o1-verifiable-problem: open questions with a short answer to check (Chen et al. 2024, arXiv 2412.18925).

Hub FreedomIntelligence/medical-o1-verifiable-problem, split train; apache-2.0 by its card. Fields, spelt as published:
"Open-ended Verifiable Question", "Ground-True Answer". Made by a language model from multiple-choice questions, some
of them MedQA's and MedMCQA's: a training set of theirs should not be tested on these. No options.
"""

from __future__ import annotations

from alignment.data.ids import content_id
from alignment.data.rows import Row
from alignment.record import Record

QUESTION, ANSWER = "Open-ended Verifiable Question", "Ground-True Answer"


def build_record(row: Row) -> Record:
    """Return the record of a row, with the gold text in `answer`; raises `UserError` where a field is missing."""
    question, answer = row.text(QUESTION), row.text(ANSWER)
    return Record(
        id=content_id("medical_o1_verifiable", question, {"answer": answer}),
        source="medical_o1_verifiable",
        question=question,
        answer=answer,
        licence="apache-2.0",
        provenance="medical-o1-verifiable-problem",
    )
