"""The rewards of CRPO (Clinical-R1, 2512.00601) but for its consistency, which is `effective_ratio`."""

from __future__ import annotations

from collections.abc import Collection

from alignment.record import Record
from alignment.rewards.registry import channel, each
from alignment.text import overlap
from alignment.text.parser import Response

# Words after which a closing capital letter is an answer. "vitamin C", "hepatitis B" and "group A" are none.
_CUES = frozenset(
    ("answer", "answers", "option", "choice", "choose", "chose", "select", "selected", "pick", "letter")
    + ("is", "be", "likely", "correct", "final", "therefore", "thus", "hence", "so")
)
_OPENERS = frozenset(":=([*\"'\n")


@channel("crpo_accuracy")
@each
def crpo_accuracy(response: Response, record: Record) -> float:
    r"""1 where the letter of the only box of the conclusion is the gold one, else 0; for no box, the letter at its end.

    Several boxes, or a box with anything but an option letter, are no answer. Clinical-R1 (2512.00601, equation 4) does
    not state how the option is read: a reconstruction, and less strict than the reading of `accuracy`. A completion
    without a conclusion is read as a whole.
    """
    if response.boxes:
        return float(len(response.boxes) == 1 and response.boxes[0] == record.gold)
    answer = response.answer
    if answer is None:  # the end of a truncated text is no conclusion
        answer = "" if response.truncated else response.text
    return float(closing_letter(answer, record.letters) == record.gold)


def closing_letter(text: str, letters: Collection[str]) -> str | None:
    """Return the option letter that ends `text` and stands alone there: with nothing before it, an opener or a cue."""
    text = text.rstrip().removesuffix(".").removesuffix(")")
    letter, before = text[-1:], text[:-1].rstrip(" \t")
    if not letter or letter not in letters:
        return None
    if not before or before[-1] in _OPENERS:
        return letter
    if len(before) == len(text) - 1:  # no space before it: "IgA", "T-cell/B"
        return None
    words = before[-32:].rstrip(",").split()
    return letter if words and words[-1].lower() in _CUES else None


@channel("two_systems")
@each
def two_systems(response: Response, record: Record) -> float:
    """1 where a strict response splits its reasoning into System 1 and System 2, 5 words or more each; else 0.

    The first point of r_CR (CRPO, 2512.00601, eq. 4); how to detect the split is a reconstruction.
    """
    return float(overlap.two_systems(response))


@channel("cross_reference")
@each
def cross_reference(response: Response, record: Record) -> float:
    """1 where the conclusion of a two-system response takes up its reasoning without copying it, else 0.

    The half point of r_CR (CRPO, 2512.00601, eq. 4); how to detect the reference is a reconstruction.
    """
    return float(overlap.cross_references(response, record))
