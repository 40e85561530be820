"""Calculations: is the number given within the limits?"""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.numbers import stated_number
from alignment.text.parser import Response


@channel("numeric", optional=True)
@each
def numeric(response: Response, record: Record) -> float:
    """1 where the number answered lies within the limits (MedCalc-Bench, 2406.12036: +-5 % or exact), else 0.

    The limits are `record.meta["lower_limit"]` and `["upper_limit"]`, both included; NaN for a record without them. The
    number is the one in the only box, else the last one of the answer block, else none and wrong.
    """
    limits = record.meta.get("lower_limit"), record.meta.get("upper_limit")
    if None in limits:
        return float("nan")
    number = stated_number(response)
    return float(number is not None and float(limits[0]) <= number <= float(limits[1]))
