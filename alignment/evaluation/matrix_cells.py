"""The cells of the alignment matrix as data: a metric, the causes of its failures, and the reward channel behind it.

Quark Medical Alignment (2602.11661) gives four categories, in each a closed loop from an observable metric over an
attributable diagnosis to an optimisable reward, and publishes no cell. Cells, causes, targets, floors and severities
are a reconstruction for a text-only small model. `alignment/evaluation/matrix.py` diagnoses an evaluation by them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from alignment.record import Record
from alignment.rewards.clinical.red_flags import is_overconfident
from alignment.rewards.presets import PRESETS, Weight
from alignment.text.audit_checks import grounding
from alignment.text.language import other_script_share
from alignment.text.mentions import asserted_letter
from alignment.text.overlap import two_systems
from alignment.text.parser import Response

CATEGORIES = ("fundamental capabilities", "expert knowledge", "online feedback", "format specifications")
FUNDAMENTAL, EXPERT, FEEDBACK, FORMAT = CATEGORIES

Diagnosis = Callable[[Response, Record], str]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row of the matrix: metric -> diagnosis -> channel."""

    category: str
    metric: str  # what the mean of the channel over responses is
    channel: str
    diagnose: Diagnosis  # names the cause of one response whose value lies under the floor
    default: Weight  # target, floor and severity where no preset gives them
    worst: float = 0.0  # value of the worst response
    best: float = 1.0  # value of the best response
    only_rewarded: bool = False  # shown only where the channel is part of the reward
    replaces: str = ""  # where this channel is part of the reward, its cell is shown in place of that channel's


def _wrong_option(response: Response, record: Record) -> str:
    if response.letter is None:
        return "no readable letter"
    reasoned_right = asserted_letter(response.reasoning or "", record) == record.gold
    return "the reasoning has it right, the answer not" if reasoned_right else "wrong option"


def _wrong_or_broken(response: Response, record: Record) -> str:
    return _wrong_option(response, record) if response.strict else _broken_format(response, record)


def _disagreement(response: Response, record: Record) -> str:
    if response.reasoning is None:
        return "no reasoning block"
    if response.letter is None:
        return "no readable letter"
    asserted = asserted_letter(response.reasoning, record)
    return "the reasoning settles on no option" if asserted is None else "the reasoning settles on another option"


def _ungrounded(response: Response, record: Record) -> str:
    if response.reasoning is None:
        return "no reasoning block"
    if grounding(response, record):
        return "few sentences take up the case"
    return "no sentence takes up the case"


def _broken_format(response: Response, record: Record) -> str:
    return response.violations[0] if response.violations else "none"


def _ineffective_characters(response: Response, record: Record) -> str:
    if not response.text:
        return "empty"
    if other_script_share(response.text) > 0:
        return "another script"
    return "signs beyond plain English"


def _always(cause: str) -> Diagnosis:
    return lambda response, record: cause


_QUARK = PRESETS["quark"]
_PENALTY = {"worst": -1.0, "best": 0.0}
_INSTEAD_OF_ACCURACY = {"only_rewarded": True, "replaces": "accuracy"}
_INSTEAD_OF_FORMAT = {"only_rewarded": True, "replaces": "format"}

MATRIX: tuple[Cell, ...] = (
    Cell(FUNDAMENTAL, "accuracy", "accuracy", _wrong_option, _QUARK["accuracy"]),
    Cell(FUNDAMENTAL, "accuracy by box or end", "crpo_accuracy", _wrong_option, Weight(0.0), **_INSTEAD_OF_ACCURACY),
    Cell(FUNDAMENTAL, "accuracy by box", "r1_accuracy", _wrong_option, Weight(0.0), worst=-1.0, **_INSTEAD_OF_ACCURACY),
    Cell(FUNDAMENTAL, "accuracy in format", "gated_accuracy", _wrong_or_broken, Weight(0.0), **_INSTEAD_OF_ACCURACY),
    Cell(
        FUNDAMENTAL,
        "accuracy in format",
        "penalised_accuracy",
        _wrong_or_broken,
        Weight(0.0),
        worst=-1.0,
        **_INSTEAD_OF_ACCURACY,
    ),
    Cell(FUNDAMENTAL, "answer agrees with reasoning", "agreement", _disagreement, _QUARK["agreement"]),
    Cell(EXPERT, "reasoning sentences on the case", "grounding", _ungrounded, _QUARK["grounding"]),
    Cell(EXPERT, "rubric recall", "must_have", _always("required statement missing"), Weight(0.0, target=0.8)),
    Cell(
        EXPERT,
        "assertions borne out by the knowledge base",
        "assertions",
        _always("contradicts the knowledge base"),
        _QUARK["assertions"],
        worst=-1.0,
    ),
    Cell(
        EXPERT,
        "no contraindicated drug",
        "contraindication_safety",
        _always("advises a drug that is ruled out"),
        _QUARK["contraindication_safety"],
    ),
    Cell(
        EXPERT,
        "compliance",
        "compliance",
        lambda response, record: (
            "certainty without the case"
            if is_overconfident(response.text, (*record.context, record.question, *record.facts))
            else "red flag without advice of urgent help"
        ),
        _QUARK["compliance"],
    ),
    Cell(
        EXPERT,
        "cross-reference",
        "cross_reference",
        lambda response, record: (
            "the conclusion does not point back" if two_systems(response) else "no System 1 and System 2"
        ),
        Weight(0.0, target=0.8),
        only_rewarded=True,
    ),
    Cell(
        FEEDBACK,
        "judgement of people",
        "feedback",
        _always("would be judged down"),
        Weight(0.0, target=0.8),
        only_rewarded=True,
    ),
    Cell(FORMAT, "strict format", "format", _broken_format, _QUARK["format"]),
    Cell(
        FORMAT,
        "two systems",
        "two_systems",
        lambda response, record: "no System 1 and System 2" if response.strict else _broken_format(response, record),
        Weight(0.0, severity=0.5),
        **_INSTEAD_OF_FORMAT,
    ),
    Cell(
        FORMAT,
        "blocks and one box",
        "r1_format",
        _broken_format,
        Weight(0.0, target=1.5, severity=0.5),
        best=1.5,
        **_INSTEAD_OF_FORMAT,
    ),
    Cell(FORMAT, "repetition", "repetition", _always("repeats itself"), _QUARK["repetition"], **_PENALTY),
    Cell(
        FORMAT,
        "effective characters",
        "effective_ratio",
        _ineffective_characters,
        Weight(0.0, target=0.99, floor=0.9, severity=0.5),
    ),
    Cell(
        FORMAT,
        "length",
        "overlong",
        lambda response, record: "cut at the token limit" if response.truncated else "close to the token limit",
        Weight(0.0, target=0.0, floor=-0.5, severity=0.5),
        **_PENALTY,
    ),
)


def observed(weights: Mapping[str, Weight]) -> tuple[Cell, ...]:
    """Return the cells that are shown for a model trained with these weights of channels.

    A cell of a channel outside the reward is shown too, unless it is `only_rewarded` or replaced by another cell.
    """
    shown = [cell for cell in MATRIX if not cell.only_rewarded or cell.channel in weights]
    replaced = {cell.replaces for cell in shown if cell.replaces} - weights.keys()
    return tuple(cell for cell in shown if cell.channel not in replaced)
