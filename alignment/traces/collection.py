"""The state of a build of traces: the verdicts so far and the questions that are still open."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from alignment.common.progress import Progress
from alignment.record import Record
from alignment.text.templates import Template, messages
from alignment.traces.filters import ACCEPTED, REASONS, Judge, Verdict
from alignment.traces.journal import Answer, Journal, Key


def prompt_id(record: Record, template: Template, sampling: dict[str, Any]) -> str:
    """Return the SHA-256 of what is asked about `record` and how: its messages and the sampling settings."""
    request = {"messages": messages(record, template), "sampling": sampling}
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


class Collection:
    """Verdicts by record, fed by a journal from earlier runs and by `add` in this one.

    A question is done when `keep` of its answers were accepted, when `tries` were made, or when the endpoint refused
    it. The bar counts questions that are done.
    """

    def __init__(
        self,
        records: Sequence[Record],
        prompts: Sequence[str],
        teacher: str,
        journal: Journal,
        judge: Judge,
        *,
        tries: int,
        keep: int,
    ):
        self.records = tuple(records)
        self.teacher = teacher
        self.journal = journal
        self.tries, self.keep = tries, keep
        self._judge = judge
        self._prompts = {record.id: prompt for record, prompt in zip(records, prompts, strict=True)}
        self._by_id = {record.id: record for record in records}
        self.verdicts: dict[str, list[Verdict]] = {record.id: [] for record in records}
        self.new_answers = 0  # answers of this run; the others came from the journal
        self.counts: collections.Counter[str] = collections.Counter()  # answers by what became of them
        self.tokens = 0
        self.given_up: set[str] = set()  # questions that got no answer in this run and are asked again in the next
        self._bar: Progress | None = None
        self._recall()

    def _recall(self) -> None:
        for record in self.records:
            for attempt in range(self.tries):
                answer = self.journal.answers.get(self.key(record, attempt))
                if answer is None:
                    break
                self._enter(answer, record)

    def _enter(self, answer: Answer, record: Record) -> None:
        verdict = self._judge(answer, record)
        self.verdicts[record.id].append(verdict)
        self.counts[verdict.reason] += 1
        self.tokens += answer.prompt_tokens + answer.completion_tokens

    def key(self, record: Record, attempt: int) -> Key:
        """What try number `attempt` at `record` is filed under."""
        return Key(record.id, attempt, self.teacher, self._prompts[record.id])

    def next_try(self, record: Record) -> int | None:
        """The number of the next try at `record`, or None where nothing is left to ask."""
        verdicts = self.verdicts[record.id]
        accepted = sum(verdict.accepted for verdict in verdicts)
        refused = any(verdict.reason == "refused" for verdict in verdicts)
        done = refused or accepted >= self.keep or len(verdicts) >= self.tries
        return None if done or record.id in self.given_up else len(verdicts)

    def pending(self) -> list[Record]:
        """The records that have a next try."""
        return [record for record in self.records if self.next_try(record) is not None]

    def add(self, answer: Answer) -> None:
        """Write `answer` to the journal, judge it and show where things stand."""
        self.journal.append(answer)
        record = self._by_id[answer.id]
        self._enter(answer, record)
        self.new_answers += 1
        self._show(done=self.next_try(record) is None)

    def give_up(self, record: Record) -> None:
        """Leave `record` for the next run."""
        self.given_up.add(record.id)
        self._show(done=True)

    @property
    def answers(self) -> Iterator[Verdict]:
        """Every verdict, record by record."""
        return (verdict for verdicts in self.verdicts.values() for verdict in verdicts)

    def accepted(self, record: Record) -> list[Verdict]:
        """The accepted answers to `record`, at most `keep`."""
        return [verdict for verdict in self.verdicts[record.id] if verdict.accepted][: self.keep]

    def reasons(self) -> dict[str, int]:
        """How many answers were accepted, and rejected for each reason that occurred."""
        return {reason: self.counts[reason] for reason in (ACCEPTED, *REASONS) if self.counts[reason]}

    def open_bar(self, bar: Progress) -> None:
        """Show progress on `bar`, whose total is the number of records."""
        self._bar = bar
        bar.update(0, self._headline())

    def _show(self, done: bool) -> None:
        if self._bar is not None:
            self._bar.update(int(done), self._headline())

    def _headline(self) -> str:
        parts = [f"{reason} {count}" for reason, count in self.reasons().items()]
        return ", ".join((*parts, f"{self.tokens:,} tokens", f"cost {self.journal.spent:.4g}"))
