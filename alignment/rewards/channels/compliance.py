"""Compliance: urgent help is advised where the case needs it, and certainty is claimed only with the case in view."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.clinical.red_flags import advises_help, calls_for_help, is_overconfident
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response


@channel("compliance")
@each
def compliance(response: Response, record: Record) -> float:
    """The mean of two rules: no certainty without the case and, if the case states a red flag, advice of urgent help.

    Quark (2602.11661) names compliance as an objective and publishes no rule: word lists and rules are a
    reconstruction.
    """
    rules = [not is_overconfident(response.text, (*record.context, record.question, *record.facts))]
    if calls_for_help(record):
        rules.append(advises_help(response.text))
    return sum(rules) / len(rules)
