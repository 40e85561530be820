"""The option that a text says in so many words is its final answer: "the correct answer is (C)", "B is the answer".

Free chains of thought have neither tags nor boxes. Only an explicit phrase counts, never the words of an option: where
there is none the verdict is *unparsed*. One pass over the tokens with a bounded look around each "answer": linear time.
The list of phrases is a reconstruction. On 4153 published model answers to 2090 questions (MedMCQA, development) 24 %
hold such a phrase, and its letter is the one the answer was scored by in 99.9 % of those.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[^\W\d_]+(?:['’][^\W\d_]+)?|[^\w\s]|\n")
_NOUNS = frozenset(("answer", "option", "choice"))
_PRAISE = frozenset(("correct", "best", "right", "final", "appropriate", "likely", "suitable", "accurate"))
_LINKS = frozenset(("is", "be", ":", "="))
# Tokens that may stand between the link and the letter: "is therefore option (B".
_FILLERS = frozenset(
    ("option", "choice", "answer", "letter", "therefore", "thus", "hence", "clearly", "most", "likely", "probably")
    + ("indeed", "actually", "\\", "boxed", "text")
    + tuple(":=([{*\"'`“‘")
)
_CLOSERS = frozenset(")]}*\"'`”’")
_ALTERNATIVES = frozenset(("or", "and", "nor", "but", "/", "&", "+", "-"))
_NOUN_TO_LINK = 6  # tokens: "answer choice to the question would be"
_LINK_TO_LETTER = 8
_ALTERNATIVE_REACH = 16  # tokens: "B. Poly propylene or D. Poly sulphone"


class Statement(NamedTuple):
    """An option letter declared to be the answer, and where the letter stands in the text."""

    letter: str
    start: int


def find_stated(text: str, letters: Collection[str]) -> Statement | None:
    """Return the last explicit statement of the final answer in `text`, or None where it makes none.

    A phrase is "answer" (or a praised "option" or "choice": "the best option") with "is", "be" or a colon and then a
    letter of `letters`, or a letter, "is the" and a praised or plain "answer" or "choice". Negations, alternatives
    ("A or B") and the article in "the answer is A rare disease" are none.
    """
    words = _TOKEN.findall(text)
    lowered = [word.lower() for word in words]
    last = max(_statements(words, lowered, letters), default=None)
    if last is None:
        return None
    return Statement(words[last], next(itertools.islice(_TOKEN.finditer(text), last, None)).start())


def _statements(words: Sequence[str], lowered: Sequence[str], letters: Collection[str]) -> Iterator[int]:
    """Yield the positions of stated letters in the order of the phrases."""
    for index, word in enumerate(lowered):
        if word not in _NOUNS:
            continue
        after = _letter_after(words, lowered, index, letters)
        if after is not None:
            yield after
        else:
            yield from _letter_before(words, lowered, index, letters)


def _letter_after(words: Sequence[str], lowered: Sequence[str], noun: int, letters: Collection[str]) -> int | None:
    if lowered[noun] != "answer" and _PRAISE.isdisjoint(lowered[max(0, noun - 2) : noun]):
        return None
    reach = range(noun + 1, min(noun + 1 + _NOUN_TO_LINK, len(words)))
    link = next((index for index in reach if lowered[index] in _LINKS or not lowered[index].isalpha()), None)
    if link is None or lowered[link] not in _LINKS:
        return None
    for index in range(link + 1, min(link + 1 + _LINK_TO_LETTER, len(words))):
        if words[index] in letters:
            return index if _stands_alone(words, lowered, index, letters) else None
        if lowered[index] not in _FILLERS:
            return None
    return None


def _stands_alone(words: Sequence[str], lowered: Sequence[str], index: int, letters: Collection[str]) -> bool:
    """Whether the letter is neither the article "A" nor one of several options offered together."""
    after = index + 1
    while after < len(words) and words[after] in _CLOSERS:
        after += 1
    if after == len(words):
        return True
    if after == index + 1 and words[index] == "A" and lowered[after].isalpha() and words[after].islower():
        return lowered[after] in ("because", "since", "as", "which")
    return lowered[after] not in _ALTERNATIVES and not _alternative_follows(words, after, letters)


def _alternative_follows(words: Sequence[str], start: int, letters: Collection[str]) -> bool:
    """Whether the same line goes on to offer another option: "B. Propylene or D. Sulphone", "B, C"."""
    for index in range(start, min(start + _ALTERNATIVE_REACH, len(words) - 1)):
        if words[index] == "\n":
            return False
        joins = words[index].lower() in _ALTERNATIVES or (words[index] == "," and index == start)
        if joins and words[index + 1] in letters and not "".join(words[index + 2 : index + 3]).isalpha():
            return True
    return False


def _letter_before(words: Sequence[str], lowered: Sequence[str], noun: int, letters: Collection[str]) -> Iterator[int]:
    """Yield the letter of "(B) is therefore the most likely answer"."""
    index = noun - 1
    while index >= 0 and lowered[index] in _PRAISE | {"most"}:
        index -= 1
    if lowered[noun] == "option" or index < 2 or lowered[index] != "the":
        return
    index -= 2 if lowered[index - 1] in ("therefore", "thus", "hence", "clearly") else 1
    if index < 1 or lowered[index] != "is":
        return
    index -= 1
    while index > 0 and words[index] in _CLOSERS:
        index -= 1
    if words[index] in letters and (index == 0 or lowered[index - 1] not in _ALTERNATIVES):
        yield index
