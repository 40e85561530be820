r"""A completion, parsed once: every reward, audit and report reads the `Response` and never the raw text again.

Definitions (a reconstruction where the papers leave them open):

- *strict*: after the cut at the first end token and a strip, the text is the reasoning block, optional white space, the
  answer block, and nothing else; each of the four literals occurs exactly once (case-sensitive), neither body is blank
  and the completion was not truncated. No box is required.
- *answer*: one `\boxed{L}` in the answer block, L an option letter of the question. Without any box, a stand-alone
  option letter that ends the block, optionally followed by `.` or `)`. Several boxes, or a box with anything else in
  it: none. A completion without one well-delimited answer block is read as a whole, so that accuracy does not need the
  format.
- *stated*: the option that the text last declares to be the answer (`alignment/text/stated.py`), for free text without
  tags; it never becomes `letter`, so that no reward is paid for a phrase in the wrong place.
- *System 1*, *System 2*: in the reasoning block, the text after the first "System 1" and after the first "System 2"
  (any case and white space, at word boundaries), the former in front; else neither. CRPO (2512.00601) names the parts
  and not how to find them.
- *repaired*: the same completion read with backslash-closed tags (`<\think>`) mended, as the scorer released with
  Clinical-R1 does; for the preset `grpo_r1` alone.

Everything is `str.count`, `str.find`, `str.split` and expressions of single character classes: time is linear in the
length, whatever a policy writes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence

from alignment.text.stated import find_stated
from alignment.text.templates import BOX, END_TOKENS, Template

# Words after which a closing capital letter is an answer. "vitamin C", "hepatitis B" and "group A" are none.
_CUES = frozenset(
    ("answer", "answers", "option", "choice", "choose", "chose", "select", "selected", "pick", "letter")
    + ("is", "be", "likely", "correct", "final", "therefore", "thus", "hence", "so")
)
_OPENERS = frozenset(":=([*\"'\n")
_SYSTEM = {name: re.compile(rf"\bsystem\s*{name}\b", re.IGNORECASE) for name in "12"}

Span = tuple[int, int]


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
    stated: str | None = None  # the option the text last says is the answer, wherever it says so
    system_1: str | None = None  # the intuitive part of the reasoning block, stripped
    system_2: str | None = None  # the analytical part
    # What each `\boxed` of the whole text holds; None where its braces are missing or never closed.
    all_boxes: tuple[str | None, ...] = ()
    # [start, end) in `text` of "reasoning", "answer", "system_1", "system_2" (unstripped) and "stated", where found.
    spans: Mapping[str, Span] = dataclasses.field(default_factory=dict)
    repaired: Response | None = None  # None where there is no backslash-closed tag

    @property
    def verdict(self) -> str | None:
        """The option a published or teacher's text is filed under; None means unparsed.

        That is `letter` where there is a box or an answer block, else what is `stated`: a letter at the end of free
        text ("measured in the joint (C).") was the option meant in only 13 of 20 published answers.
        """
        return self.letter if self.boxes or self.answer is not None else self.stated

    @property
    def best_repaired(self) -> Response:
        """The response with its closing tags mended, which is itself where nothing needed mending."""
        return self.repaired or self


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
    spans = _spans(text, template.literals, tag_counts)
    reasoning, answer = _piece(text, spans, "reasoning"), _piece(text, spans, "answer")
    violations = _violations(text, template.literals, tag_counts, truncated)
    boxes = _boxes(text if answer is None else answer)
    # The end of a truncated text is not where its author meant to end.
    ending = ("" if truncated else text) if answer is None else answer
    letter, source = _letter([box or "" for box in boxes], ending, letters)
    stated = find_stated(text, letters)
    if stated:
        spans["stated"] = (stated.start, stated.start + len(stated.letter))
    mended = _mend(text, template.literals)
    return Response(
        text=text,
        reasoning=reasoning,
        answer=answer,
        letter=letter,
        letter_source=source,
        boxes=tuple(box or "" for box in boxes),
        tag_counts=tag_counts,
        strict=not violations,
        violations=violations,
        truncated=truncated,
        stated=stated.letter if stated else None,
        system_1=_piece(text, spans, "system_1"),
        system_2=_piece(text, spans, "system_2"),
        all_boxes=_boxes(text),
        spans=spans,
        repaired=None if mended == text else parse(mended, letters, template, truncated, end_tokens),
    )


def _cut(text: str, end_tokens: Sequence[str]) -> str:
    ends = [position for token in end_tokens if (position := text.find(token)) >= 0]
    return text[: min(ends, default=len(text))].strip()


def _mend(text: str, literals: Sequence[str]) -> str:
    for closing in literals[1::2]:
        text = text.replace(closing.replace("</", "<\\"), closing)
    return text


def _spans(text: str, literals: Sequence[str], counts: Mapping[str, int]) -> dict[str, Span]:
    """Return where the two bodies are and, in the reasoning, its two systems; only what is well delimited."""
    spans = {}
    for name, opening, closing in (("reasoning", *literals[:2]), ("answer", *literals[2:])):
        start, end = text.find(opening) + len(opening), text.find(closing)
        if counts[opening] == counts[closing] == 1 and start <= end:
            spans[name] = (start, end)
    if "reasoning" in spans:
        start, end = spans["reasoning"]
        first, second = (_SYSTEM[name].search(text, start, end) for name in "12")
        if first and second and first.start() < second.start():
            spans |= {"system_1": (first.end(), second.start()), "system_2": (second.end(), end)}
    return spans


def _piece(text: str, spans: Mapping[str, Span], name: str) -> str | None:
    return text[slice(*spans[name])].strip() if name in spans else None


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


def _boxes(text: str) -> tuple[str | None, ...]:
    r"""Return the contents of every `\boxed{...}`, None where the braces are missing or never closed.

    Splitting first keeps a long run of unclosed boxes linear: each looks for its brace only up to the next box.
    """
    return tuple(_braced(part.lstrip()) for part in text.split(BOX)[1:])


def _braced(part: str) -> str | None:
    content, closing, _ = part.partition("}")
    return content[1:].strip() if closing and content.startswith("{") else None


def without_boxes(text: str) -> str:
    r"""Return `text` with a space for every `\boxed{...}`; of a box that is not closed only the word goes."""
    head, *parts = text.split(BOX)
    return " ".join((head, *(part if _braced(part.lstrip()) is None else part.partition("}")[2] for part in parts)))


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
