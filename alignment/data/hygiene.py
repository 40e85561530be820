"""Removing records from training data: every removal has a reason and names the record that caused it.

The order is fixed. Records are split by question beforehand; of equal and nearly equal records the first stays; the
rest is compared with every evaluation set.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from alignment.common.tables import markdown_table
from alignment.data.contamination import find_overlaps, prepare, tally
from alignment.data.duplicates import GENERATED, exact_duplicates, near_duplicates
from alignment.errors import UserError
from alignment.record import Record

EXACT, NEAR, CONTAMINATED = "exact duplicate", "near duplicate", "contaminated"
REASONS = (EXACT, NEAR, CONTAMINATED)
EXAMPLES = 5  # of each reason, in the report
EXCERPT = 160  # characters of a text in the report


@dataclasses.dataclass(frozen=True)
class HygieneConfig:
    """What counts as too much alike; the leaves of `config.hygiene`."""

    near_duplicates: float = 0.8  # Jaccard similarity of word 5-grams; 0: not looked for
    words: int = 13
    characters: int = 64
    overlap: float = 0.0  # largest share of an evaluation question that a record may hold in shared runs

    def __post_init__(self) -> None:
        for name in ("near_duplicates", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"--config.hygiene.{name}={getattr(self, name)}: give a share between 0 and 1")
        for name in ("words", "characters"):
            if getattr(self, name) < 1:
                raise UserError(f"--config.hygiene.{name}={getattr(self, name)}: a run has at least one")


@dataclasses.dataclass(frozen=True)
class Removal:
    """A record that was removed, and which record caused it."""

    record: Record
    reason: str  # of REASONS
    because: str  # id of the record that stays, or of the evaluation record
    detail: str  # similarity, or kinds and share of an overlap
    test: str = ""  # evaluation set
    kinds: tuple[str, ...] = ()  # of contamination
    text: str = ""  # shared by the two


@dataclasses.dataclass(frozen=True)
class Cleaned:
    """The records that stay, in order, and everything that happened to the others."""

    records: list[Record]
    removals: tuple[Removal, ...]
    read: Mapping[str, int]  # source -> records before
    kept_alike: int  # near duplicates with another gold answer, which stay
    tests: Mapping[str, int]  # evaluation set -> questions compared with


def clean(records: Sequence[Record], tests: Mapping[str, Sequence[Record]], limits: HygieneConfig) -> Cleaned:
    """Return `records` without duplicates and without what overlaps `tests` {name: evaluation records}."""
    read = collections.Counter(record.source for record in records)
    twins = exact_duplicates(records)
    removals = [
        Removal(records[index], EXACT, records[twin.first].id, "same gold" if twin.same_gold else "another gold")
        for index, twin in twins.items()
    ]
    records = _without(records, twins)
    twins = near_duplicates(records, limits.near_duplicates) if limits.near_duplicates else {}
    near = {index: twin for index, twin in twins.items() if twin.same_gold}
    removals += [
        Removal(records[index], NEAR, records[twin.first].id, f"similarity {twin.similarity:.2f}")
        for index, twin in near.items()
    ]
    records, contaminated = decontaminate(_without(records, near), tests, limits)
    sizes = {name: len(questions) for name, questions in tests.items()}
    return Cleaned(records, (*removals, *contaminated), read, len(twins) - len(near), sizes)


def decontaminate(
    records: Sequence[Record], tests: Mapping[str, Sequence[Record]], limits: HygieneConfig
) -> tuple[list[Record], list[Removal]]:
    """Return the records that do not overlap `tests` more than `limits` allow, and the removals."""
    if not any(tests.values()):
        return list(records), []
    overlaps = find_overlaps(records, prepare(tests, limits.words, limits.characters), limits.overlap)
    removals = [
        Removal(
            records[index],
            CONTAMINATED,
            overlap.record,
            f"{' and '.join(overlap.kinds)}, {overlap.share:.0%} of the question in {overlap.test}",
            overlap.test,
            overlap.kinds,
            overlap.text,
        )
        for index, overlap in overlaps.items()
    ]
    return _without(records, overlaps), removals


def _without(records: Sequence[Record], gone: Mapping[int, Any]) -> list[Record]:
    return [record for index, record in enumerate(records) if index not in gone]


# -------------------------------------------------------------------------------------------------------------- report


def summary(cleaned: Cleaned, limits: HygieneConfig) -> dict[str, Any]:
    """Return the report as JSON: counts by source and reason, overlaps by kind and evaluation set, every removal."""
    by_set: dict[str, list[Removal]] = {name: [] for name in cleaned.tests}
    for removal in cleaned.removals:
        if removal.reason == CONTAMINATED:
            by_set[removal.test].append(removal)
    sources = {}
    for source, read in sorted(cleaned.read.items()):
        reasons = collections.Counter(item.reason for item in cleaned.removals if item.record.source == source)
        fates = {reason: reasons[reason] for reason in REASONS}
        sources[source] = {"read": read, **fates, "kept": read - sum(fates.values())}
    return {
        "limits": dataclasses.asdict(limits),
        "sources": sources,
        "alike with another gold, kept": cleaned.kept_alike,
        "evaluation sets": {
            name: {"questions": cleaned.tests[name], "records removed": len(removals), **tally(removals)}
            for name, removals in by_set.items()
        },
        "removed": [
            {"id": item.record.id, "source": item.record.source, "reason": item.reason, "because": item.because}
            | {"evaluation set": item.test, "detail": item.detail, "shared": item.text[:EXCERPT]}
            for item in cleaned.removals
        ],
    }


def readable(report: Mapping[str, Any], cleaned: Cleaned) -> str:
    """Return the report as Markdown, with a few examples of each reason."""
    head = ("source", "read", *REASONS, "kept")
    rows = [(source, *(f"{value:,}" for value in fates.values())) for source, fates in report["sources"].items()]
    limits = report["limits"]
    rules = (
        "Questions were split before anything was removed, and of equal records the first stays. Exact: the same "
        "question and options once case, punctuation and order are set aside; of generated vignettes the same stem. "
        f"Near: Jaccard similarity of word 5-grams from {limits['near_duplicates']} on and the same gold answer "
        f"(alike with another gold, and kept: {report['alike with another gold, kept']}). Contaminated: runs shared "
        f"with an evaluation question cover more than {limits['overlap']:.0%} of it, or the question is the same. "
        f"Records of the source `{GENERATED}` share templates: near duplicates are not looked for among them, and "
        "against other vignettes only the whole question is compared."
    )
    parts = ["# What was removed, and why", markdown_table(head, rows), rules]
    if report["evaluation sets"]:
        kinds = ("questions", "records removed", "question", "words", "characters")
        rows = [(name, *(f"{counts[kind]:,}" for kind in kinds)) for name, counts in report["evaluation sets"].items()]
        runs = (f"{limits['words']} words", f"{limits['characters']} characters")
        head = ("evaluation set", "questions", "records removed", "the question itself", *runs)
        parts += ["## Overlap with evaluation sets", markdown_table(head, rows)]
    for reason in REASONS:
        shown = [item for item in cleaned.removals if item.reason == reason][:EXAMPLES]
        if shown:
            texts = (" ".join((item.text or item.record.question).split())[:EXCERPT] for item in shown)
            rows = [(item.record.id, item.because, item.detail, text) for item, text in zip(shown, texts, strict=True)]
            parts += [f"## Examples: {reason}", markdown_table(("record", "owed to", "how", "text"), rows)]
    return "\n\n".join(parts)


def reports(cleaned: Cleaned, limits: HygieneConfig) -> dict[str, str]:
    """Return the two files of the report, hygiene.json and hygiene.md."""
    report = summary(cleaned, limits)
    return {"hygiene.json": json.dumps(report, indent=1, ensure_ascii=False), "hygiene.md": readable(report, cleaned)}
