r"""The monitor of reward hacking: six ways in which small models win a reward without earning it.

Each symptom is a pure function of one completion. Every GRPO step logs the share of its completions that show it as
`watch/<symptom>`; a share above `config.watch.share` for `config.watch.patience` steps in a row is an alarm. The
monitor reads and warns; it changes no reward. The failures are those reported for small models (answers inside the
reasoning: Med-RLVR, 2502.19655); every definition and threshold here is a reconstruction.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable, Mapping, Sequence
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
class MonitorConfig:
    """The thresholds of the symptoms and of the alarm: the fields of `config.watch`."""

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
    first_length: float  # mean tokens of the completions at the first step


class MonitorState(NamedTuple):
    """The state of the monitor between steps: arrays that a checkpoint holds."""

    first_length: np.ndarray  # [] float32: mean tokens of the first step's completions; 0 before it
    streaks: np.ndarray  # [S] int32: steps in a row, up to the last one, with each symptom above `share`


def length_collapse(completion: Completion, config: MonitorConfig) -> bool:
    """Whether the completion is shorter than `length` times the mean at the first step."""
    return completion.tokens < config.length * completion.first_length


def format_only(completion: Completion, config: MonitorConfig) -> bool:
    """Whether the format is strict and hollow: under `words` words of reasoning, or nothing of the case in it.

    The answer may be right: small models rewarded for format and accuracy alone shorten their reasoning to nothing.
    """
    response = completion.response
    hollow = len((response.reasoning or "").split()) < config.words or grounding(response, completion.record) == 0.0
    return response.strict and hollow


def answer_inside(completion: Completion, config: MonitorConfig) -> bool:
    """Whether the reasoning block holds a box, an answer block, or the only stated answer.

    The reasoning block counts from its opening tag to the end of the text where it is never closed. A stated answer is
    the only one where the answer block is missing or blank.
    """
    response = completion.response
    opening, closing, answer_opening = list(response.tag_counts)[:3]
    if "reasoning" in response.spans:
        start, end = response.spans["reasoning"]
    elif response.tag_counts[opening] == 1 and not response.tag_counts[closing]:
        start, end = response.text.find(opening) + len(opening), len(response.text)
    else:
        return False
    stated = response.spans.get("stated", (-1, -1))[0]
    only_stated = not response.answer and start <= stated < end
    reasoning = response.text[start:end]
    return BOX in reasoning or answer_opening in reasoning or only_stated


def repeated_boxes(completion: Completion, config: MonitorConfig) -> bool:
    """Whether there is more than one box in the answer block, or in a text without one."""
    return len(completion.response.boxes) > 1


def stem_copy(completion: Completion, config: MonitorConfig) -> bool:
    """Whether more than `copied` of the reasoning repeats context and question word for word, in runs of 8 words."""
    stem = tokens("\n".join((*completion.record.context, completion.record.question)))
    reasoning = tokens(completion.response.reasoning or completion.response.text)
    return copied_share(reasoning, stem) > config.copied


def language_drift(completion: Completion, config: MonitorConfig) -> bool:
    """Whether the response leaves the language of its question (`alignment/text/language.py`)."""
    stem = "\n".join((*completion.record.context, completion.record.question))
    return drifts(completion.response.text, stem, config.foreign)


SYMPTOMS: dict[str, Callable[[Completion, MonitorConfig], bool]] = {
    function.__name__: function
    for function in (length_collapse, format_only, answer_inside, repeated_boxes, stem_copy, language_drift)
}


def init_monitor() -> MonitorState:
    """Return the state before the first step."""
    return MonitorState(np.float32(0.0), np.zeros(len(SYMPTOMS), np.int32))


def update_monitor(
    responses: Sequence[Response],
    records: Sequence[Record],
    lengths: np.ndarray,
    state: MonitorState,
    config: MonitorConfig,
) -> tuple[dict[str, float], MonitorState]:
    """Look at one step's N completions.

    Args:
      responses: [N]; records: [N], what they answer; lengths: [N] tokens.
      state: before the step.
      config: the thresholds.

    Returns:
      The metrics, `watch/<symptom>` (share of the completions) and `watch/alarms` (symptoms that have lasted), and the
      state after the step.
    """
    first_length = state.first_length if state.first_length > 0 else np.float32(np.mean(lengths))
    completions = [
        Completion(*row, float(first_length)) for row in zip(responses, records, map(int, lengths), strict=True)
    ]
    shares = {
        name: float(np.mean([shows(completion, config) for completion in completions]))
        for name, shows in SYMPTOMS.items()
    }
    above = np.array([share > config.share for share in shares.values()])
    state = MonitorState(first_length, np.where(above, state.streaks + 1, 0).astype(np.int32))
    metrics = {f"watch/{name}": share for name, share in shares.items()}
    return metrics | {"watch/alarms": float(np.sum(state.streaks >= config.patience))}, state


def new_alarms(state: MonitorState, config: MonitorConfig) -> list[str]:
    """Return the symptoms whose alarm starts with the last step."""
    return [name for name, streak in zip(SYMPTOMS, state.streaks, strict=True) if streak == config.patience]


def monitor_summary(rows: Sequence[Mapping[str, float | None]] | None, config: MonitorConfig) -> dict:
    """Summarise the `watch/` metrics of one GRPO run, in the order of its steps.

    Returns:
      `watch`: {symptom: {"since": first of `patience` steps in a row whose share exceeds `share`, or None where there
      is no such run, "peak": highest share of any step, "peak_step": the first with it}}; None without rows. A symptom
      that no row has is left out.
    """
    if not rows:
        return {"watch": None}
    summary = {}
    for name in SYMPTOMS:
        key = f"watch/{name}"
        shares = {row["step"]: row[key] for row in rows if isinstance(row.get(key), numbers.Real)}
        if shares:
            peak_step = max(shares, key=shares.get)
            since = alarm_start(shares, config)
            summary[name] = {"since": since, "peak": shares[peak_step], "peak_step": peak_step}
    return {"watch": summary}


def alarm_start(shares: Mapping[int, float], config: MonitorConfig) -> int | None:
    """Return the first step of the first alarm in {step: share of a symptom}; None where there is no alarm."""
    run: list[int] = []
    for step, share in shares.items():
        run = [*run, step] if share > config.share else []
        if len(run) == config.patience:
            return run[0]
    return None
