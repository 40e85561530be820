"""The share of effective characters, against mixed languages and stray signs."""

from __future__ import annotations

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text.language import CLINICAL, PLAIN, effective_share
from alignment.text.parser import Response


@channel("effective_ratio")
@each
def effective_ratio(response: Response, record: Record) -> float:
    """r_cons of CRPO (2512.00601, eq. 4): effective / all characters after the cut and strip, in [0, 1]; empty: 0.

    The paper counts tokens and does not define "effective"; characters in printable ASCII and the newline are what its
    authors' earlier code counts.
    """
    return effective_share(response.text, PLAIN)


@channel("effective_ratio_clinical")
@each
def effective_ratio_clinical(response: Response, record: Record) -> float:
    """As `effective_ratio`, with micro and degree signs, Greek letters and the en-dash as well (our extension)."""
    return effective_share(response.text, CLINICAL)
