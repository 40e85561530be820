"""Structural auditability of parsed responses: whether a reader can follow and check them, right or wrong.

The checks are in `alignment.text.audit_checks`, because rewards use them too. The composite score is a reconstruction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from alignment.evaluation.accuracy import check_paired, is_correct
from alignment.evaluation.statistics import bootstrap
from alignment.record import Record
from alignment.text.audit_checks import CHECKS
from alignment.text.parser import Response


def check_values(response: Response, record: Record) -> dict[str, float]:
    """Return the value in [0, 1] of every check on one response, by name."""
    return {name: float(check.function(response, record)) for name, check in CHECKS.items()}


def composite(values: Mapping[str, float]) -> float:
    """Return the auditability of one response: the mean of its binary checks."""
    return float(np.mean([values[name] for name, check in CHECKS.items() if check.binary]))


def rewarded_checks(channels: Collection[str]) -> tuple[str, ...]:
    """Return the checks that reward channels of these names pay for: they judge an arm by what it was trained on."""
    return tuple(name for name, check in CHECKS.items() if set(check.rewarded_by) & set(channels))


def audit(responses: Sequence[Response], records: Sequence[Record], rewarded: Collection[str] = ()) -> dict:
    """Run every check on N responses.

    Args:
      responses: one a record.
      records: what they answer.
      rewarded: the reward channels this arm was trained on (those of its preset; () for an arm without reward).

    Returns:
      `n`, `checks` {name: mean over responses}, `auditability` (the mean of the binary checks) with its bootstrap
      `auditability_ci95`; `wrong_only`: `n`, `checks` and `auditability` over the wrong answers alone, None where no
      answer is wrong; `auditability_wrong_only`, the last of these by itself; `rewarded_checks`, the names of the
      checks that the channels pay for.

    Raises:
      UserError: no records, or not one response a record.
    """
    check_paired(responses, records)
    values = [check_values(response, record) for response, record in zip(responses, records, strict=True)]
    wrong = [value for value, *pair in zip(values, responses, records, strict=True) if not is_correct(*pair)]
    wrong_only = _rates(wrong) if wrong else None
    return {
        **_rates(values),
        "auditability_ci95": bootstrap([composite(value) for value in values]),
        "wrong_only": wrong_only,
        "auditability_wrong_only": wrong_only and wrong_only["auditability"],
        "rewarded_checks": list(rewarded_checks(rewarded)),
    }


def _rates(values: Sequence[Mapping[str, float]]) -> dict:
    return {
        "n": len(values),
        "checks": {name: float(np.mean([value[name] for value in values])) for name in CHECKS},
        "auditability": float(np.mean([composite(value) for value in values])),
    }
