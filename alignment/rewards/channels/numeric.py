"""Calculations: whether the answered number lies within the limits."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.numbers import is_within_limits
from alignment.text.parser import Response


@channel("numeric", optional=True)
@each
def numeric(response: Response, record: Record) -> float:
    """1 where the number answered lies within the limits (MedCalc-Bench, 2406.12036: +-5 % or exact), else 0.

    The two `record.limits` are included; NaN for a record without them. The number is the one in the only box, else the
    last one of the answer block, else none and wrong.
    """
    if record.limits is None:
        return float("nan")
    return float(is_within_limits(response, record.limits))
