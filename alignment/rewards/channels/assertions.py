"""Truthfulness: atomic assertions checked against the knowledge base."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.clinical.assertions import balance
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response


@channel("assertions", optional=True)
@each
def assertions(response: Response, record: Record) -> float:
    """(supported - contradicted) / (supported + contradicted) assertions of the text; NaN where none can be checked.

    After Quark's GARM (2602.11661), whose rules are unpublished; the extraction is a reconstruction.
    """
    return balance(response.text)
