"""How much of the case the reasoning takes up."""

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
