"""The data of an experiment: records for SFT, for GRPO and for evaluation, disjoint by question."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping

from ml_collections import ConfigDict

from alignment.data import vignettes
from alignment.data.contamination import tally
from alignment.data.duplicates import GENERATED
from alignment.data.hygiene import Limits, Removal, decontaminate
from alignment.data.ids import fingerprint
from alignment.data.sources import GENERATED_SCOPES, SOURCES, load_source
from alignment.data.splits import drop_questions, questions, split_by_question
from alignment.data.traces import attach_traces
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.lookup import lookup

# In the order in which a shared file is dealt: evaluation first, so that it moves least when training sizes change.
ROLES = ("eval", "rl", "sft")
Parts = dict[str, list[Record]]


@dataclasses.dataclass(frozen=True)
class Data:
    """What an experiment trains and tests on, with the notes that the report prints."""

    sft: tuple[Record, ...]  # each with a chain of thought
    rl: tuple[Record, ...]
    eval: tuple[Record, ...]
    notes: tuple[str, ...]  # which files, how they were split, which traces
    fingerprints: Mapping[str, str]  # {"sft" | "rl" | "eval": SHA-256 of the records}
    left_out: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)  # ids by part: cannot be encoded


def load_data(data: ConfigDict, seed: int | None = None, training: Collection[str] = ("rl", "sft")) -> Data:
    """Load `config.data`: `sft`, `rl` and `eval`, each a source, a path and a count (at most; 0 for all of a file).

    One file named by several of them is split by question; a question found in different files is kept in eval
    before rl before sft. Records that hold more than the share `overlap` of an evaluation question are left out of rl
    and sft. SFT takes its chains of thought from `sft.traces`, from the records themselves or from generated vignettes.
    The result depends on `seed` (default `data.seed`), the files and `training` alone. Of rl and sft only the parts
    that `training` names are checked and loaded, the other stays empty; eval and rl are the same either way. Without
    rl, the questions that its file shares with another stay in sft: an arm with rewards that is added to such a run
    finds other SFT data and is refused.

    Raises:
      UserError: an unknown source, a missing path, too many wrong rows, a source without options (free text or
        numbers as gold), an empty part, or SFT without chains of thought.
    """
    seed = data.seed if seed is None else seed
    if not 0 <= data.overlap <= 1:
        raise UserError(f"--config.data.overlap={data.overlap}: give a share of a question, between 0 and 1")
    roles = tuple(role for role in ROLES if role == "eval" or role in training)
    for role in roles:
        _check(role, data[role])
    parts, notes = _deal(data, seed, roles)
    notes += _separate(parts)
    if "sft" in parts:
        parts["sft"], note = _with_cot(parts["sft"], data.sft)
        notes += note
    overlap_notes = _decontaminate(parts, Limits(overlap=data.overlap))
    chosen = {role: tuple(parts[role][: data[role].count or None]) if role in parts else () for role in ROLES}
    notes += [_count_note(role, data[role], chosen[role]) for role in reversed(ROLES) if role in parts]
    notes += [*overlap_notes, *(note for role in ("sft", "rl") for note in _test_note(role, chosen[role]))]
    prints = {role: fingerprint(records) for role, records in chosen.items()}
    return Data(**chosen, notes=tuple(notes), fingerprints=prints)


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


def _deal(data: ConfigDict, seed: int, roles: tuple[str, ...]) -> tuple[Parts, list[str]]:
    """Load every file once and deal it to the roles that name it; `roles` says which parts are wanted."""
    pools: dict[tuple[str, str], list[str]] = {}
    for role in ROLES:
        pools.setdefault(_pool(role, data[role]), []).append(role)
    parts: Parts = {}
    notes: list[str] = []
    for (source, path), sharing in pools.items():
        if not set(sharing) & set(roles):
            continue
        counts = {role: data[role].count for role in sharing}
        if source in GENERATED_SCOPES:
            parts |= _generate(counts, seed, path, GENERATED_SCOPES[source])
            continue
        records, said = load_source(source, data[sharing[0]].path)
        records, left_out = _with_options(records, source, sharing)
        dealt = split_by_question(records, counts, seed)
        parts |= dealt
        notes += [f"{os.path.basename(path)}: {note}" for note in (*said, *left_out)] + _split_note(path, dealt)
    return {role: parts[role] for role in roles}, notes


def _with_options(records: list[Record], source: str, roles: list[str]) -> tuple[list[Record], list[str]]:
    """Leave out the records that no letter answers: every stage has a letter written, rewarded or counted."""
    kept = [record for record in records if record.options]
    if not kept:
        flags = ", ".join(f"--config.data.{role}.source={source}" for role in roles)
        raise UserError(
            f"{flags}: none of its {len(records)} records has options, their gold answer is a text or a number; SFT, "
            "GRPO and evaluation need lettered options: name a multiple-choice source such as medqa"
        )
    left_out = len(records) - len(kept)
    return kept, [f"{left_out} record(s) without options left out"] if left_out else []


def _pool(role: str, part: ConfigDict) -> tuple[str, str]:
    """What two roles must have in common to share one set of questions: the file, or the split of the generator."""
    if part.source in GENERATED_SCOPES:
        return part.source, "eval" if role == "eval" else "train"
    return part.source, part.path if "://" in part.path else os.path.realpath(part.path)


def _generate(counts: Mapping[str, int], seed: int, split: str, scope: str) -> Parts:
    records = list(vignettes.generate(count=sum(counts.values()), seed=seed, split=split, scope=scope))
    parts, start = {}, 0
    for role, count in counts.items():
        parts[role] = records[start : start + count]
        start += count
    return parts


def _separate(parts: Parts) -> list[str]:
    """Drop, in place, the questions of an earlier role from the later ones; different files may share some."""
    notes: list[str] = []
    taken: set[str] = set()
    for role, records in parts.items():
        kept = drop_questions(records, taken)
        if not kept:
            raise UserError(
                f"--config.data.{role}: every question is also in {' or '.join(ROLES[: ROLES.index(role)])}; name one "
                "file for both to have it split by question, or another file"
            )
        if len(kept) < len(records):
            notes.append(
                f"{role}: {len(records) - len(kept)} record(s) left out, their questions are in an earlier part"
            )
        parts[role] = kept
        taken |= questions(kept)
    return notes


def _decontaminate(parts: Parts, limits: Limits) -> list[str]:
    """Drop, in place, the training records that overlap the evaluation questions, and say what was found."""
    if all(record.source == GENERATED for records in parts.values() for record in records):
        return ["generated vignettes are split by case and share templates: compared by the whole question alone"]
    notes = []
    for role in reversed([role for role in parts if role != "eval"]):
        kept, removals = decontaminate(parts[role], {"eval": parts["eval"]}, limits)
        if not kept:
            raise UserError(
                f"--config.data.{role}: every record overlaps an evaluation question; name another file, or allow more "
                f"than --config.data.overlap={limits.overlap:g} of a question"
            )
        notes.append(_overlap_note(role, len(parts[role]), removals, limits))
        parts[role] = kept
    return notes


def _overlap_note(role: str, before: int, removals: list[Removal], limits: Limits) -> str:
    counts = tally(removals)
    note = (
        f"{role}: {len(removals)} of {before} records left out for overlap with eval questions "
        f"({limits.words} words: {counts['words']}, {limits.characters} characters: {counts['characters']}; more than "
        f"{limits.overlap:.0%} of a question, --config.data.overlap)"
    )
    if removals:
        first = removals[0]
        note += f"; the first: {first.record.id} shares {first.text!r} with {first.test} record {first.because}"
    return note


def _with_cot(records: list[Record], part: ConfigDict) -> tuple[list[Record], list[str]]:
    if part.traces:
        kept, note = attach_traces(records, part.traces)
        return kept, [f"sft: {note}"]
    kept = [record for record in records if record.cot]
    if not kept:
        raise UserError(
            f"--config.data.sft.source={part.source} brings no chains of thought; give --config.data.sft.traces=FILE "
            "(JSONL of id and cot), or fall back with --config.data.sft.source=vignettes --config.data.sft.path="
        )
    if part.source in GENERATED_SCOPES:
        return kept, ["sft: generated vignettes, whose chains of thought are derived from the knowledge base"]
    return kept, [f"sft: chains of thought of the records themselves, {len(kept)} of {len(records)} have one"]


def _split_note(path: str, dealt: Parts) -> list[str]:
    if len(dealt) == 1:
        return []
    sizes = ", ".join(f"{role} {len(records)}" for role, records in dealt.items())
    return [f"{os.path.basename(path)}: one file for {len(dealt)} parts, split by question: {sizes} records"]


def _test_note(role: str, records: tuple[Record, ...]) -> list[str]:
    tested = sum(record.split == "test" for record in records)
    return [f"{role}: {tested} of its records are of their publisher's test split"] if tested else []


def _count_note(role: str, part: ConfigDict, records: tuple[Record, ...]) -> str:
    origin = "generated" if part.source in GENERATED_SCOPES else f"from {os.path.basename(part.path)}"
    short = f" ({part.count} asked for)" if len(records) < part.count else ""
    return f"{role}: {len(records)} records of {part.source}, {origin}{short}"
