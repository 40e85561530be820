"""CRPO's reasoning format: an intuitive, then an analytical part."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text import overlap
from alignment.text.parser import Response


@channel("two_systems")
@each
def two_systems(response: Response, record: Record) -> float:
    """1 where a strict response splits its reasoning into System 1 and System 2, 5 words or more each; else 0.

    The first point of r_CR (CRPO, 2512.00601, eq. 4); how to detect the split is a reconstruction.
    """
    return float(overlap.two_systems(response))
