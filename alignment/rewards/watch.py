r"""The watch on reward hacking: six ways in which small models win a reward without earning it.

Each symptom is a pure function of one completion. Every GRPO step logs the share of its completions that show it as
`watch/<symptom>`; a share above `config.watch.share` for `config.watch.patience` steps in a row is an alarm. The watch
reads and warns; it changes no reward. The failures are those reported for small models (answers inside the reasoning:
Med-RLVR, 2502.19655); every definition and threshold here is a reconstruction.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.audit_checks import grounding
from alignment.text.language import drifts
from alignment.text.overlap import copied_share
from alignment.text.parser import Response
from alignment.text.templates import BOX
from alignment.text.words import tokens


@dataclasses.dataclass(frozen=True)
class Limits:
    """Where a symptom begins; the fields of `config.watch`."""

    share: float  # of a step's completions, above which a symptom counts towards an alarm
    patience: int  # steps in a row above `share` that make an alarm
    length: float  # of the mean length at the first step, below which a completion is collapsed
    words: int  # of reasoning, below which a strict response is format only
    copied: float  # share of the reasoning that is taken from the stem word for word
    foreign: float  # share of letters in another script

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise UserError(f"--config.watch.patience={self.patience}: an alarm takes at least 1 step")


class Completion(NamedTuple):
    """What a symptom reads."""

    response: Response
    record: Record
    tokens: int  # the end token included
    start: float  # mean tokens of the completions at the first step


class Watch(NamedTuple):
    """The state of the watch: arrays that a checkpoint holds."""

    start: np.ndarray  # [] float32: mean tokens of the first step; 0 before it
    streaks: np.ndarray  # [S] int32: steps in a row, up to now, with each symptom above `share`


def length_collapse(seen: Completion, limits: Limits) -> bool:
    """Whether the completion is shorter than `length` times the mean at the first step."""
    return seen.tokens < limits.length * seen.start


def format_only(seen: Completion, limits: Limits) -> bool:
    """Whether the format is strict and hollow: under `words` words of reasoning, or nothing of the case in it.

    Right or wrong: paid for format and accuracy alone, small models shrink their reasoning to nothing all the same.
    """
    response = seen.response
    hollow = len((response.reasoning or "").split()) < limits.words or grounding(response, seen.record) == 0.0
    return response.strict and hollow


def answer_inside(seen: Completion, limits: Limits) -> bool:
    """Whether the reasoning block, closed or not, holds a box or the answer block, or all the answer there is.

    The last is a stated answer where the answer block is missing or blank.
    """
    response, inside = seen.response, _reasoning_span(seen.response)
    if inside is None:
        return False
    opening = list(response.tag_counts)[2]
    stated = response.spans.get("stated", (-1, -1))[0]
    only_stated = not response.answer and inside[0] <= stated < inside[1]
    within = response.text[slice(*inside)]
    return BOX in within or opening in within or only_stated


def repeated_boxes(seen: Completion, limits: Limits) -> bool:
    """Whether there is more than one box in the answer block, or in a text without one."""
    return len(seen.response.boxes) > 1


def stem_copy(seen: Completion, limits: Limits) -> bool:
    """Whether over `copied` of the reasoning stands word for word, in runs of 8 words, in context and question."""
    stem = tokens("\n".join((*seen.record.context, seen.record.question)))
    said = tokens(seen.response.reasoning or seen.response.text)
    return copied_share(said, stem) > limits.copied


def language_drift(seen: Completion, limits: Limits) -> bool:
    """Whether the response leaves the language of its question (`alignment/text/language.py`)."""
    return drifts(seen.response.text, "\n".join((*seen.record.context, seen.record.question)), limits.foreign)


SYMPTOMS: dict[str, Callable[[Completion, Limits], bool]] = {
    function.__name__: function
    for function in (length_collapse, format_only, answer_inside, repeated_boxes, stem_copy, language_drift)
}


def init_watch() -> Watch:
    """Return the state before the first step."""
    return Watch(np.float32(0.0), np.zeros(len(SYMPTOMS), np.int32))


def observe(
    responses: Sequence[Response], records: Sequence[Record], lengths: np.ndarray, state: Watch, limits: Limits
) -> tuple[dict[str, float], Watch]:
    """Look at one step's N completions.

    Args:
      responses: [N]; records: [N], what they answer; lengths: [N] tokens.
      state: before the step.
      limits: `config.watch`.

    Returns:
      The metrics, `watch/<symptom>` (share of the completions) and `watch/alarms` (symptoms that have lasted), and the
      state after the step.
    """
    start = state.start if state.start > 0 else np.float32(np.mean(lengths))
    seen = [Completion(*each, float(start)) for each in zip(responses, records, map(int, lengths), strict=True)]
    shares = {name: float(np.mean([shows(one, limits) for one in seen])) for name, shows in SYMPTOMS.items()}
    above = np.array([share > limits.share for share in shares.values()])
    state = Watch(start, np.where(above, state.streaks + 1, 0).astype(np.int32))
    metrics = {f"watch/{name}": share for name, share in shares.items()}
    return metrics | {"watch/alarms": float(np.sum(state.streaks >= limits.patience))}, state


def new_alarms(state: Watch, limits: Limits) -> list[str]:
    """Return the symptoms that have lasted long enough with this very step."""
    return [name for name, streak in zip(SYMPTOMS, state.streaks, strict=True) if streak == limits.patience]


def _reasoning_span(response: Response) -> tuple[int, int] | None:
    """Where the reasoning is; from its opening tag on if it is never closed, None without exactly one opening tag."""
    if "reasoning" in response.spans:
        return response.spans["reasoning"]
    opening, closing = list(response.tag_counts)[:2]
    if response.tag_counts[opening] != 1 or response.tag_counts[closing]:
        return None
    return response.text.find(opening) + len(opening), len(response.text)
