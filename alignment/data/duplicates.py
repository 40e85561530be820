"""Duplicates of earlier records: exact ones by normalised text, near ones by MinHash and an exact comparison.

Candidates for near duplicates come from MinHash with banding (Broder 1997; library: rensa); each is then compared by
its exact Jaccard similarity, so that the sketch only selects candidates and never decides what is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from alignment.common.progress import each
from alignment.data.ids import normalised_question
from alignment.data.shingles import normalised_words, word_runs
from alignment.record import Record

GENERATED = "vignettes"  # built from shared templates: only an equal stem makes a duplicate
SHINGLE = 5  # words
PERMUTATIONS = 128
BANDS = 32  # of 4: a pair of similarity 0.8 is missed with probability 5e-8, one of 0.7 with 2e-4
CHUNK = 4096  # texts hashed at a time


class Twin(NamedTuple):
    """The earlier record that a later one duplicates."""

    first: int  # index of the record that stays
    similarity: float  # Jaccard similarity of the two sets of word 5-grams, 1 for equal texts
    same_gold: bool  # whether the gold answers read alike


def exact_duplicates(records: Sequence[Record]) -> dict[int, Twin]:
    """Return {index of a record: the first record with the same question and options}, order and letters left out.

    Of generated vignettes the question alone is compared: no two may share a stem.
    """
    first: dict[tuple[str, ...], int] = {}
    twins: dict[int, Twin] = {}
    for index, record in enumerate(records):
        options = sorted(" ".join(normalised_words(text)) for text in record.options.values())
        compared = [] if record.source == GENERATED else options
        earlier = first.setdefault((normalised_question(record), *compared), index)
        if earlier != index:
            twins[index] = Twin(earlier, 1.0, gold_of(records[earlier]) == gold_of(record))
    return twins


def near_duplicates(records: Sequence[Record], threshold: float) -> dict[int, Twin]:
    """Return {index of a record: the most similar earlier one that stays}, from `threshold` on; vignettes are left out.

    Compared are context, question and options. A record alike in words whose gold answer reads otherwise is another
    question, because one changed finding can change the answer: it stays, and is listed with `same_gold` false.
    """
    from rensa import RMinHash, RMinHashLSH  # late, as everything that only hygiene needs

    remaining: dict[int, np.ndarray] = {}
    duplicates: dict[int, Twin] = {}
    index = RMinHashLSH(threshold, PERMUTATIONS, BANDS)
    for number, shingles in each(_shingled(records), "near duplicates", "record", len(records)):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=1)
        sketch.update([shingle.tobytes() for shingle in shingles])
        twins = []
        for other in index.query(sketch):
            common = np.intersect1d(shingles, remaining[other], assume_unique=True).size
            similarity = common / (shingles.size + remaining[other].size - common)
            if similarity >= threshold:
                twins.append(Twin(other, similarity, gold_of(records[other]) == gold_of(records[number])))
        if twins:
            duplicates[number] = max(twins, key=lambda twin: (twin.same_gold, twin.similarity, -twin.first))
        if not any(twin.same_gold for twin in twins):
            remaining[number] = shingles
            index.insert(number, sketch)
    return duplicates


def gold_of(record: Record) -> str:
    """Return the gold answer as normalised words: letters move when options are shuffled, texts do not."""
    return " ".join(normalised_words(record.gold_text))


def _shingled(records: Sequence[Record]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index, sorted hashes of its word 5-grams) of every record that is compared; short texts are one gram."""
    chosen = [index for index, record in enumerate(records) if record.source != GENERATED]
    for start in range(0, len(chosen), CHUNK):
        group = chosen[start : start + CHUNK]
        texts = []
        for index in group:
            record = records[index]
            words = normalised_words(" ".join((*record.context, record.question, *sorted(record.options.values()))))
            texts.append(words + [""] * (SHINGLE - len(words)))
        runs = word_runs(texts, SHINGLE)
        edges = np.searchsorted(runs.owners, np.arange(len(group) + 1))
        for index, begin, end in zip(group, edges, edges[1:], strict=False):
            yield index, np.unique(runs.hashes[begin:end])
