"""Factual accuracy of parsed responses; a response without a readable answer counts as wrong.

The strict reading takes what the answer block affirms. The lenient one, reported beside it, takes what the response
affirms anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from alignment.errors import UserError
from alignment.evaluation.statistics import wilson
from alignment.record import Record
from alignment.text.parser import Response


def is_correct(response: Response, record: Record) -> bool:
    """Whether the response's letter is the gold one; a response without a letter is wrong."""
    return response.letter == record.gold


def check_paired(responses: Sequence[Response], records: Sequence[Record]) -> None:
    """Raise `UserError` unless there is at least one record and exactly one response to each."""
    if not records:
        raise UserError("nothing to evaluate: the evaluation set is empty; check data.eval")
    if len(responses) != len(records):
        raise UserError(
            f"{len(responses)} responses to {len(records)} records; evaluate again, or remove the stale responses file"
        )


def summarise(responses: Sequence[Response], records: Sequence[Record]) -> dict:
    """Score greedy responses to N records.

    Returns:
      `accuracy` (strict: a response without a letter is wrong), `valid_rate` (share with a letter),
      `accuracy_given_valid` (None if no response was valid; it flatters arms that often fail the format, so never
      compare arms by it alone),
      `lenient_accuracy` and `lenient_valid_rate` (the same of the option affirmed anywhere in the response),
      `strict_rate` (strict two-block format), `truncated_rate`, `chance` (mean of 1 / number of options) and `n`.
      `accuracy_ci95`, `lenient_accuracy_ci95`, `valid_rate_ci95` and `strict_rate_ci95` are Wilson 95 % intervals.

    Raises:
      UserError: no records, or not one response a record.
    """
    check_paired(responses, records)
    n = len(records)
    right = sum(map(is_correct, responses, records))
    lenient = sum(response.lenient == record.gold for response, record in zip(responses, records, strict=True))
    valid = sum(response.letter is not None for response in responses)
    strict = sum(response.strict for response in responses)
    return {
        "accuracy": right / n,
        "accuracy_ci95": wilson(right, n),
        "lenient_accuracy": lenient / n,
        "lenient_accuracy_ci95": wilson(lenient, n),
        "lenient_valid_rate": sum(response.lenient is not None for response in responses) / n,
        "valid_rate": valid / n,
        "valid_rate_ci95": wilson(valid, n),
        "accuracy_given_valid": right / valid if valid else None,
        "strict_rate": strict / n,
        "strict_rate_ci95": wilson(strict, n),
        "truncated_rate": sum(response.truncated for response in responses) / n,
        "chance": sum(1 / len(record.options) for record in records) / n,
        "n": n,
    }
