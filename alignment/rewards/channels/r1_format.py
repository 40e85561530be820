"""The format reward of the April 2025 release of Clinical-R1."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response, without_boxes


@channel("r1_format")
@each
def r1_format(response: Response, record: Record) -> float:
    """1 for the two blocks and nothing else, 1.5 if the answer block also has one box beside other text; else 0.

    Closing tags written with a backslash are mended first. Empty blocks pass, as in the released expression; tags that
    occur twice do not, although that expression lets them through (a reconstruction: one definition of a block).
    """
    response = response.best_repaired
    if any(not violation.startswith("empty") for violation in response.violations):
        return 0.0
    answer = response.answer or ""
    return 1.5 if len(response.boxes) == 1 and without_boxes(answer).strip() else 1.0
