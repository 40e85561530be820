"""The six clinical subjects of MMLU, four options (Hendrycks et al. 2021, arXiv 2009.03300; MIT licence).

Two layouts are read:
  question, subject, choices [4], answer 0..3 (or a letter)              Hub cais/mmlu, one configuration a subject
  data {Question, Options, Correct Option, Correct Answer}, subject_name Hub openlifescienceai/mmlu_<subject>
The original of both is github.com/hendrycks/test. Rows of other subjects are refused.
"""

from __future__ import annotations

from string import ascii_uppercase

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


def build_record(row: Row) -> Record:
    """Return the record of a row; raises `UserError` where its subject is not one of `SUBJECTS`."""
    subject = row.optional("subject_name") or row.optional("subject")
    if subject and subject.lower().replace(" ", "_") not in SUBJECTS:
        raise UserError(f"{row.where}: subject {subject!r} is not clinical; those read are {', '.join(SUBJECTS)}")
    if has_nested(row):
        question, options, gold = from_nested(row)
    else:
        options, question = dict(zip(ascii_uppercase, row.texts("choices"), strict=False)), row.text("question")
        gold = row.optional("answer")
        if gold.isdecimal() and row.integer("answer") < len(ascii_uppercase):
            gold = ascii_uppercase[row.integer("answer")]
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
