"""What a build of traces writes beside its records: the traces for SFT, every answer, and the counts."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from alignment.record import Record
from alignment.text.audit_checks import CHECKS
from alignment.traces.collection import Collection
from alignment.traces.filters import Verdict

LIMITS = (
    "Written by a language model; no clinician has read it. A right final answer does not make the reasoning right.",
    "Questions that the teacher cannot answer are missing, so what is left is easier than the source.",
    "The questions keep the licences of their sources, and the terms of the teacher's provider may bind the rest.",
    "A teacher may have seen the questions, test sets among them, in its own training.",
)


def traces_file(collection: Collection) -> str:
    """JSONL of id, cot, pred and gold, as `--config.data.sft.traces` reads it: the accepted answers in order."""
    return _lines(
        {"id": record.id, "cot": verdict.cot, "pred": verdict.response.verdict, "gold": record.gold}
        for record in collection.records
        for verdict in collection.accepted(record)
    )


def responses_file(collection: Collection) -> str:
    """JSONL of every answer: the whole text, which try it was, teacher, tokens, cost, verdict and audit checks."""
    return _lines(
        _response(verdict, record) for record in collection.records for verdict in collection.verdicts[record.id]
    )


def _response(verdict: Verdict, record: Record) -> dict[str, Any]:
    answer = verdict.answer
    return {
        "id": record.id,
        "source": record.source,
        "try": answer.attempt + 1,
        "teacher": answer.teacher,
        "model": answer.model,
        "response": answer.text,
        "finish": answer.finish,
        "verdict": verdict.reason,
        "pred": verdict.response.verdict,
        "gold": record.gold,
        "checks": {name: float(check.function(verdict.response, record)) for name, check in CHECKS.items()},
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "tokens_estimated": not answer.counted,
        "cost": answer.cost,
        "seconds": answer.seconds,
        "requests": answer.requests,
        "prompt_sha256": answer.prompt,
    }


def report(
    collection: Collection, settings: ConfigDict, notes: Sequence[str], stopped: str, seconds: float
) -> dict[str, Any]:
    """Return the counts of a build: acceptance by reason, by source and by try, cost, tokens and time."""
    answers = [verdict.answer for verdict in collection.answers]
    return {
        "teacher": collection.teacher,
        "models_named": dict(collections.Counter(answer.model or "none" for answer in answers)),
        "questions": len(collection.records),
        "explained": sum(bool(collection.accepted(record)) for record in collection.records),
        "answers": len(answers),
        "answers_of_this_run": collection.new_answers,
        "acceptance": _share(collection.counts["accepted"], len(answers)),
        "verdicts": collection.reasons(),
        "sources": _by_source(collection),
        "tries": _by_try(collection),
        "cost": sum(answer.cost for answer in answers),
        "cost_of_journal": collection.journal.spent,
        "prompt_tokens": sum(answer.prompt_tokens for answer in answers),
        "completion_tokens": sum(answer.completion_tokens for answer in answers),
        "answers_with_estimated_tokens": sum(not answer.counted for answer in answers),
        "requests": sum(answer.requests for answer in answers),
        "seconds_of_answers": round(sum(answer.seconds for answer in answers), 3),
        "seconds_of_this_run": round(seconds, 3),
        "stopped": stopped,
        "given_up": sorted(collection.given_up),
        "notes": list(notes),
        "settings": settings.to_dict(),
    }


def _by_source(collection: Collection) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Record]] = collections.defaultdict(list)
    for record in collection.records:
        groups[record.source].append(record)
    counts = {}
    for source, records in groups.items():
        verdicts = [verdict for record in records for verdict in collection.verdicts[record.id]]
        counts[source] = {
            "questions": len(records),
            "explained": sum(bool(collection.accepted(record)) for record in records),
            "answers": len(verdicts),
            "acceptance": _share(sum(verdict.accepted for verdict in verdicts), len(verdicts)),
            "cost": sum(verdict.answer.cost for verdict in verdicts),
            "verdicts": dict(collections.Counter(verdict.reason for verdict in verdicts)),
        }
    return counts


def _by_try(collection: Collection) -> list[dict[str, Any]]:
    """Answers and accepted ones of the first try, the second, and so on."""
    answers, accepted = collections.Counter(), collections.Counter()
    for verdict in collection.answers:
        answers[verdict.answer.attempt] += 1
        accepted[verdict.answer.attempt] += verdict.accepted
    return [{"try": number + 1, "answers": answers[number], "accepted": accepted[number]} for number in sorted(answers)]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    # The file ends with one line end, which whoever writes it adds.
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
