"""Statements that a response should cover: the facts of the case, and what physicians require of an answer."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.overlap import covered_share
from alignment.text.parser import Response


@channel("case_facts", optional=True)
@each
def case_facts(response: Response, record: Record) -> float:
    """The share of `record.facts` (mediQ's atomic facts, 2406.00922) covered by the reasoning block; NaN without any.

    A fact is covered where half of its content words occur (a reconstruction).
    """
    return covered_share(record.facts, response.reasoning or "")


@channel("must_have", optional=True)
@each
def must_have(response: Response, record: Record) -> float:
    """The share of `record.must_have` (K-QA, 2401.14493) that the answer covers; NaN where there is none.

    K-QA judges entailment by a language model; here a statement is covered where half of its content words occur in the
    answer block, or in the whole text where there is no such block (a reconstruction).
    """
    answer = response.text if response.answer is None else response.answer
    return covered_share(record.must_have, answer)
