"""Records, a teacher and a journal become a data set of traces."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from alignment.common.progress import progress, say, warn
from alignment.common.registry import lookup
from alignment.data.card import Product
from alignment.data.ids import normalised_question, question_rank
from alignment.data.mixture import hub_licence, parse_ingredient, read_ingredient
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.templates import Template, cot_response, get_template, user_message
from alignment.traces.collection import Collection, prompt_id
from alignment.traces.endpoint import ask_endpoint, check_endpoint, read_key, sampling_of
from alignment.traces.filters import make_judge
from alignment.traces.journal import open_journal
from alignment.traces.report import LIMITS, report, responses_file, traces_file

_SOURCES = "--config.traces.sources"


class Teacher(NamedTuple):
    """The model that answers: its name in the journal, its sampling settings, and the function that asks it."""

    name: str
    sampling: dict
    model: str  # "" for any
    records: list[Record]  # the questions it can take
    ask: Callable[[Collection], str]  # returns why it stopped early, or ""


def build_traces(config: ConfigDict) -> Product:
    """Ask the teacher of `config.traces` about its sources; return the accepted chains of thought as a data set.

    Every answer goes to the journal first (`traces.journal`, by default `<out>.journal.jsonl` beside the folder), so
    that the same command goes on after a kill, and a changed filter asks nothing again. The data set holds `train`
    (the records, with the first accepted chain of thought of each), `traces.jsonl` for `--config.data.sft.traces`,
    `responses.jsonl` with every answer and its verdict, and `report.json`.

    Raises:
      UserError: a wrong setting, source or key; an endpoint that does not answer; no answer accepted.
    """
    settings, began = config.traces, time.monotonic()
    template = get_template(settings.template)
    _check(settings)
    if "://" in settings.journal:
        raise UserError(f"--config.traces.journal={settings.journal}: name a file on this machine")
    make_teacher = lookup(TEACHERS, settings.teacher, "teacher --config.traces.teacher")
    journal_path = Path(settings.journal or f"{config.out.rstrip('/')}.journal.jsonl")
    with open_journal(journal_path) as journal:  # before a teacher is loaded, so that a wrong path fails first
        records, notes = choose_records(settings, template, config.seed)
        teacher = make_teacher(settings, template, records, config.seed)
        if len(teacher.records) < len(records):
            notes.append(f"{len(records) - len(teacher.records)} question(s) left out: their prompt is too long")
        if not teacher.records:
            raise UserError(
                "no question is left: every prompt is over --config.traces.local.max_prompt_tokens; raise it"
            )
        prompts = [prompt_id(record, template, teacher.sampling) for record in teacher.records]
        judge = make_judge(settings.filters, template, teacher.model)
        collection = Collection(
            teacher.records, prompts, teacher.name, journal, judge, tries=settings.tries, keep=settings.keep
        )
        stopped = _ask(collection, teacher)
    return _product(collection, settings, notes, stopped, time.monotonic() - began)


def choose_records(settings: ConfigDict, template: Template, seed: int) -> tuple[list[Record], list[str]]:
    """Return the questions to ask, in the order of a seeded hash, and notes on what was left out.

    Left out are records that no letter answers, those of which no training text can be made, and further records of
    a question or with an id that is already in. The first `count` are taken (0: all).

    Raises:
      UserError: an entry of `sources` that is none, a source that cannot be read, nothing left.
    """
    chosen: dict[str, Record] = {}
    ids: set[str] = set()
    notes: list[str] = []
    for entry in settings.sources:
        records, source_notes = read_ingredient(parse_ingredient(entry, _SOURCES, weighted=False), seed, "train")
        usable = [record for record in records if record.options and _writable(record, template)]
        new = 0
        for record in usable:
            if record.id not in ids and chosen.setdefault(normalised_question(record), record) is record:
                ids.add(record.id)
                new += 1
        notes += [f"{entry}: {note}" for note in source_notes]
        left_out = {"without options, or with markup": len(records) - len(usable), "repeated": len(usable) - new}
        notes += [f"{entry}: {count} record(s) left out: {why}" for why, count in left_out.items() if count]
    if not chosen:
        raise UserError(f"{_SOURCES}={','.join(settings.sources)}: no question with options to ask")
    ranked = sorted(chosen, key=lambda question: question_rank(question, seed))
    questions = [chosen[question] for question in ranked[: settings.count or None]]
    tested = sum(record.split == "test" for record in questions)
    notes += [f"{tested} of the questions are of their publisher's test split"] * bool(tested)
    return questions, notes


def _writable(record: Record, template: Template) -> bool:
    """Whether a prompt and a training text can be made of `record`; found out before its answers are paid for."""
    try:
        user_message(record, template)
        cot_response(dataclasses.replace(record, cot="thought"), template)
    except UserError:
        return False
    return True


def _check(settings: ConfigDict) -> None:
    if settings.keep > settings.tries:
        raise UserError(
            f"--config.traces.keep={settings.keep} of only --config.traces.tries={settings.tries}; raise tries"
        )
    if settings.tries > 1 and settings.temperature == 0:
        raise UserError(
            f"--config.traces.tries={settings.tries} at --config.traces.temperature=0 asks for one answer again and "
            "again; raise the temperature, or set tries=1"
        )


def _endpoint(settings: ConfigDict, template: Template, records: list[Record], seed: int) -> Teacher:
    check_endpoint(settings)
    key = read_key(settings.endpoint.key_variable)
    model = settings.endpoint.model
    return Teacher(
        model,
        sampling_of(settings),
        "" if settings.endpoint.any_model else model,
        records,
        lambda collection: ask_endpoint(collection, settings, template, key),
    )


def _local(settings: ConfigDict, template: Template, records: list[Record], seed: int) -> Teacher:
    from alignment.traces import local  # late, because it brings JAX

    sampler = local.load_teacher(settings)
    return Teacher(
        local.teacher_name(sampler.base),
        {"temperature": settings.temperature, "max_tokens": settings.max_tokens, "seed": seed},
        "",
        local.fitting(sampler.base, records),
        lambda collection: local.ask_local(collection, settings, sampler, seed),
    )


# A new kind of teacher is a function from the settings, the template, the records and the seed, and a line here.
TEACHERS = {"endpoint": _endpoint, "local": _local}


def _ask(collection: Collection, teacher: Teacher) -> str:
    total = len(collection.records)
    done = total - len(collection.pending())
    with progress(total, "traces", "question", initial=done) as bar:
        collection.open_bar(bar)
        return teacher.ask(collection)


def _product(
    collection: Collection, settings: ConfigDict, notes: Sequence[str], stopped: str, seconds: float
) -> Product:
    explained = []
    for record in collection.records:
        for first in collection.accepted(record)[:1]:
            teacher, tries = first.answer.model or collection.teacher, first.answer.attempt + 1
            meta = {**record.meta, "teacher": teacher, "tries": tries}
            explained.append(dataclasses.replace(record, cot=first.cot, response=None, meta=meta))
    counts = report(collection, settings, notes, stopped, seconds)
    if not explained:
        left = f" ({len(collection.given_up)} question(s) got no answer)" if collection.given_up else ""
        raise UserError(
            f"no answer was accepted{left}: {_listed(collection.reasons()) or 'none came'}; they are in "
            f"{collection.journal.path}: look there, then at --config.traces.filters and max_cost"
        )
    say(
        f"{len(explained)} of {len(collection.records)} questions explained; answers: "
        f"{_listed(collection.reasons())}; cost {collection.journal.spent:.4g}"
    )
    if stopped or collection.given_up:
        warn(f"stopped early ({stopped or 'requests that failed'}); the same command goes on")
    return Product(
        title=f"Chains of thought by {collection.teacher}",
        summary=(
            f"Chains of thought that the model {collection.teacher} wrote for {len(explained)} of "
            f"{len(collection.records)} questions, kept where the final answer is the gold one and every filter "
            f"passes (rejection sampling, at most {settings.tries} tries a question). Answers: "
            f"{_listed(collection.reasons())}. `traces.jsonl` is for `--config.data.sft.traces`, `responses.jsonl` "
            "holds every answer with its verdict, `report.json` counts."
        ),
        licence=tuple(sorted({hub_licence(record.licence or "unknown") for record in explained})),
        limits=LIMITS,
        splits={"train": explained},
        sizes={"train": len(explained)},
        files={
            "traces.jsonl": traces_file(collection),
            "responses.jsonl": responses_file(collection),
            "report.json": json.dumps(counts, indent=1, ensure_ascii=False),
        },
    )


def _listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.items())
