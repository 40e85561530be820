r"""A completion, parsed once: every reward, audit and report reads the `Response` and never the raw text again.

Definitions (a reconstruction where the papers leave them open):

- *strict*: after the cut at the first end token and a strip, the text is the reasoning block, optional white space, the
  answer block, and nothing else; each of the four literals occurs exactly once (case-sensitive), neither body is blank
  and the completion was not truncated. No box is required.
- *answer*: one `\boxed{L}` in the answer block, L an option letter of the question. Without any box, a stand-alone
  option letter that ends the block, optionally followed by `.` or `)`. Several boxes, or a box with anything else in
  it: none. A completion without one well-delimited answer block is read as a whole, so that accuracy does not need the
  format.

Everything is `str.count`, `str.find` and `str.split`: time is linear in the length, whatever a policy writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from alignment.text.templates import BOX, END_TOKENS, Template

# Words after which a closing capital letter is an answer. "vitamin C", "hepatitis B" and "group A" are none.
_CUES = frozenset(
    ("answer", "answers", "option", "choice", "choose", "chose", "select", "selected", "pick", "letter")
    + ("is", "be", "likely", "correct", "final", "therefore", "thus", "hence", "so")
)
_OPENERS = frozenset(":=([*\"'\n")


@dataclasses.dataclass(frozen=True)
class Response:
    """One completion, read against the template it should follow.

    `violations` lists what breaks the strict format: `truncated`, `missing <tag>`, `repeated <tag>`, `order`,
    `outside` (text beyond the two blocks), `empty <tag>`.
    """

    text: str  # cut at the first end token, stripped
    reasoning: str | None  # body of the one reasoning block, stripped
    answer: str | None  # body of the one answer block, stripped
    letter: str | None  # the option chosen
    letter_source: str  # "boxed", "fallback" or "none"
    boxes: tuple[str, ...]  # contents of the boxes in the answer block, or in the text where there is no such block
    tag_counts: Mapping[str, int]  # the template's four literals, in order
    strict: bool
    violations: tuple[str, ...]
    truncated: bool


def parse(
    text: str,
    letters: Collection[str],
    template: Template,
    truncated: bool = False,
    end_tokens: Sequence[str] = END_TOKENS,
) -> Response:
    """Parse a completion to a question with these option letters; never raises, in time linear in `len(text)`.

    `truncated` says that the sampler ran out of tokens before the model chose to end.
    """
    text = _cut(text, end_tokens)
    letters = tuple(letters)  # so that "in" is membership even if a string such as "ABCD" came in
    tag_counts = {literal: text.count(literal) for literal in template.literals}
    reasoning = _body(text, *template.literals[:2], tag_counts)
    answer = _body(text, *template.literals[2:], tag_counts)
    violations = _violations(text, template.literals, tag_counts, truncated)
    boxes = _boxes(text if answer is None else answer)
    # The end of a truncated text is not where its author meant to end.
    ending = ("" if truncated else text) if answer is None else answer
    letter, source = _letter(boxes, ending, letters)
    return Response(
        text=text,
        reasoning=reasoning,
        answer=answer,
        letter=letter,
        letter_source=source,
        boxes=boxes,
        tag_counts=tag_counts,
        strict=not violations,
        violations=violations,
        truncated=truncated,
    )


def _cut(text: str, end_tokens: Sequence[str]) -> str:
    ends = [position for token in end_tokens if (position := text.find(token)) >= 0]
    return text[: min(ends, default=len(text))].strip()


def _body(text: str, opening: str, closing: str, counts: Mapping[str, int]) -> str | None:
    if counts[opening] != 1 or counts[closing] != 1:
        return None
    start, end = text.find(opening) + len(opening), text.find(closing)
    return text[start:end].strip() if start <= end else None


def _violations(text: str, literals: Sequence[str], counts: Mapping[str, int], truncated: bool) -> tuple[str, ...]:
    """Return what breaks the strict format; order, outside and empty are judged only where the one before holds."""
    found = ["truncated"] if truncated else []
    miscounted = [f"{'repeated' if counts[tag] else 'missing'} {tag}" for tag in literals if counts[tag] != 1]
    if miscounted:
        return (*found, *miscounted)
    first, second, third, fourth = (text.find(tag) for tag in literals)
    if not first < second < third < fourth:
        return (*found, "order")
    before, after = text[:first], text[fourth + len(literals[3]) :]
    between = text[second + len(literals[1]) : third]
    if any(part.strip() for part in (before, between, after)):
        found.append("outside")
    for tag, start, end in ((literals[0], first, second), (literals[2], third, fourth)):
        if not text[start + len(tag) : end].strip():
            found.append(f"empty {tag}")
    return tuple(found)


def _boxes(text: str) -> tuple[str, ...]:
    r"""Return the contents of every `\boxed{...}`, "" where the braces are missing or never closed.

    Splitting first keeps a long run of unclosed boxes linear: each looks for its brace only up to the next box.
    """
    return tuple(_braced(part.lstrip()) for part in text.split(BOX)[1:])


def _braced(part: str) -> str:
    content, closing, _ = part.partition("}")
    return content[1:].strip() if closing and content.startswith("{") else ""


def _letter(boxes: Sequence[str], ending: str, letters: Collection[str]) -> tuple[str | None, str]:
    if boxes:
        return (boxes[0], "boxed") if len(boxes) == 1 and boxes[0] in letters else (None, "none")
    letter = _closing_letter(ending, letters)
    return (letter, "fallback") if letter else (None, "none")


def _closing_letter(text: str, letters: Collection[str]) -> str | None:
    """Return the option letter that ends `text` and stands alone there: with nothing before it, an opener or a cue."""
    text = text.rstrip().removesuffix(".").removesuffix(")")
    letter, before = text[-1:], text[:-1].rstrip(" \t")
    if not letter or letter not in letters:
        return None
    if not before or before[-1] in _OPENERS:
        return letter
    if len(before) == len(text) - 1:  # glued to what precedes it: "IgA", "T-cell/B"
        return None
    words = before[-32:].rstrip(",").split()
    return letter if words and words[-1].lower() in _CUES else None
