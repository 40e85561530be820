"""The record: one clinical question, its gold answer and whatever else its source has about it."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from alignment.errors import UserError


@dataclasses.dataclass(frozen=True)
class Record:
    """One question, answered by a letter, a text or a number.

    A multiple-choice record has `options` and the `gold` letter of one of them. A record without options has its gold
    answer as text in `answer`; where that is a number, `limits` bound the numbers that count as right, in the unit that
    the question asks for. A demonstration may have a `response` alone.

    `context` holds paragraphs to read before the question (PubMedQA abstracts), `facts` the atomic statements of the
    case, `must_have` the statements a good answer contains (K-QA), `cot` a gold chain of thought and `response` a
    written answer where they are known, `meta` further fields of the source.
    """

    id: str
    source: str
    question: str
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)  # letter -> text, in display order
    gold: str = ""  # a key of `options`
    context: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    cot: str | None = None
    licence: str = ""  # as the files state it; "" where they do not
    provenance: str = ""
    meta: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    split: str = ""  # as the publisher names it: train, dev, validation, test; "" where it names none
    answer: str = ""  # the gold answer of a record without options
    limits: tuple[float, float] | None = None  # lowest and highest number that is right, both included
    response: str | None = None
    must_have: tuple[str, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """The option letters in display order."""
        return tuple(self.options)

    @property
    def equal_options(self) -> tuple[str, ...]:
        """The letters of the first options that have one text; () where all texts differ."""
        letters: dict[str, list[str]] = {}
        for letter, text in self.options.items():
            letters.setdefault(text, []).append(letter)
        return next((tuple(equal) for equal in letters.values() if len(equal) > 1), ())

    @property
    def gold_text(self) -> str:
        """The text of the gold option, or the gold answer where there are no options."""
        return self.options[self.gold] if self.options else self.answer


def validate(record: Record, where: str, equal_options: bool = False) -> Record:
    """Return `record` unchanged, or raise `UserError` with `where` (file and row) and its first error.

    Errors are an empty question; fewer than two options, empty or equal ones, or names other than single capitals; a
    gold letter that is missing or outside the options; no gold of any kind; limits that are not two finite numbers in
    order, or leave out the number they are for; text that cannot be written as UTF-8. `equal_options` lets options of
    equal text pass: published accuracies count such questions, but nothing can be learned from them.
    """
    for problem in _problems(record, equal_options):
        raise UserError(f"{where}: {problem}")
    return record


def _problems(record: Record, equal_options: bool) -> Iterator[str]:
    if not record.question.strip():
        yield "the question is empty; remove the row or fill its question field"
    if record.options or record.gold:
        yield from _option_problems(record, equal_options)
    elif not (record.answer.strip() or record.limits or (record.response or "").strip()):
        yield "no gold answer: neither options and a letter, nor a text, a number or a response; remove the row"
    if record.limits is not None:
        low, high = record.limits
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            yield f"limits {low} to {high} are not two finite numbers in order; correct the row"
        with contextlib.suppress(ValueError):  # an answer that is no number
            if not low <= float(record.answer) <= high:
                yield f"gold number {record.answer} is outside its own limits, {low} to {high}; correct the row"
    texts = (record.id, record.question, record.answer, record.cot or "", record.response or "")
    try:
        "".join((*texts, *record.options.values(), *record.context, *record.facts, *record.must_have)).encode()
    except UnicodeEncodeError:
        yield "holds half of a surrogate pair, which is no text; mend the row's encoding"


def _option_problems(record: Record, equal_options: bool) -> Iterator[str]:
    options = record.options
    if len(options) < 2:
        yield f"{len(options)} option(s); a multiple-choice record needs at least two"
    for letter, text in options.items():
        if len(letter) != 1 or letter not in ascii_uppercase:
            yield f"option {letter!r}: options are named by single capital letters, A, B, ..."
        if not text.strip():
            yield f"option {letter} is empty; fill it or remove the row"
    if not equal_options and (equal := record.equal_options):
        first, second, *_ = equal
        yield f"options {first} and {second} have equal text, {options[first]!r}; correct or remove the row"
    if not record.gold:
        yield "no gold answer; remove the row or give the letter of the right option"
    elif record.gold not in options:
        yield f"gold letter {record.gold!r} is outside the options ({', '.join(options)}); correct the row"
