"""From the findings to the condition, on to its treatment, and from there to what the treatment does or forbids."""

from __future__ import annotations

import random
from collections.abc import Sequence

from alignment.data.vignettes.drugs import can_cause, hallmarks, treatments_clash
from alignment.data.vignettes.hinge import Asks, by_finding
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.world import World
from alignment.knowledge.base import ruled_out
from alignment.knowledge.schema import Condition

TRIES = 500


def _action(rng: random.Random, here: World, condition: Condition) -> str:
    return here.base.class_of(condition.first_line).mechanism


def _harm(rng: random.Random, here: World, condition: Condition) -> str:
    return rng.choice(hallmarks(here, condition.first_line)).effect


def _bars(here: World, condition: Condition) -> list[str]:
    # Pregnancy and the like are left out: the patient may be a man.
    found = [c.factor for c in here.base.drugs[condition.first_line].contraindications]
    return [factor for factor in found if here.base.factors[factor].sex is None]


def _bar(rng: random.Random, here: World, condition: Condition) -> str:
    return rng.choice(_bars(here, condition))


def _given(condition: Condition) -> str:
    return f"Its first-line treatment is {condition.first_line}."


def _harms(here: World, condition: Condition, text: str) -> Sequence[str]:
    return (_given(condition), f"{_upper(condition.first_line)} is known for {text}.")


def _harm_sources(here: World, condition: Condition, text: str) -> Sequence[str]:
    return [effect.source for effect in hallmarks(here, condition.first_line) if effect.effect == text]


def _bar_sources(here: World, condition: Condition, text: str) -> Sequence[str]:
    return [c.source for c in here.base.drugs[condition.first_line].contraindications if c.factor == text]


def _same_harm(here: World, one: Condition, other: Condition) -> bool:
    harms = [effect.effect for effect in hallmarks(here, one.first_line)]
    return treatments_clash(here, one, other) or any(can_cause(here, other.first_line, harm) for harm in harms)


def _same_bar(here: World, one: Condition, other: Condition) -> bool:
    bars = [c.factor for c in here.base.drugs[one.first_line].contraindications]
    # A factor that is a picture of the other condition, or rules its treatment out as well, could be defended.
    return treatments_clash(here, one, other) or any(
        ruled_out(here.base, other.first_line, bar) or _shows(here, other, bar) for bar in bars
    )


def _shows(here: World, condition: Condition, bar: str) -> bool:
    return bar == condition.name or any(finding.text == bar for finding in condition.findings)


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


KINDS = (
    Asks(
        family="multi_hop",
        asks="action of the first-line treatment",
        questions=(
            "How does the first-line treatment of this illness work?",
            "What does the treatment of first choice do?",
            "By which action does the usual first treatment help here?",
        ),
        text=_action,
        recall=lambda here, c, text: (_given(c), f"{_upper(c.first_line)} {text}."),
        reason=lambda here, gold, other, text: f"that is {other.first_line}, for {other.name}",
        clash=treatments_clash,
        sources=lambda here, c, text: [here.base.class_of(c.first_line).source],
        hops=3,
    ),
    Asks(
        family="multi_hop",
        asks="harm of the first-line treatment",
        questions=(
            "Which adverse effect is the first-line treatment of this illness known for?",
            "Once the usual first treatment is started, which harm is most characteristic of it?",
            "For which unwanted effect should one watch on the treatment of first choice?",
        ),
        text=_harm,
        recall=_harms,
        reason=lambda here, gold, other, text: f"known of {other.first_line}, for {other.name}",
        usable=lambda here, condition: bool(hallmarks(here, condition.first_line)),
        clash=_same_harm,
        sources=_harm_sources,
        hops=3,
    ),
    Asks(
        family="multi_hop",
        asks="bar to the first-line treatment",
        questions=(
            "Which circumstance would rule out the first-line treatment of this illness?",
            "What in a patient's history would forbid the treatment of first choice?",
            "Which of these is a contraindication to the usual first treatment here?",
        ),
        text=_bar,
        recall=lambda here, c, text: (_given(c), f"{_upper(text)} rules out {c.first_line}."),
        reason=lambda here, gold, other, text: f"rules out {other.first_line}, for {other.name}",
        usable=lambda here, condition: bool(_bars(here, condition)),
        clash=_same_bar,
        sources=_bar_sources,
        hops=3,
    ),
)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw a question that needs the condition, its treatment and a fact about the treatment."""
    asks = rng.choice(KINDS)  # chosen once, so that no kind is rarer for being harder to draw
    tries = (by_finding(rng, here, split, asks) for _ in range(TRIES))
    return next((item for item in tries if item), None)
