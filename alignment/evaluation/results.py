"""The parts of a report beside the results rows: paired outcomes, traces to show, values as strict JSON."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alignment.evaluation.accuracy import is_correct
from alignment.evaluation.auditability import check_values, composite
from alignment.record import Record
from alignment.text.parser import Response


def outcomes(responses: Sequence[Response], records: Sequence[Record]) -> dict[str, bool]:
    """Return {record id: answered right}, the input of a paired comparison of two arms."""
    return {record.id: is_correct(response, record) for response, record in zip(responses, records, strict=True)}


def audit_outcomes(responses: Sequence[Response], records: Sequence[Record], metric: str) -> dict[str, float]:
    """Return {record id: value} of "auditability" or "strict_rate", for a comparison of two arms by question."""
    values = {record.id: check_values(response, record) for response, record in zip(responses, records, strict=True)}
    return {
        name: composite(checks) if metric == "auditability" else checks["strict_format"]
        for name, checks in values.items()
    }


def pick_traces(
    records: Sequence[Record], responses: Mapping[str, Sequence[Response]], count: int = 4
) -> list[dict[str, Any]]:
    """Choose `count` questions and return what every arm answered to them, with the verdict of every check.

    Most are questions on which the arms disagree. One that all arms got wrong and one that all got right are added
    where they exist, and further ones of each kind fill up the count. Within a kind they keep the order of `records`,
    so the choice depends only on which answers were right.

    Args:
      records: N questions.
      responses: arm -> [N] responses.
      count: how many questions.
    """
    right = {
        arm: [is_correct(*pair) for pair in zip(answers, records, strict=True)] for arm, answers in responses.items()
    }
    shares = [sum(right[arm][index] for arm in right) / max(len(right), 1) for index in range(len(records))]
    split = [index for index, share in enumerate(shares) if 0 < share < 1]
    failed = [index for index, share in enumerate(shares) if share == 0]
    solved = [index for index, share in enumerate(shares) if share == 1]
    first = max(count - 2, 1)
    chosen = split[:first] + failed[:1] + solved[:1] + split[first:] + failed[1:] + solved[1:]
    return [
        _trace(records[index], {arm: answers[index] for arm, answers in responses.items()}) for index in chosen[:count]
    ]


def _trace(record: Record, responses: Mapping[str, Response]) -> dict[str, Any]:
    return {
        "question": record.question,
        "context": list(record.context),
        "options": dict(record.options),
        "gold": record.gold,
        "arms": {
            arm: {
                "response": response.text,
                "letter": response.letter,
                "correct": is_correct(response, record),
                "truncated": response.truncated,
                "checks": check_values(response, record),
            }
            for arm, response in responses.items()
        },
    }


def plain(value: Any) -> Any:
    """Return `value` as what strict JSON can hold: numpy to Python, tuples to lists, NaN and infinities to None."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    return value
