"""CRPO's bonus for a conclusion that refers to the reasoning."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.overlap import cross_references
from alignment.text.parser import Response


@channel("cross_reference")
@each
def cross_reference(response: Response, record: Record) -> float:
    """1 where the conclusion of a two-system response takes up its reasoning without copying it, else 0.

    The half point of r_CR (CRPO, 2512.00601, eq. 4); how to detect the reference is a reconstruction.
    """
    return float(cross_references(response, record))
