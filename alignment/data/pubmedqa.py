"""PubMedQA: yes, no or maybe, after reading an abstract (Jin et al. 2019, arXiv 1909.06146; MIT licence).

Two layouts are read: the original JSON, keyed by PubMed id with upper-case fields, and the Hub's, with `pubid` and
`context.contexts`. The options are always A yes, B no, C maybe.
"""

from __future__ import annotations

from collections.abc import Mapping

from alignment.data.ids import content_id
from alignment.data.rows import Row, read_rows
from alignment.record import Record, validate

OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}
LETTER_OF = {decision: letter for letter, decision in OPTIONS.items()}


def load(path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of a PubMedQA file, and notes; raises `UserError` naming file and row of a mistake."""
    return [validate(_record(row), row.where) for row in read_rows(path)], ()


def _record(row: Row) -> Record:
    return _original(row) if "QUESTION" in row.fields else _hub(row)


def _original(row: Row) -> Record:
    return _build(row, row.key, row.text("QUESTION"), row.texts("CONTEXTS"), row.texts("LABELS"))


def _hub(row: Row) -> Record:
    context = row.get("context")
    inner = Row(f"{row.where}, field 'context'", context if isinstance(context, Mapping) else {})
    return _build(row, str(row.get("pubid", "")), row.text("question"), inner.texts("contexts"), inner.texts("labels"))


def _build(row: Row, key: str, question: str, context: tuple[str, ...], labels: tuple[str, ...]) -> Record:
    decision = str(row.get("final_decision", "")).strip().lower()
    return Record(
        id=key or content_id("pubmedqa", question, OPTIONS),
        source="pubmedqa",
        question=question,
        options=dict(OPTIONS),
        gold=LETTER_OF.get(decision, decision),
        context=context,
        licence="MIT",
        provenance="PubMedQA",
        meta={"labels": labels} if labels else {},
    )
