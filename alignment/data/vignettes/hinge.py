"""Questions that turn on the key finding of one of four conditions which share the rest of the picture."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence

from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.phrases import NEUTRAL
from alignment.data.vignettes.registers import Fact, Patient
from alignment.data.vignettes.world import World, a_patient, absence, company, fact, in_common, openings
from alignment.knowledge.schema import Condition, Finding

SIZE = 4


def _never(here: World, one: Condition, other: Condition) -> bool:
    return False


@dataclasses.dataclass(frozen=True)
class Asks:
    """What is asked about the condition behind the picture.

    `text` draws the option a `usable` condition gives, `clash` says whether what the first gives could
    be defended for the second, `recall` the thoughts from the condition to its option and `reason` why the option of
    another condition is wrong. A `bedside` question shows findings of history and examination alone; `held` marks
    questions whose options are findings themselves and so are kept out of the stem.
    """

    family: str
    asks: str
    questions: tuple[str, ...]
    text: Callable[[random.Random, World, Condition], str]
    recall: Callable[[World, Condition, str], Sequence[str]]
    reason: Callable[[World, Condition, Condition, str], str]
    usable: Callable[[World, Condition], bool] = lambda here, condition: True  # whether it gives an option at all
    clash: Callable[[World, Condition, Condition], bool] = _never
    sources: Callable[[World, Condition, str], Sequence[str]] = lambda here, condition, text: ()
    hops: int = 1
    bedside: bool = False
    held: bool = False


def by_finding(rng: random.Random, here: World, split: str, asks: Asks) -> Item | None:
    """Draw four conditions, what each gives as an option, then which is right and a case for it."""
    four = company(rng, here, SIZE, lambda c: asks.usable(here, c), lambda one, other: asks.clash(here, one, other))
    if four is None:
        return None
    texts = [asks.text(rng, here, condition) for condition in four]
    if len(set(texts)) < SIZE:
        return None
    patient = a_patient(rng, four)
    shared, shown = in_common(rng, here, four, patient), rng.choice((1, 1, 2))
    if shared is None:
        return None
    cases = [openings(c, shared, shown, split, _usable(asks, text)) for c, text in zip(four, texts, strict=True)]
    if not all(cases):  # each of the four must be able to be the right one, or the options would tell something
        return None
    gold = rng.randrange(SIZE)
    return _item(rng, here, asks, patient, four, texts, gold, shared, rng.choice(cases[gold]))


def _usable(asks: Asks, text: str) -> Callable[[Finding], bool]:
    return lambda finding: not (asks.bedside and finding.test) and not (asks.held and finding.text == text)


def _item(
    rng: random.Random,
    here: World,
    asks: Asks,
    patient: Patient,
    four: Sequence[Condition],
    texts: Sequence[str],
    gold: int,
    shared: Sequence[str],
    key: tuple[str, ...],
) -> Item:
    condition = four[gold]
    facts = told(rng, here, four, condition, patient, (*shared, *key))
    choices = tuple(
        Choice(text, "" if other is condition else asks.reason(here, condition, other, text))
        for other, text in zip(four, texts, strict=True)
    )
    return Item(
        family=asks.family,
        asks=asks.asks,
        patient=patient,
        facts=facts,
        questions=asks.questions,
        choices=choices,
        gold=gold,
        steps=(*recognised(rng, condition, facts), *asks.recall(here, condition, texts[gold])),
        case={"condition": condition.name, "findings": [*shared, *key], "key": list(key)},
        sources=(*sources_of(condition, (*shared, *key)), *asks.sources(here, condition, texts[gold])),
        points=condition.difficulty + asks.hops - 1 + (len(key) == 1),
        hops=asks.hops,
        wording=rng.getrandbits(64),
    )


def told(
    rng: random.Random,
    here: World,
    company_of: Sequence[Condition],
    condition: Condition,
    patient: Patient,
    texts: Sequence[str],
) -> tuple[Fact, ...]:
    """Return the findings `texts` of `condition` in random order, with something denied and something neutral."""
    facts = [fact(rng, here, condition, text) for text in texts]
    rng.shuffle(facts)
    if rng.random() < 0.5:
        facts.append(absence(rng, here, company_of, patient, texts))
    if rng.random() < 0.4:
        facts.append(Fact(rng.choice(rng.choice(NEUTRAL)), "clause"))
    return tuple(facts)


def recognised(rng: random.Random, condition: Condition, facts: Sequence[Fact]) -> tuple[str, ...]:
    """Return the thoughts from the findings to the condition: what fits many, and what fits it alone."""
    common = [fact.name for fact in facts if fact.kind in ("history", "result") and not fact.decisive]
    key, *more = [fact.text for fact in facts if fact.decisive and fact.kind != "clause"]
    open_ = rng.choice(("{} would fit several conditions here.", "{} alone leaves several conditions open."))
    return (
        _upper(open_.format(" with ".join(common[:2]))),
        f"The key finding {key} points to {condition.name}.",
        *(f"{_upper(text)} agrees with that." for text in more),
    )


def sources_of(condition: Condition, texts: Sequence[str]) -> tuple[str, ...]:
    """Return where `condition` and its findings `texts` can be checked."""
    return (condition.source, *(finding.source for finding in condition.findings if finding.text in texts))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
