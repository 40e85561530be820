"""Two learned guessers for multiple-choice records: one sees the options alone, one the stem beside each option."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, SGDClassifier

from alignment.record import Record

BUCKETS = 2**20
Features = Callable[[Record, str], Iterator[str]]


def options_only(record: Record, letter: str) -> Iterator[str]:
    """Words, length, place and number of an option, and how they rank among the four."""
    texts = record.options
    text, lengths = texts[letter], sorted(len(other) for other in texts.values())
    yield f"letter {letter}"
    yield f"text {text}"
    yield f"length {len(text) // 4}"
    yield f"rank {lengths.index(len(text))}"
    words = re.findall(r"\w+", text.lower())
    yield f"words {len(words)}"
    yield from (f"word {word}" for word in words)
    yield from (f"pair {one} {two}" for one, two in zip(words, words[1:], strict=False))
    yield from (f"beside {text} | {other}" for other in texts.values() if other != text)
    numbers = {key: re.match(r"-?[\d.]+", value) for key, value in texts.items()}
    if all(numbers.values()):
        order = sorted(float(number[0]) for number in numbers.values())
        yield f"number rank {order.index(float(numbers[letter][0]))}"


def with_stem(record: Record, letter: str) -> Iterator[str]:
    """Every word and pair of words of the question, joined to the option."""
    text = record.options[letter]
    words = re.findall(r"\w+", record.question.lower())
    yield f"text {text}"
    for gram in {*words, *zip(words, words[1:], strict=False)}:
        yield f"{gram} => {text}"


def accuracy(
    features: Features, train: Sequence[Record], test: Sequence[Record], quick: bool = False
) -> tuple[float, Callable[[Sequence[Record]], float]]:
    """Fit "is this option the gold one?" on `train`; return the accuracy on `test` and the fitted scorer."""
    model = SGDClassifier(loss="log_loss", alpha=1e-6, random_state=0) if quick else LogisticRegression(max_iter=300)
    model.fit(_matrix(features, train), [letter == r.gold for r in train for letter in r.options])

    def score(records: Sequence[Record]) -> float:
        margins = model.decision_function(_matrix(features, records)).reshape(len(records), -1)
        letters = [list(r.options)[place] for r, place in zip(records, margins.argmax(axis=1), strict=True)]
        return float(np.mean([letter == r.gold for letter, r in zip(letters, records, strict=True)]))

    return score(test), score


def _matrix(features: Features, records: Sequence[Record]) -> csr_matrix:
    columns, starts = [], [0]
    for record in records:
        for letter in record.options:
            columns += [zlib.crc32(name.encode()) % BUCKETS for name in features(record, letter)]
            starts.append(len(columns))
    return csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(starts) - 1, BUCKETS))
