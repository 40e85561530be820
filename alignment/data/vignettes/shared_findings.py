"""Questions that turn on the key finding of one of four conditions which share the rest of the picture."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence

from alignment.data.vignettes.index import World, absence, draw_condition_set, draw_patient, fact, in_common, key_sets
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.phrases import NEUTRAL
from alignment.data.vignettes.registers import Fact, Patient, capitalised
from alignment.knowledge.schema import Condition

SIZE = 4


@dataclasses.dataclass(frozen=True)
class QuestionKind:
    """A kind of question about the condition that the findings point to.

    `text` draws the option that a `usable` condition gives, and `clash` tells whether the option of the first could be
    defended for the second. `recall` returns the reasoning from the condition to its option, and `reason` why the
    option of another condition is wrong. A `bedside` question shows findings of history and examination alone; `held`
    marks questions whose options are findings, which the stem must not show.
    """

    family: str
    asks: str
    questions: tuple[str, ...]
    text: Callable[[random.Random, World, Condition], str]
    recall: Callable[[World, Condition, str], Sequence[str]]
    reason: Callable[[World, Condition, Condition, str], str]
    usable: Callable[[World, Condition], bool] = lambda world, condition: True  # whether it gives an option at all
    clash: Callable[[World, Condition, Condition], bool] = lambda world, one, other: False
    sources: Callable[[World, Condition, str], Sequence[str]] = lambda world, condition, text: ()
    hops: int = 1
    bedside: bool = False
    held: bool = False


def by_finding(rng: random.Random, world: World, split: str, kind: QuestionKind) -> Item | None:
    """Draw four conditions and the option that each gives, then the right one of them and a case for it."""
    four = draw_condition_set(
        rng, world, SIZE, lambda c: kind.usable(world, c), lambda one, other: kind.clash(world, one, other)
    )
    if four is None:
        return None
    texts = [kind.text(rng, world, condition) for condition in four]
    if len(set(texts)) < SIZE:
        return None
    patient = draw_patient(rng, four)
    shared, shown = in_common(rng, world, four, patient), rng.choice((1, 1, 2))
    if shared is None:
        return None
    cases = []
    for condition, text in zip(four, texts, strict=True):
        barred = {finding.text for finding in condition.findings if kind.bedside and finding.test}
        barred |= {text} if kind.held else set()
        cases.append(key_sets(condition, shared, shown, split, barred))
    if not all(cases):  # if one of the four could not be the right one, the options alone would give something away
        return None
    gold = rng.randrange(SIZE)
    return _item(rng, world, kind, patient, four, texts, gold, shared, rng.choice(cases[gold]))


def _item(
    rng: random.Random,
    world: World,
    kind: QuestionKind,
    patient: Patient,
    four: Sequence[Condition],
    texts: Sequence[str],
    gold: int,
    shared: Sequence[str],
    key: tuple[str, ...],
) -> Item:
    condition = four[gold]
    facts = present_findings(rng, world, four, condition, patient, (*shared, *key))
    choices = tuple(
        Choice(text, "" if other is condition else kind.reason(world, condition, other, text))
        for other, text in zip(four, texts, strict=True)
    )
    return Item(
        family=kind.family,
        asks=kind.asks,
        patient=patient,
        facts=facts,
        questions=kind.questions,
        choices=choices,
        gold=gold,
        steps=(*recognised(rng, condition, facts), *kind.recall(world, condition, texts[gold])),
        case={"condition": condition.name, "findings": [*shared, *key], "key": list(key)},
        sources=(*sources_of(condition, (*shared, *key)), *kind.sources(world, condition, texts[gold])),
        points=condition.difficulty + kind.hops - 1 + (len(key) == 1),
        hops=kind.hops,
        wording=rng.getrandbits(64),
    )


def present_findings(
    rng: random.Random,
    world: World,
    conditions: Sequence[Condition],
    condition: Condition,
    patient: Patient,
    texts: Sequence[str],
) -> tuple[Fact, ...]:
    """Return the findings `texts` of `condition` in random order, with something denied and something neutral."""
    facts = [fact(rng, world, condition, text) for text in texts]
    rng.shuffle(facts)
    if rng.random() < 0.5:
        facts.append(absence(rng, world, conditions, patient, texts))
    if rng.random() < 0.4:
        facts.append(Fact(rng.choice(rng.choice(NEUTRAL)), "clause"))
    return tuple(facts)


def recognised(rng: random.Random, condition: Condition, facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the reasoning from the findings to the condition: first what fits many, then what fits it alone."""
    common = [fact.name for fact in facts if fact.kind in ("history", "result") and not fact.decisive]
    key, *more = [fact.text for fact in facts if fact.decisive and fact.kind != "clause"]
    open_ = rng.choice(("{} would fit several conditions here.", "{} alone leaves several conditions open."))
    return (
        capitalised(open_.format(" with ".join(common[:2]))),
        f"The key finding {key} points to {condition.name}.",
        *(f"{capitalised(text)} agrees with that." for text in more),
    )


def sources_of(condition: Condition, texts: Sequence[str]) -> tuple[str, ...]:
    """Return where `condition` and its findings `texts` can be checked."""
    return (condition.source, *(finding.source for finding in condition.findings if finding.text in texts))
