"""Accuracy and format as the April 2025 release of Clinical-R1 scores them."""

from __future__ import annotations

from string import ascii_uppercase

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response, without_boxes


@channel("r1_accuracy")
@each
def r1_accuracy(response: Response, record: Record) -> float:
    r"""-n for n >= 2 boxes in the text, 0 for none; for one: 1 right letter, 0 wrong letter, -0.5 no letter, -1 broken.

    "No letter" is anything but a single capital; "broken" a `\boxed` whose braces are missing or never closed.
    """
    boxes = response.best_repaired.all_boxes
    if len(boxes) != 1:
        return -float(len(boxes))
    box = boxes[0]
    if box is None:
        return -1.0
    if len(box) != 1 or box not in ascii_uppercase:
        return -0.5
    return float(box == record.gold)


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
