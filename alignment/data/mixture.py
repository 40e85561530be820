"""A mixture of sources with weights: split by question, cleaned, and halved into what SFT and what GRPO may see."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ml_collections import ConfigDict

from alignment.data import vignettes
from alignment.data.card import table
from alignment.data.hygiene import Limits, clean, reports
from alignment.data.product import Product
from alignment.data.sources import GENERATED_SCOPES, SOURCES, load_source
from alignment.data.splits import split_by_question
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.lookup import lookup

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
        """How reports call it."""
        return f"{self.source}:{self.path}"


def build_mixture(config: ConfigDict) -> Product:
    """Return the mixture of `config.mixture`, cleaned by `config.hygiene`, as the splits `sft` and `rl`.

    Raises:
      UserError: an entry that does not read as SOURCE:PATH=WEIGHT, what its source raises, a share that is none, or a
        half that nothing is left for.
    """
    section, limits = config.mixture, Limits(**config.hygiene)
    if not 0 < section.sft_share < 1:
        raise UserError(f"--config.mixture.sft_share={section.sft_share}: give a share between 0 and 1")
    ingredients = [parse_ingredient(text, "--config.mixture.sources") for text in section.sources]
    if not ingredients or section.count < 0:
        raise UserError("--config.mixture.sources=SOURCE:PATH=WEIGHT,... names what to mix, and count is 0 or more")
    tested = [parse_ingredient(text, "--config.mixture.evals", weighted=False) for text in section.evals]
    tests = {item.name: read_ingredient(item, config.seed, "eval")[0] for item in tested}
    pools, notes = _pools(ingredients, config.seed)
    origin = {id(record): item.name for item, records in pools.items() for record in records}
    halves = _halves([record for records in pools.values() for record in records], section.sft_share, config.seed)
    cleaned = clean([record for role in ROLES for record in halves[role]], tests, limits)
    kept = {id(record) for record in cleaned.records}
    parts = {role: [record for record in records if id(record) in kept] for role, records in halves.items()}
    _check_filled(parts, ingredients, origin)
    weights = {item.name: item.weight for item in ingredients}
    mixed = {role: weigh(records, weights, origin, _count(section, role)) for role, records in parts.items()}
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
        records, said = read_ingredient(item, seed, "train")
        pools[item] = _with_own_ids(records, item, taken)
        notes += [f"{item.name}: {note}" for note in said]
    return pools, notes


def _with_own_ids(records: Sequence[Record], item: Ingredient, taken: set[str]) -> list[Record]:
    """Put the source before an id that another source has already; in one file an id stands for one record."""
    own = []
    for record in records:
        name = record.id if record.id not in taken else f"{item.name}#{record.id}"
        taken.add(name)
        own.append(record if name == record.id else dataclasses.replace(record, id=name))
    return own


def _halves(records: Sequence[Record], sft_share: float, seed: int) -> Parts:
    """Deal all sources together, so that a question which two of them ask falls into one half."""
    total = 1_000_000  # more than there are questions, so that the counts only set the proportion
    counts = {"rl": round(total * (1 - sft_share)) * 1000, "sft": round(total * sft_share) * 1000}
    return split_by_question(records, counts, seed)


def _check_filled(parts: Parts, ingredients: Sequence[Ingredient], origin: Mapping[int, str]) -> None:
    for role, records in parts.items():
        found = {origin[id(record)] for record in records}
        for item in ingredients:
            if item.name not in found:
                raise UserError(
                    f"--config.mixture.sources: nothing of {item.name} is left for {role} once duplicates and overlap "
                    "with evaluation sets are gone; leave it out, or weaken --config.hygiene"
                )


def _count(section: ConfigDict, role: str) -> int:
    share = section.sft_share if role == "sft" else 1 - section.sft_share
    return round(section.count * share)


def weigh(
    records: Sequence[Record], weights: Mapping[str, float], origin: Mapping[int, str], count: int = 0
) -> list[Record]:
    """Return the first records of each ingredient, in the order given, so that their numbers are as the weights.

    Without a `count` the mixture is as large as it can be without taking a record twice; with one, an ingredient that
    has too few gives all it has.
    """
    found = collections.Counter(origin[id(record)] for record in records)
    total = sum(weights.values())
    whole = count or min(found[name] * total / weight for name, weight in weights.items())
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
    said = "\n".join(f"- {note}" for note in notes) or "- nothing was refused"
    return f"## The mixture\n\n{table(head, rows)}\n\n## What the sources refused\n\n{said}"


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
