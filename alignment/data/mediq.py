"""MediQ: MedQA cases as sentences, with the atomic facts of each (Li et al. 2024, arXiv 2406.00922).

github.com/stellalisy/mediQ, CC BY 4.0; the questions are MedQA's, four options. Fields: id, question, context (a list
of sentences), options {A..D}, answer, answer_idx, facts (numbered strings, written by a language model; a few rows
have none), patient {gender, age, specialties, ...}. The facts are what the channel `case_facts` counts.
"""

from __future__ import annotations

import dataclasses

from alignment.data.medqa import from_options
from alignment.data.rows import Row
from alignment.errors import UserError
from alignment.record import Record


def build_record(row: Row) -> Record:
    """Return the record of a MediQ row, with the case facts in `facts`; raises `UserError` where it has none."""
    if "facts" not in row.fields or "context" not in row.fields:
        raise UserError(f"{row.where}: no 'facts' and 'context'; MedQA files without them are the source medqa")
    patient = row.get("patient", {})
    return dataclasses.replace(
        from_options(row), id=f"mediq-{row.text('id')}", source="mediq", provenance="MediQ", meta={"patient": patient}
    )
