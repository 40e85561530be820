"""The data of an experiment: records for SFT, for GRPO, for development and for evaluation, disjoint by question."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Collection, Mapping

from ml_collections import ConfigDict

from alignment.common.registry import lookup
from alignment.data import vignettes
from alignment.data.contamination import tally
from alignment.data.duplicates import GENERATED
from alignment.data.hygiene import HygieneConfig, decontaminate
from alignment.data.ids import fingerprint
from alignment.data.locations import keep_equal_options
from alignment.data.sources import GENERATED_SCOPES, SOURCES, load_source
from alignment.data.splits import drop_questions, questions, split_by_question
from alignment.data.traces import attach_traces
from alignment.data.vignettes.strategies import FLAG, parse_shares, plant, planting_note
from alignment.errors import UserError
from alignment.record import Record

# In the order in which a shared file is dealt: evaluation first, so that it moves least when training sizes change.
ROLES = ("eval", "dev", "rl", "sft")
TESTS = ("eval", "dev")  # never trained on
Parts = dict[str, list[Record]]


@dataclasses.dataclass(frozen=True)
class Data:
    """What an experiment trains and tests on, with the notes that the report prints."""

    sft: tuple[Record, ...]  # each with a chain of thought
    rl: tuple[Record, ...]
    eval: tuple[Record, ...]
    notes: tuple[str, ...]  # which files, how they were split, which traces
    fingerprints: Mapping[str, str]  # {"sft" | "rl" | "eval" | "dev": SHA-256 of the records}
    dev: tuple[Record, ...] = ()  # questions to choose settings on
    holdout: tuple[Record, ...] = ()  # as `sft`, but never trained on
    left_out: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)  # ids by part: cannot be encoded


def load_data(data: ConfigDict, seed: int | None = None, training: Collection[str] = ("rl", "sft")) -> Data:
    """Load `config.data`: `sft`, `rl` and `eval`, each a source, a path and a count (at most; 0 for all of a file).

    `dev` is a fourth such part, which is empty where its count is 0. Generated, it is held out of training as eval is,
    by case, and has other questions than eval; the two may ask about one case.

    One file named by several of them is split by question; a question found in different files is kept in eval
    before rl before sft, and one of dev may be in no other file that tests. Records that hold more than the share
    `overlap` of a question of eval or dev are left out of rl and sft.
    SFT takes its chains of thought from `sft.traces`, from the records themselves or from generated vignettes, which
    `sft.strategies` may have answered by planted strategies.
    The result depends on `seed` (default `data.seed`), the files and `training` alone. Of rl and sft only the parts
    that `training` names are checked and loaded, the other stays empty; the others are the same either way. Without
    rl, the questions that its file shares with another stay in sft: an arm with rewards that is added to such a run
    finds other SFT data and is refused.

    Raises:
      UserError: an unknown source, a missing path, too many wrong rows, a source without options (free text or
        numbers as gold), an empty part, a development question that is also held out, or SFT without chains of thought.
    """
    seed = data.seed if seed is None else seed
    if not 0 <= data.overlap <= 1:
        raise UserError(f"--config.data.overlap={data.overlap}: give a share of a question, between 0 and 1")
    used = {"eval", *training, *(["dev"] if data.dev.count else [])}
    roles = tuple(role for role in ROLES if role in used)
    for role in roles:
        _check(role, data[role])
    parts, notes = _deal(data, seed, roles)
    notes += _separate(parts)
    if "sft" in parts:
        parts["sft"], note = _with_cot(parts["sft"], data.sft, seed)
        notes += note
    overlap_notes = _decontaminate(parts, HygieneConfig(overlap=data.overlap))
    chosen = {role: tuple(parts[role][: data[role].count or None]) if role in parts else () for role in ROLES}
    for role in reversed(list(parts)):
        part, count = data[role], len(chosen[role])
        origin = "generated" if part.source in GENERATED_SCOPES else f"from {os.path.basename(part.path)}"
        short = f" ({part.count} asked for)" if count < part.count else ""
        notes.append(f"{role}: {count} records of {part.source}, {origin}{short}")
    notes += overlap_notes
    for role in ("sft", "rl"):
        count = sum(record.split == "test" for record in chosen[role])
        notes += [f"{role}: {count} of its records are of their publisher's test split"] if count else []
    prints = {role: fingerprint(records) for role, records in chosen.items()}
    return Data(**chosen, notes=tuple(notes), fingerprints=prints)


def hold_out(data: Data, count: int) -> Data:
    """Return `data` with the last `count` records of `sft` in `holdout` instead.

    Raises:
      UserError: nothing would be left to train on.
    """
    if not (count and data.sft):
        return data
    if count >= len(data.sft):
        raise UserError(f"--config.sft.holdout={count} leaves none of {len(data.sft)} records of SFT; lower it")
    notes = (*data.notes, f"sft: its last {count} records are held out, to measure their loss along the reward stages")
    return dataclasses.replace(data, sft=data.sft[:-count], holdout=data.sft[-count:], notes=notes)


def _check(role: str, part: ConfigDict) -> None:
    flag = f"--config.data.{role}"
    lookup({**SOURCES, **GENERATED_SCOPES}, part.source, f"source {flag}.source")
    if part.count < 0:
        raise UserError(f"{flag}.count={part.count}: give the largest number of records, or 0 for all of a file")
    if part.source not in GENERATED_SCOPES and not part.path:
        raise UserError(f"{flag}.source={part.source} needs its file: {flag}.path=FILE")
    if part.source in GENERATED_SCOPES and part.path:
        names = " or ".join(SOURCES)
        raise UserError(
            f"{flag}.path={part.path}: vignettes are generated; name the source of the file: {flag}.source={names}"
        )
    if part.source in GENERATED_SCOPES and not part.count:
        raise UserError(f"{flag}.count=0: vignettes are generated without end; say how many")
    if role == "sft" and parse_shares(part.strategies):
        if part.source not in GENERATED_SCOPES:
            raise UserError(
                f"{FLAG}: strategies answer generated vignettes, not {flag}.source={part.source}; use one of "
                f"{', '.join(GENERATED_SCOPES)}, or name no strategies"
            )
        if part.traces:
            raise UserError(
                f"{FLAG} and {flag}.traces={part.traces}: both give the chains of thought; name one of them"
            )


def _deal(data: ConfigDict, seed: int, roles: tuple[str, ...]) -> tuple[Parts, list[str]]:
    """Load every file once and split it between the roles that name it; only the parts of `roles` are returned."""
    pools: dict[tuple[str, str], list[str]] = {}
    for role in ROLES:  # roles that name the same file, or the same split of the generator, share its questions
        part, path = data[role], data[role].path
        if role == "dev" and "dev" not in roles:
            continue
        if part.source in GENERATED_SCOPES:
            path = "eval" if role in TESTS else "train"
        elif "://" not in path:
            path = os.path.realpath(path)
        pools.setdefault((part.source, path), []).append(role)
    parts: Parts = {}
    notes: list[str] = []
    for (source, path), sharing in pools.items():
        if not set(sharing) & set(roles):
            continue
        counts = {role: data[role].count for role in sharing}
        if source in GENERATED_SCOPES:
            total, scope = sum(counts.values()), GENERATED_SCOPES[source]
            generated = iter(vignettes.generate(total, seed, path, scope=scope))
            parts |= {role: list(itertools.islice(generated, count)) for role, count in counts.items()}
            continue
        path_read = data[sharing[0]].path
        if set(sharing) <= set(TESTS):  # a benchmark is scored whole, so that its counts are the published ones
            path_read = keep_equal_options(path_read)
        records, source_notes = load_source(source, path_read)
        records, left_out = _with_options(records, source, sharing)
        dealt = split_by_question(records, counts, seed)
        parts |= dealt
        name = os.path.basename(path)
        notes += [f"{name}: {note}" for note in (*source_notes, *left_out)]
        if len(dealt) > 1:
            sizes = ", ".join(f"{role} {len(records)}" for role, records in dealt.items())
            notes.append(f"{name}: one file for {len(dealt)} parts, split by question: {sizes} records")
    return {role: parts[role] for role in roles}, notes


def _with_options(records: list[Record], source: str, roles: list[str]) -> tuple[list[Record], list[str]]:
    """Leave out the records that no letter answers, since every stage trains on, rewards or counts a letter."""
    lettered = [record for record in records if record.options]
    if not lettered:
        flags = ", ".join(f"--config.data.{role}.source={source}" for role in roles)
        raise UserError(
            f"{flags}: none of its {len(records)} records has options, their gold answer is a text or a number; SFT, "
            "GRPO and evaluation need lettered options: name a multiple-choice source such as medqa"
        )
    left_out = len(records) - len(lettered)
    return lettered, [f"{left_out} record(s) without options left out"] if left_out else []


def _separate(parts: Parts) -> list[str]:
    """Drop, in place, the questions of an earlier role from the later ones; different files may share some.

    Raises:
      UserError: nothing is left of a role, or a question of dev is also one of eval.
    """
    notes: list[str] = []
    taken: set[str] = set()
    for role, records in parts.items():
        earlier = list(parts)[: list(parts).index(role)]
        remaining = drop_questions(records, taken)
        if role == "dev" and len(remaining) < len(records):
            raise UserError(
                f"--config.data.dev: {len(records) - len(remaining)} of its {len(records)} records ask a question of "
                "--config.data.eval; name one file for both to have it split by question, or another file"
            )
        if not remaining:
            raise UserError(
                f"--config.data.{role}: every question is also in {' or '.join(earlier)}; name one "
                "file for both to have it split by question, or another file"
            )
        if len(remaining) < len(records):
            notes.append(
                f"{role}: {len(records) - len(remaining)} record(s) left out, their questions are in an earlier part"
            )
        parts[role] = remaining
        taken |= questions(remaining)
    return notes


def _decontaminate(parts: Parts, limits: HygieneConfig) -> list[str]:
    """Drop, in place, the training records that overlap questions of eval or dev, and return a note on each part."""
    if all(record.source == GENERATED for records in parts.values() for record in records):
        return ["generated vignettes are split by case and share templates: compared by the whole question alone"]
    notes = []
    tests = {role: parts[role] for role in TESTS if role in parts}
    for role in reversed([role for role in parts if role not in TESTS]):
        clean, removals = decontaminate(parts[role], tests, limits)
        if not clean:
            raise UserError(
                f"--config.data.{role}: every record overlaps an evaluation question; name another file, or allow more "
                f"than --config.data.overlap={limits.overlap:g} of a question"
            )
        counts = tally(removals)
        note = (
            f"{role}: {len(removals)} of {len(parts[role])} records left out for overlap with {' and '.join(tests)} "
            f"questions ({limits.words} words: {counts['words']}, {limits.characters} characters: "
            f"{counts['characters']}; more than {limits.overlap:.0%} of a question, --config.data.overlap)"
        )
        if removals:
            first = removals[0]
            note += f"; the first: {first.record.id} shares {first.text!r} with {first.test} record {first.because}"
        notes.append(note)
        parts[role] = clean
    return notes


def _with_cot(records: list[Record], part: ConfigDict, seed: int) -> tuple[list[Record], list[str]]:
    if part.traces:
        explained, note = attach_traces(records, part.traces)
        return explained, [f"sft: {note}"]
    explained = [record for record in records if record.cot]
    if not explained:
        raise UserError(
            f"--config.data.sft.source={part.source} brings no chains of thought; give --config.data.sft.traces=FILE "
            "(JSONL of id and cot), or fall back with --config.data.sft.source=vignettes --config.data.sft.path="
        )
    if shares := parse_shares(part.strategies):
        planted = plant(explained, shares, seed)
        return planted, [f"sft: {planting_note(planted)}"]
    if part.source in GENERATED_SCOPES:
        return explained, ["sft: generated vignettes, whose chains of thought are derived from the knowledge base"]
    return explained, [f"sft: chains of thought of the records themselves, {len(explained)} of {len(records)} have one"]
