"""The share of effective characters: against mixed languages and text beside the point."""

from __future__ import annotations

from collections.abc import Collection

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.parser import Response

PLAIN = frozenset(map(chr, range(0x20, 0x7F))) | {"\n"}
# Signs that a clinical text in plain English needs: micro, degree, Greek letters, en-dash.
CLINICAL = PLAIN | frozenset("\N{MICRO SIGN}\N{DEGREE SIGN}\N{EN DASH}") | frozenset(map(chr, range(0x391, 0x3CA)))


@channel("effective_ratio")
@each
def effective_ratio(response: Response, record: Record) -> float:
    """r_cons of CRPO (2512.00601, eq. 4): effective / all characters after the cut and strip, in [0, 1]; empty: 0.

    The paper counts tokens and does not define "effective"; characters in printable ASCII and the newline are what its
    authors' earlier code counts.
    """
    return _share(response.text, PLAIN)


@channel("effective_ratio_clinical")
@each
def effective_ratio_clinical(response: Response, record: Record) -> float:
    """As `effective_ratio`, with micro and degree signs, Greek letters and the en-dash as well (our extension)."""
    return _share(response.text, CLINICAL)


def _share(text: str, effective: Collection[str]) -> float:
    return sum(character in effective for character in text) / len(text) if text else 0.0
