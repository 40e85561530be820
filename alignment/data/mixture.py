"""A weighted mixture of sources, split by question into a half for SFT and one for GRPO, and cleaned."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.common.tables import markdown_table
from alignment.data import vignettes
from alignment.data.card import Product
from alignment.data.hygiene import HygieneConfig, clean, reports
from alignment.data.sources import GENERATED_SCOPES, SOURCES, load_source
from alignment.data.splits import split_by_question
from alignment.errors import UserError
from alignment.record import Record

ROLES = ("rl", "sft")  # of equal records in both halves, that of the first stays
Parts = dict[str, list[Record]]

LIMITS = (
    "Every source keeps its own licence and limits; a mixture may be used only as all of them allow.",
    "Overlap is looked for in words and characters: a reworded question, or a translation, is not found.",
    "The halves share no question and no near duplicate; they may share a subject, a case written anew or a template.",
)


class Ingredient(NamedTuple):
    """A source, what it reads, and its share of the mixture before it is made to sum to one."""

    source: str
    path: str  # for vignettes, how many
    weight: float = 1.0

    @property
    def name(self) -> str:
        """The name in reports."""
        return f"{self.source}:{self.path}"


def build_mixture(config: ConfigDict) -> Product:
    """Return the mixture of `config.mixture`, cleaned by `config.hygiene`, as the splits `sft` and `rl`.

    Raises:
      UserError: an entry that does not read as SOURCE:PATH=WEIGHT, what its source raises, a share that is none, or a
        half that nothing is left for.
    """
    mixture, limits = config.mixture, HygieneConfig(**config.hygiene)
    if not 0 < mixture.sft_share < 1:
        raise UserError(f"--config.mixture.sft_share={mixture.sft_share}: give a share between 0 and 1")
    ingredients = [parse_ingredient(text, "--config.mixture.sources") for text in mixture.sources]
    if not ingredients or mixture.count < 0:
        raise UserError("--config.mixture.sources=SOURCE:PATH=WEIGHT,... names what to mix, and count is 0 or more")
    tested = [parse_ingredient(text, "--config.mixture.evals", weighted=False) for text in mixture.evals]
    tests = {item.name: read_ingredient(item, config.seed, "eval")[0] for item in tested}
    pools, notes = _pools(ingredients, config.seed)
    origin = {id(record): item.name for item, records in pools.items() for record in records}
    # All sources are dealt together, so that a question which two of them contain falls into one half. The counts are
    # far more than there are questions and so set the proportion alone.
    counts = {"rl": round((1 - mixture.sft_share) * 1e6) * 1000, "sft": round(mixture.sft_share * 1e6) * 1000}
    halves = split_by_question([record for records in pools.values() for record in records], counts, config.seed)
    cleaned = clean([record for role in ROLES for record in halves[role]], tests, limits)
    clean_ids = {id(record) for record in cleaned.records}
    parts = {role: [record for record in records if id(record) in clean_ids] for role, records in halves.items()}
    _check_filled(parts, ingredients, origin)
    weights = {item.name: item.weight for item in ingredients}
    sizes = {"rl": round(mixture.count * (1 - mixture.sft_share)), "sft": round(mixture.count * mixture.sft_share)}
    mixed = {role: weigh(records, weights, origin, sizes[role]) for role, records in parts.items()}
    files = reports(cleaned, limits)
    files["hygiene.md"] += "\n\n" + _mixing(parts, mixed, weights, origin, notes)
    return _product(mixed, files, ingredients)


def parse_ingredient(text: str, flag: str, weighted: bool = True) -> Ingredient:
    """Return the ingredient that `SOURCE:PATH=WEIGHT` names, or `SOURCE:PATH` where there are no weights.

    Raises `UserError` naming `flag` where it does not read as that.
    """
    rest, _, weight = (text if weighted else f"{text}=1").rpartition("=")
    source, colon, path = rest.partition(":")
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not colon or not path or not number > 0 or number == float("inf"):
        shape = "SOURCE:PATH=WEIGHT, as in medqa:train.jsonl=2" if weighted else "SOURCE:PATH"
        raise UserError(f"{flag}: {text!r} does not read as {shape} (vignettes:COUNT generates)")
    lookup({**SOURCES, **GENERATED_SCOPES}, source, f"source in {flag}")
    if source in GENERATED_SCOPES and not path.isdecimal():
        raise UserError(f"{flag}: {source}:{path}: say how many vignettes, as in {source}:1000")
    return Ingredient(source, path, number)


def read_ingredient(item: Ingredient, seed: int, split: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of a source and its notes; vignettes are generated, of the split "train" or "eval"."""
    if item.source in GENERATED_SCOPES:
        return vignettes.generate(int(item.path), seed, split, scope=GENERATED_SCOPES[item.source]), ()
    return load_source(item.source, item.path)


