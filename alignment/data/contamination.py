"""Training records that share text with an evaluation question.

A record is contaminated when it asks an evaluation question, or holds a run of 13 words (Brown et al. 2020, 2005.14165,
appendix C) or of 64 characters that an evaluation question holds. The three are looked for and counted apart.
Searched are the question with its context, the chain of thought, the response and the answer of a training record; an
evaluation question is its context and question, without the options. Runs that stand in many evaluation questions are
common phrasing ("which of the following is the most appropriate next step ...") and do not count.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from alignment.common.progress import each
from alignment.data.duplicates import GENERATED
from alignment.data.ids import normalised_question
from alignment.data.shingles import Runs, character_runs, normalised_words, word_runs
from alignment.record import Record

COMMON = 10  # a run that occurs in more evaluation questions than this is a common phrase
SPARSITY = 32  # entries of the table that answers most look-ups without a search, for each run
MOST_BITS = 27  # of that table's size: 128 MiB
CHUNK = 2048  # training records searched at a time
KINDS = ("question", "words", "characters")
SEPARATOR = "\n"  # between the fields of a record; no normalised text holds it


class Overlap(NamedTuple):
    """Why a training record is contaminated: with which evaluation question, and the text they share."""

    kinds: tuple[str, ...]  # of KINDS
    test: str  # name of the evaluation set
    record: str  # id of its record
    share: float  # of the evaluation question's words or characters, whichever is more, that lie in shared runs
    text: str  # the first shared run, normalised


@dataclasses.dataclass(frozen=True)
class Tested:
    """The evaluation questions, indexed for searching."""

    names: tuple[tuple[str, str], ...]  # (evaluation set, id) of each question, generated ones last
    public: int  # how many of them are not generated
    texts: tuple[str, ...]  # normalised
    whole: Mapping[str, int]  # normalised question -> its number
    words: Lookup
    characters: Lookup
    word_size: int
    character_size: int


class Lookup(NamedTuple):
    """Hashes of runs [M], sorted, the question each came from [M], and a bit table of those that occur."""

    hashes: np.ndarray
    owners: np.ndarray
    table: np.ndarray

    def hits(self, hashes: np.ndarray) -> np.ndarray:
        """Return the positions in `hashes` of those that the table holds."""
        near = np.flatnonzero(self.table[_entries(hashes, self.table.size)])
        positions = np.searchsorted(self.hashes, hashes[near])
        positions[positions == len(self.hashes)] = 0
        return near[self.hashes[positions] == hashes[near]] if len(self.hashes) else near[:0]

    def of(self, hashes: np.ndarray) -> np.ndarray:
        """Return the first question with a run of each of these hashes, which the table must hold."""
        return self.owners[np.searchsorted(self.hashes, hashes)]


def prepare(tests: Mapping[str, Sequence[Record]], words: int = 13, characters: int = 64) -> Tested:
    """Return the questions of `tests` {name: records}, ready for `find_overlaps`."""
    questions = [(name, record) for name, records in tests.items() for record in records]
    questions.sort(key=lambda pair: pair[1].source == GENERATED)
    texts = tuple(normalised_question(record) for _, record in questions)
    return Tested(
        tuple((name, record.id) for name, record in questions),
        sum(record.source != GENERATED for _, record in questions),
        texts,
        {text: number for number, text in reversed(list(enumerate(texts)))},
        _lookup(word_runs([text.split() for text in texts], words)),
        _lookup(character_runs(texts, characters)),
        words,
        characters,
    )


def find_overlaps(records: Sequence[Record], tested: Tested, allowed: float = 0.0) -> dict[int, Overlap]:
    """Return {index of a contaminated record: its overlap}.

    `allowed` is the largest share of an evaluation question that a record may hold in shared runs: 0 allows no run at
    all, 1 anything but the whole question and nothing else. Generated vignettes share their templates, and are split
    by case when they are made: against other vignettes they are compared by the whole question alone.
    """
    overlaps: dict[int, Overlap] = {}
    starts = range(0, len(records), CHUNK)
    shown = each(starts, "overlap with evaluation", f"{CHUNK:,} records") if len(starts) > 1 else starts
    for start in shown:
        chunk = records[start : start + CHUNK]
        overlaps |= {start + index: overlap for index, overlap in _search(chunk, tested, allowed).items()}
    return overlaps


def tally(overlaps: Iterable[Overlap]) -> dict[str, int]:
    """Return how many records each kind of overlap meets; a record may be met by several."""
    counts = collections.Counter(kind for overlap in overlaps for kind in overlap.kinds)
    return {kind: counts[kind] for kind in KINDS}


class _Hit(NamedTuple):
    """The runs that a record shares with one evaluation question."""

    kind: str
    question: int
    share: float
    text: str


def _search(records: Sequence[Record], tested: Tested, allowed: float) -> dict[int, Overlap]:
    hits: dict[int, list[_Hit]] = collections.defaultdict(list)
    texts = []
    for index, record in enumerate(records):
        question = normalised_question(record)
        answers = [" ".join(normalised_words(field or "")) for field in (record.cot, record.response, record.answer)]
        texts.append(SEPARATOR.join([question, *filter(None, answers)]))
        if question in tested.whole:
            hits[index].append(_Hit("question", tested.whole[question], 1.0, question))
    for kind in KINDS[1:]:
        for index, hit in _shared_runs(kind, texts, records, tested):
            if hit.share > allowed:
                hits[index].append(hit)
    overlaps = {}
    for index, of_record in hits.items():
        kinds = tuple(kind for kind in KINDS if any(hit.kind == kind for hit in of_record))
        most = max(of_record, key=lambda hit: hit.share)
        overlaps[index] = Overlap(kinds, *tested.names[most.question], most.share, most.text.strip())
    return overlaps


def _shared_runs(
    kind: str, texts: Sequence[str], records: Sequence[Record], tested: Tested
) -> Iterator[tuple[int, _Hit]]:
    """Yield (index of a record, what it shares with one question), for every such pair but two generated vignettes."""
    if kind == "words":  # the separator becomes a word that no question has
        units: Sequence[Sequence[str]] = [text.replace(SEPARATOR, f" {SEPARATOR} ").split(" ") for text in texts]
        size, lookup, find, glue = tested.word_size, tested.words, word_runs, " "
    else:
        units, size, lookup, find, glue = texts, tested.character_size, tested.characters, character_runs, ""
    hits = find(units, size, lookup.hits)
    pairs: dict[tuple[int, int], list[int]] = collections.defaultdict(list)
    for index, number, start in zip(hits.owners, lookup.of(hits.hashes), hits.starts, strict=True):
        pairs[int(index), int(number)].append(int(start))
    for (index, number), starts in pairs.items():
        if records[index].source == GENERATED and number >= tested.public:
            continue
        text = glue.join(units[index][starts[0] : starts[0] + size])
        if text in tested.texts[number]:
            whole = len(tested.texts[number].split(" ")) if kind == "words" else len(tested.texts[number])
            covered = np.minimum(np.diff(starts), size).sum() + size  # the runs ascend and may overlap
            yield index, _Hit(kind, number, min(1.0, int(covered) / whole), text)


def _lookup(runs: Runs) -> Lookup:
    """Return the runs that occur in at most `COMMON` questions, each with the first of these questions."""
    order = np.lexsort((runs.owners, runs.hashes))
    hashes, owners = runs.hashes[order], runs.owners[order]
    fresh = np.ones(len(hashes), bool)  # the first of equal (hash, question) pairs
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
    hashes, owners = hashes[fresh], owners[fresh]
    unique, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    rare = counts <= COMMON
    table = np.zeros(1 << min(MOST_BITS, (SPARSITY * len(unique) + 1).bit_length()), bool)
    table[_entries(unique[rare], table.size)] = True
    return Lookup(unique[rare], owners[first[rare]], table)


def _entries(hashes: np.ndarray, size: int) -> np.ndarray:
    """The position of each hash in a table of `size`, a power of two: its highest bits."""
    return hashes >> np.uint64(65 - size.bit_length())
