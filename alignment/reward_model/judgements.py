"""People's judgements of responses, read from a JSONL log: pairs with a preference, and thumbs.

    {"id": "q17", "responses": ["<think>...", "<think>..."], "preferred": "first"}       or "second" or "tie"
    {"prompt": "A man has ...", "response": "<think>...", "thumb": "down", "theme": "too long"}

A row names its question by `id` (of a record in `data.rl`) or gives it as `prompt`; `theme` is optional.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from alignment.common.progress import warn
from alignment.data.ids import content_id, normalised_question, question_rank
from alignment.data.locations import parse_location
from alignment.data.refusals import check_share, make_all, refusal_note
from alignment.data.rows import Row, scan_rows
from alignment.errors import UserError
from alignment.record import Record

PREFERRED = {"first": 1.0, "second": 0.0, "tie": 0.5}
THUMBS = {"up": 1.0, "down": 0.0}


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One row of the log: a pair with a preference, or one response with a thumb."""

    record: Record
    responses: tuple[str, ...]  # two, or one
    verdict: float  # of a pair: 1 the first, 0 the second, 1/2 neither; of one response: 1 up, 0 down
    theme: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether two responses are compared."""
        return len(self.responses) == 2

    @property
    def is_tie(self) -> bool:
        """Whether two responses were judged equal."""
        return self.verdict == 0.5


def read_feedback(
    path: str, records: Sequence[Record], evaluation: Sequence[Record] = ()
) -> tuple[list[Judgement], int]:
    """Return the judgements of a file and how many were left out because their question is an evaluation question.

    A row is refused if it has neither form, names an unknown id or value, or holds an empty response or the same
    response twice. A warning counts the refused rows.

    Args:
      path: a file that `alignment.data.rows` reads.
      records: the questions that an `id` may name.
      evaluation: questions that nothing may be trained on.

    Raises:
      UserError: a larger share of the rows is refused than the path's `?refuse=SHARE` allows (5 % by default; a single
        row always may be), or no judgement is left.
    """
    known = {record.id: record for record in (*records, *evaluation)}
    closed = {normalised_question(record) for record in evaluation}
    rows = scan_rows(path)
    readable, reasons = make_all(rows, lambda row: _judgement(row, known))
    check_share([*reasons.values()], len(rows), parse_location(path).refuse, f"allow more with {path}?refuse=SHARE")
    if reasons:
        warn(refusal_note([*reasons.values()], len(rows), "judgements"))
    judgements = [judgement for judgement in readable if normalised_question(judgement.record) not in closed]
    if not judgements:
        raise UserError(
            f"{path}: all {len(readable)} judgements are on evaluation questions, which may not train a reward"
        )
    return judgements, len(readable) - len(judgements)


def hold_out(judgements: Sequence[Judgement], share: float, seed: int) -> tuple[list[Judgement], list[Judgement]]:
    """Split judgements into those to fit and those to test on; all judgements of a question are on one side."""
    questions = dict.fromkeys(normalised_question(judgement.record) for judgement in judgements)
    order = sorted(questions, key=lambda question: question_rank(question, seed))
    held_out = set(order[: int(share * len(order))])
    fitted, tested = [], []
    for judgement in judgements:
        (tested if normalised_question(judgement.record) in held_out else fitted).append(judgement)
    return fitted, tested


def _judgement(row: Row, known: Mapping[str, Record]) -> Judgement:
    if row.error:
        raise UserError(row.error)
    record, theme = _record(row, known), row.optional("theme")
    if (row.get("responses") is None) == (row.get("response") is None):
        raise UserError(f"{row.where}: give either responses (two) with preferred, or response with thumb")
    if row.get("response") is not None:
        responses, verdict = (row.text("response"),), _choice(row, "thumb", THUMBS)
    else:
        responses, verdict = row.texts("responses"), _choice(row, "preferred", PREFERRED)
        if len(responses) != 2:
            raise UserError(f"{row.where}: field 'responses' has {len(responses)} text(s); a pair is wanted")
    if not all(responses) or len(set(responses)) < len(responses):
        raise UserError(f"{row.where}: a response is empty, or both are the same; remove the row")
    return Judgement(record, responses, verdict, theme)


def _record(row: Row, known: Mapping[str, Record]) -> Record:
    name, prompt = row.optional("id"), row.optional("prompt")
    if bool(name) == bool(prompt):
        raise UserError(f"{row.where}: name the question by id or give it as prompt, one of the two")
    if prompt:
        return Record(content_id("feedback", prompt, {}), "feedback", prompt)
    if name not in known:
        raise UserError(f"{row.where}: id {name!r} is no question of --config.data.rl; correct it, or give the prompt")
    return known[name]


def _choice(row: Row, name: str, values: Mapping[str, float]) -> float:
    text = row.text(name)
    if text not in values:
        raise UserError(f"{row.where}: field {name!r} is {text!r}; write {', '.join(values)}")
    return values[text]
