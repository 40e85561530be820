"""The six clinical subjects of MMLU, four options (Hendrycks et al. 2021, arXiv 2009.03300; MIT licence).

Two layouts are read:
  question, subject, choices [4], answer 0..3 (or a letter)              Hub cais/mmlu, one configuration a subject
  data {Question, Options, Correct Option, Correct Answer}, subject_name Hub openlifescienceai/mmlu_<subject>
The original of both is github.com/hendrycks/test. Rows of other subjects are refused.
"""

from __future__ import annotations

from string import ascii_uppercase

from alignment.data.door import Loaded, read_records
from alignment.data.ids import content_id
from alignment.data.nested import from_nested, has_nested
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record

SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)


def load(path: str) -> Loaded:
    """Return the records of an MMLU file of clinical subjects; raises what `read_records` raises."""
    return read_records(path, _record)


def _record(row: Row) -> Record:
    subject = row.optional("subject_name") or row.optional("subject")
    if subject and subject.lower().replace(" ", "_") not in SUBJECTS:
        raise UserError(f"{row.where}: subject {subject!r} is not clinical; those read are {', '.join(SUBJECTS)}")
    question, options, gold = from_nested(row) if has_nested(row) else _flat(row)
    return Record(
        id=row.optional("id") or content_id("mmlu", question, options),
        source="mmlu",
        question=question,
        options=options,
        gold=gold,
        licence="MIT",
        provenance="MMLU",
        meta={"subject": subject} if subject else {},
    )


def _flat(row: Row) -> tuple[str, dict[str, str], str]:
    options = dict(zip(ascii_uppercase, row.texts("choices"), strict=False))
    answer = row.optional("answer")
    if answer.isdecimal():
        number = row.integer("answer")
        answer = ascii_uppercase[number] if number < len(ascii_uppercase) else answer
    return row.text("question"), options, answer
