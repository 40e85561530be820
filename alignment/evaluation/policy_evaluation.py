"""Evaluation of policies on benchmarks by protocols: every item answered once, stored as it is done, scored as a whole.

`evaluate` answers what the journal lacks and yields a `Result` for each policy, benchmark and protocol, in that order.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from alignment.common.manifest import digest_of
from alignment.common.progress import say, warn
from alignment.data.ids import record_bytes
from alignment.data.refusals import make_all, refusal_note
from alignment.errors import UserError
from alignment.evaluation.benchmark_scores import answer_item, option_item, score_answers, score_options
from alignment.evaluation.benchmarks import Benchmark
from alignment.evaluation.item_journal import ItemJournal
from alignment.evaluation.policies import Policy
from alignment.evaluation.protocols import PROTOCOLS, Item, read_responses, read_scores, settings_of, stream_items
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, encode_prompts
from alignment.rollout.sampler import Sampler
from alignment.text.parser import Response, parse


@dataclasses.dataclass(frozen=True)
class Result:
    """A policy on a benchmark by a protocol.

    Attributes:
      row: its scores, as `score_answers` or `score_options` returns them, after `policy`, `benchmark` and `protocol`.
      items: one a question, what items.jsonl shows.
      responses: [N][k] parsed answers; [] of option likelihoods.
    """

    row: dict[str, Any]
    items: list[dict[str, Any]]
    responses: list[list[Response]]


@dataclasses.dataclass(frozen=True)
class Posed:
    """The questions of a benchmark that this base can be asked, and the reasons of the others by index."""

    benchmark: Benchmark
    prompts: Mapping[int, list[int]]
    reasons: Mapping[int, str]


def check_protocols(benchmarks: Sequence[Benchmark], protocols: Sequence[str]) -> None:
    """Raise `UserError` where a protocol needs options that a benchmark's questions lack."""
    for benchmark in benchmarks:
        for name in protocols:
            if PROTOCOLS[name] is None and not all(record.options for record in benchmark.records):
                raise UserError(
                    f"--protocol={name} compares options, and questions of {benchmark.name} have none; use greedy or "
                    "sample for it, in a call of its own"
                )


def pose(base: BaseModel, benchmark: Benchmark) -> Posed:
    """Encode the prompts of a benchmark once; those that cannot be are left out, counted as wrong and printed.

    Raises:
      UserError: none can be encoded; the line gives the first reason.
    """
    records = benchmark.records
    encoded, reasons = make_all(records, lambda record: encode_prompts(base, [record])[0])
    if not encoded:
        raise UserError(f"{benchmark.name}: no question can be posed to this base; the first: {reasons[0]}")
    if reasons:
        note = refusal_note(list(reasons.values()), len(records), "questions").replace("left out", "not posed")
        warn(f"warning: {benchmark.name}: {note}; they count as wrong")
    indices = [index for index in range(len(records)) if index not in reasons]
    return Posed(benchmark, dict(zip(indices, encoded, strict=True)), reasons)


def item_key(policy: Policy, protocol: str, config: ConfigDict, prompt: Sequence[int], record: Record) -> str:
    """Return the key of an item: a hash of the policy, the protocol's settings, the prompt's tokens and the record."""
    question = hashlib.sha256(np.asarray(prompt, np.int64).tobytes() + record_bytes(record)).hexdigest()
    return digest_of(
        {
            "policy": policy.digest,
            "dtype": config.model.dtype,
            "template": config.prompt.template,
            "protocol": {"name": protocol, **settings_of(protocol, config)},
            "question": question,
        }
    )


def answer_all(
    sampler: Sampler, policy: Policy, posed: Posed, protocol: str, config: ConfigDict, journal: ItemJournal
) -> dict[int, Item]:
    """Return the items of a benchmark by index; what the journal lacks is answered now.

    Raises:
      UserError: a log-probability is not finite; what was answered before it is in the journal.
    """
    records = posed.benchmark.records
    keys = {
        index: item_key(policy, protocol, config, prompt, records[index]) for index, prompt in posed.prompts.items()
    }
    label = f"{policy.name}, {posed.benchmark.name}, {protocol}"
    missing = [index for index, key in keys.items() if key not in journal.items]
    if len(missing) < len(keys):
        say(f"{label}: {len(keys) - len(missing)} of {len(keys)} questions were answered before")
    if missing:
        remaining = [records[index] for index in missing]
        try:
            for position, item in stream_items(protocol, sampler, policy.stack, remaining, config, label):
                journal.append(keys[missing[position]], item)
        except UserError as error:
            raise UserError(f"{label}: {error} (what was answered before is kept)") from error
    return {index: journal.items[key] for index, key in keys.items()}


def evaluate(
    sampler: Sampler,
    policies: Sequence[Policy],
    posed: Sequence[Posed],
    protocols: Sequence[str],
    config: ConfigDict,
    journal: ItemJournal,
) -> list[Result]:
    """Evaluate every policy on every benchmark by every protocol.

    Args:
      sampler: the base and how rollouts are laid out.
      policies: stacks on that base.
      posed: the benchmarks, from `pose`.
      protocols: names in `PROTOCOLS`.
      config: `eval`, `prompt` and `model` are read.
      journal: has the items of earlier calls and takes new ones.
    """
    return [
        make_result(
            sampler.base, policy, each, protocol, answer_all(sampler, policy, each, protocol, config, journal), config
        )
        for policy in policies
        for each in posed
        for protocol in protocols
    ]


def make_result(
    base: BaseModel, policy: Policy, posed: Posed, protocol: str, items: Mapping[int, Item], config: ConfigDict
) -> Result:
    """Score the items of a policy on a benchmark; questions that were not posed count as wrong."""
    benchmark, names = posed.benchmark, {"policy": policy.name, "benchmark": posed.benchmark.name, "protocol": protocol}
    records = benchmark.records
    lines = [
        names | {"id": record.id, "gold": record.gold or record.answer, "error": posed.reasons.get(index)}
        for index, record in enumerate(records)
    ]
    draw = PROTOCOLS[protocol]
    if draw is None:
        scores = [read_scores(items[index]) if index in items else None for index in range(len(records))]
        shown = [option_item(row, record) if row else {} for row, record in zip(scores, records, strict=True)]
        row, responses = score_options(scores, records), []
    else:
        empty = [parse("", {}, base.template)] * draw(config).count
        responses = [
            read_responses(items[index], record, base) if index in items else empty
            for index, record in enumerate(records)
        ]
        shown = [answer_item(group, record) for group, record in zip(responses, records, strict=True)]
        row = score_answers(responses, records)
    return Result(names | row, [line | more for line, more in zip(lines, shown, strict=True)], responses)
