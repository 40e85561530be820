"""The number that a response gives as its answer."""

from __future__ import annotations

import re

from alignment.text.parser import Response

# One run of character classes: linear time. A thousands comma is followed by exactly three digits by convention only.
_NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?")


def last_number(text: str) -> float | None:
    """Return the last number of `text` ("1,250.5" is one), or None; a hyphen after a letter or digit is no sign."""
    last = None
    for match in _NUMBER.finditer(text):
        last = match
    if last is None:
        return None
    digits = last[0].replace(",", "")
    glued = digits.startswith("-") and last.start() > 0 and text[last.start() - 1].isalnum()
    return float(digits.removeprefix("-") if glued else digits)


def stated_number(response: Response) -> float | None:
    """Return the number in the only box of the answer, else the last one of the answer block, else None."""
    if response.boxes:
        return last_number(response.boxes[0]) if len(response.boxes) == 1 else None
    return last_number(response.answer or "")


def is_within_limits(response: Response, limits: tuple[float, float]) -> bool:
    """Whether the number that the response states is one of `limits` or between them; none is outside."""
    number, (low, high) = stated_number(response), limits
    return number is not None and low <= number <= high
