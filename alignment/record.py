"""The record that walks through the house: one clinical multiple-choice question and what is known about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from alignment.errors import UserError


@dataclasses.dataclass(frozen=True)
class Record:
    """One question with lettered options and a gold letter.

    `context` holds paragraphs to read before the question (PubMedQA abstracts), `facts` the atomic statements of the
    case, `cot` a gold chain of thought where one is known, `meta` anything a source wants to keep.
    """

    id: str
    source: str
    question: str
    options: Mapping[str, str]  # letter -> text, in display order
    gold: str  # a key of `options`
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    cot: str | None = None
    licence: str = ""
    provenance: str = ""
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def letters(self) -> tuple[str, ...]:
        """The option letters in display order."""
        return tuple(self.options)

    @property
    def gold_text(self) -> str:
        """The text of the gold option."""
        return self.options[self.gold]


def validate(record: Record, where: str) -> Record:
    """Return `record` unchanged, or raise `UserError` naming `where` (file and row) and the remedy."""
    if not record.question.strip():
        raise UserError(f"{where}: the question is empty; remove the row or fill its question field")
    if len(record.options) < 2:
        raise UserError(f"{where}: {len(record.options)} option(s); a multiple-choice record needs at least two")
    if not record.gold:
        raise UserError(f"{where}: no gold answer; remove the row or give the letter of the right option")
    if record.gold not in record.options:
        letters = ", ".join(record.options)
        raise UserError(f"{where}: gold letter {record.gold!r} is outside the options ({letters}); correct the row")
    return record
