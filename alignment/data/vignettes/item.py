"""A question before it is worded, and its conversion into a record."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from typing import Any

from alignment.data.ids import content_id
from alignment.data.vignettes.registers import Fact, Patient, stem
from alignment.record import Record

LETTERS = "ABCD"
LEVELS = {2: "easy", 3: "medium"}  # of the points of `difficulty`; fewer are easy, more are hard
_WANTED = ("Wanted is {}.", "The answer sought is {}.", "So the right option reads: {}.")


@dataclasses.dataclass(frozen=True)
class Choice:
    """An option, and why it is wrong where it is not the gold one."""

    text: str
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Item:
    """A question: the patient, the known facts, the wordings of the question, and the steps to the answer.

    `choices` are four in display order, `gold` the index of the right one; `asks` names the kind of question within its
    family. `case` holds what a second solver needs (`solver.py`), `points` add up to the difficulty, `wording` seeds
    the choice of words, so that the same item can be worded again with something left out.
    """

    family: str
    asks: str
    patient: Patient
    facts: tuple[Fact, ...]
    questions: tuple[str, ...]
    choices: tuple[Choice, ...]
    gold: int
    steps: tuple[str, ...]
    case: Mapping[str, Any]
    sources: tuple[str, ...]
    points: int
    hops: int
    wording: int

    @property
    def gold_text(self) -> str:
        """The text of the right option."""
        return self.choices[self.gold].text


def to_record(item: Item, prefix: str = "vignette", hidden: bool = False) -> Record:
    """Put `item` into words; with `hidden` its decisive facts are left unsaid (and it has no chain of thought)."""
    rng = random.Random(item.wording)
    question = rng.choice(item.questions)
    facts = tuple(fact for fact in item.facts if not (hidden and fact.decisive))
    register, told = stem(rng, item.patient, facts)
    question = f"{told} {question}"
    options = {letter: choice.text for letter, choice in zip(LETTERS, item.choices, strict=True)}
    return Record(
        id=content_id(prefix, question, options),
        source="vignettes",
        question=question,
        options=options,
        gold=LETTERS[item.gold],
        facts=(str(item.patient), *(fact.stated for fact in facts)),
        cot=None if hidden else chain_of_thought(rng, item),
        licence="Apache-2.0",
        provenance="generated",
        meta=_meta(item, register, facts),
    )


def chain_of_thought(rng: random.Random, item: Item) -> str:
    """Return the steps, then every option with its letter and why it is wrong, then the conclusion."""
    thoughts = " ".join((*item.steps, rng.choice(_WANTED).format(item.gold_text)))
    lines = [
        f"{letter}. {choice.text} ({letter}){', ' * bool(choice.reason)}{choice.reason}"
        for letter, choice in zip(LETTERS, item.choices, strict=True)
    ]
    return "\n".join([thoughts, *lines, f"The option that fits is {item.gold_text} ({LETTERS[item.gold]})."])


def _meta(item: Item, register: str, facts: tuple[Fact, ...]) -> dict[str, Any]:
    wrong = {letter: choice.reason for letter, choice in zip(LETTERS, item.choices, strict=True) if choice.reason}
    return {
        "scope": "full",
        "family": item.family,
        "asks": item.asks,
        "register": register,
        "difficulty": LEVELS.get(max(item.points, 2), "hard"),
        "hops": item.hops,
        "decisive": [fact.stated for fact in facts if fact.decisive],
        "why_wrong": wrong,
        "sources": sorted(set(item.sources)),
        "case": dict(item.case),
    }
