"""Which answers become chains of thought: the first check that an answer fails is why it is rejected."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

from ml_collections import ConfigDict

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.audit_checks import grounding
from alignment.text.language import CLINICAL, effective_share, speaks_foreign
from alignment.text.parser import Response, parse
from alignment.text.templates import Template, cot_response
from alignment.traces.journal import Answer

ACCEPTED = "accepted"
# In the order in which they are tried.
REASONS = (
    "refused",  # by the endpoint: a content filter, or a request it will not take
    "other model",  # the answer names another model than the teacher
    "empty",
    "truncated",  # the token limit was met
    "unparsed",  # no option can be read from it
    "wrong answer",
    "not strict",  # not exactly the two blocks of the template
    "markup",  # HTML, or a tag or chat token that would break the training text
    "too short",
    "too long",
    "language",
    "ungrounded",  # the reasoning does not take up the question
)

# A name and perhaps attributes; "p < 0.05", "<90 mmHg" and "x<y, but z>4" are none. Every run is bounded: linear time.
_HTML = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,15}(?:\s{1,3}[A-Za-z-]{1,20}\s{0,3}=[^<>]{0,200})?\s{0,3}/?>")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of one answer."""

    answer: Answer
    response: Response
    reason: str  # ACCEPTED or one of REASONS

    @property
    def accepted(self) -> bool:
        """Whether it is a trace."""
        return self.reason == ACCEPTED

    @property
    def cot(self) -> str:
        """The reasoning."""
        return self.response.reasoning or ""


Judge = Callable[[Answer, Record], Verdict]


def make_judge(filters: ConfigDict, template: Template, model: str = "") -> Judge:
    """Return the judge of answers under `config.traces.filters`.

    `model` is the teacher's, which an answer must name; "" takes any.

    Raises:
      UserError: a limit that nothing or everything passes.
    """
    if filters.min_words > filters.max_words:
        raise UserError(
            f"--config.traces.filters.min_words={filters.min_words} and .max_words={filters.max_words}: give two "
            "numbers of words, the smaller first"
        )
    opening, closing = template.literals[:2]

    def judge(answer: Answer, record: Record) -> Verdict:
        # An endpoint does not show its chat template, and its text begins where the model began to write: a text that
        # closes the reasoning block without opening it begins inside the block.
        begins_inside = opening not in answer.text and answer.text.count(closing) == 1
        prefix, truncated = opening if begins_inside else "", answer.finish == "length"
        response = parse(answer.text, record.options, template, truncated=truncated, opening=prefix)
        failed = _failed(answer, response, record, filters, template, model)
        return Verdict(answer, response, next(failed, ACCEPTED))

    return judge


def same_model(requested: str, named: str) -> bool:
    """Whether an answer that names the model `named` may come from `requested`.

    A dated or a routed name is the same model: "gpt-4o" and "gpt-4o-2024-08-06", "openai/gpt-4o" and "gpt-4o". An
    answer that names none is believed.
    """
    first, second = (name.strip().rsplit("/", 1)[-1].casefold() for name in (requested, named))
    return not named or first.startswith(second) or second.startswith(first)


def _failed(
    answer: Answer, response: Response, record: Record, filters: ConfigDict, template: Template, model: str
) -> Iterator[str]:
    """Yield the reasons against an answer, in the order of REASONS."""
    if answer.finish == "refused":
        yield "refused"
    if model and not same_model(model, answer.model):
        yield "other model"
    if not response.text:
        yield "empty"
    if response.truncated:
        yield "truncated"
    if response.verdict is None:
        yield "unparsed"
    if response.verdict != record.gold:
        yield "wrong answer"
    if not response.strict:
        yield "not strict"
    cot = response.reasoning or ""
    if _HTML.search(cot) or not _trainable(cot, record, template):
        yield "markup"
    if len(cot.split()) < filters.min_words:
        yield "too short"
    if len(cot.split()) > filters.max_words:
        yield "too long"
    if effective_share(cot, CLINICAL) < filters.effective or speaks_foreign(cot):
        yield "language"
    if grounding(response, record) < filters.grounding:
        yield "ungrounded"


def _trainable(cot: str, record: Record, template: Template) -> bool:
    """Whether the function that makes the text of SFT accepts this chain of thought."""
    try:
        cot_response(dataclasses.replace(record, cot=cot), template)
    except UserError:
        return False
    return True