def _pools(ingredients: Sequence[Ingredient], seed: int) -> tuple[dict[Ingredient, list[Record]], list[str]]:
    pools: dict[Ingredient, list[Record]] = {}
    notes: list[str] = []
    taken: set[str] = set()
    for item in ingredients:
        if item.name in {other.name for other in pools}:
            raise UserError(f"--config.mixture.sources names {item.name} twice; give it one weight")
        records, source_notes = read_ingredient(item, seed, "train")
        pools[item] = []
        for record in records:
            # An id that another source uses already is prefixed by this source; within a file an id names one record.
            name = f"{item.name}#{record.id}" if record.id in taken else record.id
            taken.add(name)
            pools[item].append(record if name == record.id else dataclasses.replace(record, id=name))
        notes += [f"{item.name}: {note}" for note in source_notes]
    return pools, notes


def _check_filled(parts: Parts, ingredients: Sequence[Ingredient], origin: Mapping[int, str]) -> None:
    for role, records in parts.items():
        present = {origin[id(record)] for record in records}
        for item in ingredients:
            if item.name not in present:
                raise UserError(
                    f"--config.mixture.sources: nothing of {item.name} is left for {role} once duplicates and overlap "
                    "with evaluation sets are gone; leave it out, or weaken --config.hygiene"
                )


def weigh(
    records: Sequence[Record], weights: Mapping[str, float], origin: Mapping[int, str], count: int = 0
) -> list[Record]:
    """Return the first records of each ingredient, in the order given, so that their numbers are as the weights.

    Without a `count` the mixture is as large as it can be without taking a record twice; with one, an ingredient that
    has too few gives all it has.
    """
    available = collections.Counter(origin[id(record)] for record in records)
    total = sum(weights.values())
    whole = count or min(available[name] * total / weight for name, weight in weights.items())
    left = {name: round(whole * weight / total) for name, weight in weights.items()}
    chosen = []
    for record in records:
        name = origin[id(record)]
        if left[name] > 0:
            left[name] -= 1
            chosen.append(record)
    return chosen


def _mixing(
    parts: Parts, mixed: Parts, weights: Mapping[str, float], origin: Mapping[int, str], notes: Sequence[str]
) -> str:
    total = sum(weights.values())
    rows = []
    for role in mixed:
        clean_counts = collections.Counter(origin[id(record)] for record in parts[role])
        counts = collections.Counter(origin[id(record)] for record in mixed[role])
        for name, weight in weights.items():
            shares = f"{weight / total:.1%}", f"{counts[name] / len(mixed[role]):.1%}"
            rows.append((role, name, f"{clean_counts[name]:,}", f"{counts[name]:,}", *shares))
    head = ("half", "source", "clean records", "taken", "weight", "share")
    refused = "\n".join(f"- {note}" for note in notes) or "- nothing was refused"
    return f"## The mixture\n\n{markdown_table(head, rows)}\n\n## What the sources refused\n\n{refused}"


def _product(mixed: Parts, files: Mapping[str, str], ingredients: Sequence[Ingredient]) -> Product:
    licences = {record.licence or "unknown" for records in mixed.values() for record in records}
    sources = ", ".join(f"{item.name} ({item.weight:g})" for item in ingredients)
    report = json.loads(files["hygiene.json"])
    removed = sum(fates["read"] - fates["kept"] for fates in report["sources"].values())
    splits = {role: mixed[role] for role in ("sft", "rl")}
    return Product(
        "A mixture of clinical questions",
        f"Sources and weights: {sources}. Split by question into a half for supervised fine-tuning (`sft`) and one for "
        f"reinforcement learning (`rl`), then cleaned of duplicates and of overlap with "
        f"{len(report['evaluation sets'])} evaluation set(s): {removed:,} records went (`hygiene.md` says why).",
        tuple(sorted(hub_licence(licence) for licence in licences)),
        LIMITS,
        splits,
        {role: len(records) for role, records in splits.items()},
        files,
    )


def hub_licence(licence: str) -> str:
    """The name that the Hub has for a licence: "cc-by-4.0" for "CC BY 4.0"."""
    return licence.lower().replace(" ", "-")
