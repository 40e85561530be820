"""Finding many fixed phrases in a text at once, token by token: linear in the text for a fixed set of phrases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from alignment.text.words import tokens

Name = TypeVar("Name")

_DENIALS = frozenset(
    ("no", "not", "nor", "never", "without", "neither", "cannot", "denies", "denied", "lacks", "absent", "than")
    + ("avoid", "avoids", "against", "instead", "unlike", "stop", "withhold", "excludes", "excluded")
    + ("rules", "ruled", "precludes", "contraindicates")
)
_DENIALS_AFTER = frozenset(
    ("not", "absent", "excluded", "contraindicated", "avoided", "unsafe", "harmful", "inappropriate", "wrong")
)
_REACH = 5  # tokens before a phrase, and after it


class Phrases(Generic[Name]):
    """A set of phrases with what each stands for."""

    def __init__(self, phrases: Iterable[tuple[Sequence[str], Name]]):
        """Index (words, name) pairs by their first word, the longest phrase first."""
        self._by_head: dict[str, list[tuple[list[str], Name]]] = {}
        for words, name in phrases:
            if words:
                self._by_head.setdefault(words[0], []).append((list(words), name))
        for same_head in self._by_head.values():
            same_head.sort(key=lambda phrase: -len(phrase[0]))

    @classmethod
    def of(cls, texts: Mapping[str, Name]) -> Phrases[Name]:
        """Index the words and numbers of each text."""
        return cls((tokens(text), name) for text, name in texts.items())

    def find(self, words: Sequence[str]) -> Iterator[tuple[int, int, Name]]:
        """Yield (start, end, name) of every phrase in lower-cased `words`; none lies inside one found before it."""
        taken = 0
        for index, word in enumerate(words):
            for wanted, name in self._by_head.get(word, ()) if index >= taken else ():
                if list(words[index : index + len(wanted)]) == wanted:
                    taken = index + len(wanted)
                    yield index, taken, name
                    break


def denied(words: Sequence[str], start: int, end: int) -> bool:
    """Whether the phrase `words[start:end]` of a sentence is negated or advised against just before or after it."""
    before = words[max(0, start - _REACH) : start]
    after = words[end : end + _REACH]
    return not (_DENIALS.isdisjoint(before) and _DENIALS_AFTER.isdisjoint(after))
