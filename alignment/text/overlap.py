"""Where one text takes up another: statements that are covered, conclusions that point back, runs that are copied.

Definitions are a reconstruction (CRPO, 2512.00601, names the cross-reference and not how to find it). Linear time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignment.record import Record
from alignment.text.parser import Response, without_boxes
from alignment.text.words import content_words, is_number, tokens

COVERED = 0.5  # share of a statement's content words
_SHORTEST_SYSTEM = 5  # words of letters in each of the two systems
_SHARED_ITEMS, _SHARED_PART = 3, 0.3
_COPIED_PART = 0.9
_PRIME, _RADIX = (1 << 61) - 1, 1_000_003


def covered_share(statements: Sequence[str], text: str) -> float:
    """Return the share of `statements` of which at least half of the content words and numbers occur in `text`.

    A statement without content words is left out; without any statement the share is NaN. Against the labels of
    physicians on 221 pairs of answer and claim (K-QA) the rule is right in 68 % (mean of both classes) and its word
    share has an area under the curve of 0.76: a coarse measure, for whole sets of statements.
    """
    in_text = set(content_words(text))
    wanted = [words for statement in statements if (words := set(content_words(statement)))]
    hits = [len(words & in_text) >= COVERED * len(words) for words in wanted]
    return sum(hits) / len(hits) if hits else float("nan")


def two_systems(response: Response) -> bool:
    """Whether a strict response splits its reasoning into System 1 and System 2 with at least 5 words in each."""
    systems = [tokens(system or "") for system in (response.system_1, response.system_2)]
    words = [sum(not is_number(token) for token in system) for system in systems]
    return response.strict and min(words) >= _SHORTEST_SYSTEM


def cross_references(response: Response, record: Record) -> bool:
    """Whether the conclusion of a two-system response points back to its reasoning.

    With S the content words and numbers of the reasoning and C those of the conclusion (without boxes and the words of
    the options): |C & S| >= 3, |C & S| / |C| >= 0.3, and one shared item stands in the stem. Denied where more than
    90 % of the conclusion is one run of words copied from the reasoning, or where it is longer than the reasoning.
    """
    if not two_systems(response):
        return False
    conclusion = without_boxes(response.answer or "")
    reasoning = response.reasoning or ""
    options = {token for text in record.options.values() for token in tokens(text)}
    concluded = set(content_words(conclusion)) - options
    shared = concluded & set(content_words(reasoning))
    stem = {word for text in (*record.context, record.question) for word in content_words(text)}
    enough = len(shared) >= _SHARED_ITEMS and len(shared) >= _SHARED_PART * len(concluded)
    return enough and not shared.isdisjoint(stem) and not is_copy(conclusion.split(), reasoning.split())


def is_copy(words: Sequence[str], source: Sequence[str]) -> bool:
    """Whether `words` are more than `source`, or over 90 % of them are one run of words of `source`."""
    longest_allowed = int(_COPIED_PART * len(words) + 1e-9)
    return len(words) > len(source) or shares_run(words, source, longest_allowed + 1)


def copied_share(words: Sequence[str], source: Sequence[str], run: int = 8) -> float:
    """Return the share of `words` that stand in runs of at least `run` words which `source` has too; linear time."""
    if not run <= len(words):
        return 0.0
    codes = {word: code for code, word in enumerate(dict.fromkeys((*words, *source)), start=1)}
    known = set(_fingerprints([codes[word] for word in source], run))
    copied = [False] * len(words)
    free = 0  # words from here on are not marked yet, so that each is marked once
    for start, value in enumerate(_fingerprints([codes[word] for word in words], run)):
        if value in known:
            copied[max(start, free) : start + run] = [True] * (start + run - max(start, free))
            free = start + run
    return sum(copied) / len(words)


def shares_run(left: Sequence[str], right: Sequence[str], length: int) -> bool:
    """Whether a run of `length` words stands in both (fingerprints of Karp & Rabin 1987; linear time)."""
    if not 0 < length <= min(len(left), len(right)):
        return False
    codes = {word: code for code, word in enumerate(dict.fromkeys((*left, *right)), start=1)}
    known = set(_fingerprints([codes[word] for word in left], length))
    return any(value in known for value in _fingerprints([codes[word] for word in right], length))


def _fingerprints(codes: Sequence[int], length: int) -> Iterator[int]:
    leaving, value = pow(_RADIX, length, _PRIME), 0
    for index, code in enumerate(codes):
        value = (value * _RADIX + code) % _PRIME
        if index >= length:
            value = (value - codes[index - length] * leaving) % _PRIME
        if index >= length - 1:
            yield value
