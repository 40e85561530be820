r"""A completion, parsed once: every reward, audit and report reads the `Response` and never the raw text again.

Definitions (a reconstruction where the papers leave them open):

- *strict*: after the cut at the first end token and a strip, the text is the reasoning block, optional white space, the
  answer block, and nothing else; each of the four literals occurs exactly once (case-sensitive), neither body is blank
  and the completion was not truncated. No box is required.
- *letter*, the strict reading: the one option that the answer block affirms, in any dress (`alignment/text/choice.py`).
  It is what rewards pay and reports head with. Without one well-delimited answer block beyond the reasoning there is
  none; nor where the text behind the block takes the answer back.
- *lenient*, the lenient reading: the letter, or where there is none the one option that the response as a whole
  affirms. It is reported and never paid.
- *System 1*, *System 2*: in the reasoning block, the text after the first "System 1" and after the first "System 2"
  (any case and white space, at word boundaries), the former in front; else neither. CRPO (2512.00601) names the parts
  and not how to find them.
- *repaired*: the same completion read with backslash-closed tags (`<\think>`) mended, as the scorer released with
  Clinical-R1 does; for the preset `grpo_r1` alone.

Everything is `str.count`, `str.find`, `str.split`, expressions of bounded alternatives and single passes over tokens:
time is linear in the length, whatever a policy writes.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from alignment.text.choice import Choice, read_choice
from alignment.text.option_letters import Options
from alignment.text.templates import BOX, END_TOKENS, Template

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
    letter: str | None  # the one option that the answer block affirms
    letter_source: str  # where it does: "boxed" (at least once), "fallback" (in words alone) or "none"
    boxes: tuple[str, ...]  # contents of the boxes in the answer block, or in the text where there is no such block
    tag_counts: Mapping[str, int]  # the template's four literals, in order
    strict: bool
    violations: tuple[str, ...]
    truncated: bool
    stated: str | None = None  # without a letter: the one option that the text as a whole affirms
    system_1: str | None = None  # the intuitive part of the reasoning block, stripped
    system_2: str | None = None  # the analytical part
    # What each `\boxed` of the whole text holds; None where its braces are missing or never closed.
    all_boxes: tuple[str | None, ...] = ()
    # [start, end) in `text` of "reasoning", "answer", "system_1", "system_2" (unstripped) and "stated", where found.
    spans: Mapping[str, Span] = dataclasses.field(default_factory=dict)
    repaired: Response | None = None  # None where there is no backslash-closed tag

    @property
    def lenient(self) -> str | None:
        """The option affirmed in the answer block, else anywhere in the text; reported beside `letter`, never paid."""
        return self.letter or self.stated

    @property
    def verdict(self) -> str | None:
        """The option a teacher's text is filed under: `letter` where there is an answer block, else `stated`."""
        return self.letter if self.answer is not None else self.stated

    @property
    def best_repaired(self) -> Response:
        """The response with its closing tags mended, which is itself where nothing needed mending."""
        return self.repaired or self


def parse(
    text: str,
    letters: Options,
    template: Template,
    truncated: bool = False,
    end_tokens: Sequence[str] = END_TOKENS,
    opening: str = "",
) -> Response:
    r"""Parse a completion to a question with these option letters; never raises, in time linear in `len(text)`.

    Args:
      text: what the model wrote.
      letters: the option letters or, so that an option's own words are never taken for a rejection or another option,
        the record's `options`.
      template: the blocks it should have.
      truncated: the sampler ran out of tokens before the model chose to end.
      end_tokens: what ends the text.
      opening: what the chat template had written in the model's place, such as "<think>\n"; it is part of the text.
    """
    text = opening + text
    ends = [position for token in end_tokens if (position := text.find(token)) >= 0]
    text = text[: min(ends, default=len(text))].strip()
    tag_counts = {literal: text.count(literal) for literal in template.literals}
    spans = _spans(text, template.literals, tag_counts)
    answer = _piece(text, spans, "answer")
    violations = _violations(text, template.literals, tag_counts, truncated)
    choice = _chosen(text, spans, template.literals[3], letters)
    stated = None if choice else read_choice(text, letters, truncated)
    if stated:
        spans["stated"] = (stated.start, stated.start + len(stated.letter))
    mended = text
    for closing in template.literals[1::2]:
        mended = mended.replace(closing.replace("</", "<\\"), closing)
    return Response(
        text=text,
        reasoning=_piece(text, spans, "reasoning"),
        answer=answer,
        letter=choice.letter if choice else None,
        letter_source=("boxed" if choice.boxed else "fallback") if choice else "none",
        boxes=tuple(box or "" for box in _boxes(text if answer is None else answer)),
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


def _chosen(text: str, spans: Mapping[str, Span], closing: str, letters: Options) -> Choice | None:
    """Return what the answer block affirms, unless it stands inside the reasoning or is taken back behind the block."""
    if "answer" not in spans:
        return None
    start, end = spans["answer"]
    first, last = spans.get("reasoning", (end, end))
    choice = None if first <= start < last else read_choice(text[start:end], letters)
    behind = text[end + len(closing) :]
    if choice and behind.strip():
        both = read_choice(f"{text[start:end]}\n{behind}", letters)
        return choice if both and both.letter == choice.letter else None
    return choice


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
    violations = ["truncated"] if truncated else []
    miscounted = [f"{'repeated' if counts[tag] else 'missing'} {tag}" for tag in literals if counts[tag] != 1]
    if miscounted:
        return (*violations, *miscounted)
    first, second, third, fourth = (text.find(tag) for tag in literals)
    if not first < second < third < fourth:
        return (*violations, "order")
    before, after = text[:first], text[fourth + len(literals[3]) :]
    between = text[second + len(literals[1]) : third]
    if any(part.strip() for part in (before, between, after)):
        violations.append("outside")
    for tag, start, end in ((literals[0], first, second), (literals[2], third, fourth)):
        if not text[start + len(tag) : end].strip():
            violations.append(f"empty {tag}")
    return tuple(violations)


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
