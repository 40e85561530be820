"""Benchmarks to evaluate policies on: whole sources, with what was left out and what overlaps training data."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from etils import epath

from alignment.common.recipe import RECIPE, read_recipe
from alignment.common.registry import lookup
from alignment.data import vignettes
from alignment.data.contamination import find_overlaps, prepare
from alignment.data.locations import keep_equal_options
from alignment.data.sources import GENERATED_SCOPES, SOURCES, every_source, read_source
from alignment.errors import UserError
from alignment.record import Record

GENERATED_COUNT = 400  # of generated questions where no limit is set
SHOWN_IDS = 20  # in a message


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """A set of questions with gold answers, scored as a whole."""

    name: str
    source: str
    path: str  # "" for generated questions
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    refused: tuple[str, ...] = ()  # rows of the file that are no record, with file, row and reason
    overlaps: Mapping[str, str] = dataclasses.field(default_factory=dict)  # id -> the training record that shares text

    def describe(self) -> dict[str, Any]:
        """Return what it is and what was counted, as JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "path": self.path,
            "questions": len(self.records),
            "refused": list(self.refused),
            "equal_options": [record.id for record in self.records if record.equal_options],
            "overlap_with_training": dict(self.overlaps),
            "notes": list(self.notes),
        }


def parse_sources(text: str, flag: str) -> list[tuple[str, str]]:
    """Return (source, path) pairs of `source:FILE,source:FILE`; a generated source has no path.

    Raises:
      UserError: nothing named, an unknown source, or a path that is missing.
    """
    pairs = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        source, _, path = part.partition(":")
        lookup(dict.fromkeys(every_source()), source, f"source ({flag})")
        if not path and source in SOURCES:
            raise UserError(
                f"{flag}: {source} needs a file, as in {flag}={source}:FILE; docs/data.md lists the sources"
            )
        if path and source in GENERATED_SCOPES:
            raise UserError(f"{flag}: {source} is generated and reads no file; write {flag}={source}")
        pairs.append((source, path))
    if not pairs:
        raise UserError(f"{flag}={text}: names no benchmark; write source:FILE, as in {flag}=medqa:test.jsonl")
    return pairs


def load_benchmarks(pairs: Sequence[tuple[str, str]], limit: int = 0, seed: int = 0) -> list[Benchmark]:
    """Return the benchmarks, read whole: rows whose options have equal texts are questions too, and are listed.

    Args:
      pairs: those of `parse_sources`.
      limit: the first so many questions of each; 0 for all (400 of generated ones).
      seed: of generated questions.

    Raises:
      UserError: a file that cannot be read, or of whose rows too many are refused.
    """
    counts = Counter(source for source, _ in pairs)
    benchmarks = []
    for source, path in pairs:
        name = source if counts[source] == 1 else f"{source}:{os.path.basename(path)}"
        if source in GENERATED_SCOPES:
            records = vignettes.generate(limit or GENERATED_COUNT, seed, "eval", scope=GENERATED_SCOPES[source])
            benchmarks.append(Benchmark(name, source, "", tuple(records), ("generated questions, held out by case",)))
            continue
        loaded = read_source(source, keep_equal_options(path))
        records, notes = loaded.records, loaded.notes
        if limit and limit < len(records):
            records, notes = records[:limit], (*notes, f"the first {limit} of {len(records)} questions (--limit)")
        benchmarks.append(Benchmark(name, source, path, tuple(records), notes, loaded.refused))
    names = [benchmark.name for benchmark in benchmarks]
    if len(set(names)) < len(names):
        raise UserError("--on: names one file twice, or two files of one name; evaluate them in separate calls")
    return benchmarks


def recorded_training(adapters: Iterable[epath.Path]) -> list[tuple[str, str]]:
    """Return the (source, path) pairs of the data that runs of ours trained adapters on, from the recipes beside them.

    An adapter of another origin, or of a run without recipe.py, has none; use --trained_on for it.
    """
    pairs = []
    for recipe in dict.fromkeys(adapter.parent.parent.parent / RECIPE for adapter in adapters):
        leaves = read_recipe(recipe)
        named = [(leaves.get(f"data.{role}.source"), leaves.get(f"data.{role}.path")) for role in ("sft", "rl")]
        pairs += [(source, path) for source, path in named if source in SOURCES and isinstance(path, str)]
    return list(dict.fromkeys(pairs))


def read_training(pairs: Sequence[tuple[str, str]]) -> list[Record]:
    """Return the records of training data, to compare benchmarks with; generated ones are held out by case anyway."""
    named = [(source, path) for source, path in pairs if source in SOURCES]
    return [record for source, path in named for record in read_source(source, keep_equal_options(path)).records]


def with_overlaps(benchmarks: Sequence[Benchmark], training: Sequence[Record]) -> list[Benchmark]:
    """Return the benchmarks with the ids of their questions that training records share text with.

    The runs of words and characters are those of `data.contamination`. It names one question for each record that it
    searches, so it searches both ways: a question in training questions, and training records (with their chains of
    thought) in questions.
    """
    if not training:
        return list(benchmarks)
    trained, marked = prepare({"training": training}), []
    for benchmark in benchmarks:
        tested = prepare({benchmark.name: benchmark.records})
        pairs = {overlap.record: training[index].id for index, overlap in find_overlaps(training, tested).items()}
        for index, overlap in find_overlaps(benchmark.records, trained).items():
            pairs.setdefault(benchmark.records[index].id, overlap.record)
        ids = ", ".join(list(pairs)[:SHOWN_IDS]) + (", ..." if len(pairs) > SHOWN_IDS else "")
        note = (f"{len(pairs)} question(s) share text with the training data: {ids}",) if pairs else ()
        marked.append(dataclasses.replace(benchmark, overlaps=pairs, notes=(*benchmark.notes, *note)))
    return marked


def check_overlaps(benchmarks: Sequence[Benchmark], allowed: bool) -> None:
    """Raise `UserError` with the ids where a benchmark overlaps the training data, unless that is `allowed`."""
    for benchmark in benchmarks:
        if benchmark.overlaps and not allowed:
            raise UserError(
                f"--on: {benchmark.name}: {benchmark.notes[-1]}; evaluate another set, or --overlap=flag to go on and "
                "have the report list them"
            )
