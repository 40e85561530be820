"""From the findings to the condition, on to its treatment, and from there to what the treatment does or forbids."""

from __future__ import annotations

import random

from alignment.data.vignettes.drugs import can_cause, hallmarks, treatments_clash
from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.registers import capitalised
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding
from alignment.knowledge.base import ruled_out
from alignment.knowledge.schema import Condition

TRIES = 500


def _recalled(condition: Condition) -> str:
    return f"Its first-line treatment is {condition.first_line}."


def _bars(world: World, condition: Condition) -> list[str]:
    # Pregnancy and the like are left out: the patient may be a man.
    factors = [c.factor for c in world.base.drugs[condition.first_line].contraindications]
    return [factor for factor in factors if world.base.factors[factor].sex is None]


def _same_bar(world: World, one: Condition, other: Condition) -> bool:
    bars = [c.factor for c in world.base.drugs[one.first_line].contraindications]
    # A factor that belongs to the other condition's picture, or rules out its treatment as well, could be defended.
    return treatments_clash(world, one, other) or any(
        ruled_out(world.base, other.first_line, bar) or bar in (other.name, *other.decisive, *other.typical)
        for bar in bars
    )


KINDS = (
    QuestionKind(
        family="multi_hop",
        asks="action of the first-line treatment",
        questions=(
            "How does the first-line treatment of this illness work?",
            "What does the treatment of first choice do?",
            "By which action does the usual first treatment help here?",
        ),
        text=lambda rng, world, condition: world.base.class_of(condition.first_line).mechanism,
        recall=lambda world, c, text: (_recalled(c), f"{capitalised(c.first_line)} {text}."),
        reason=lambda world, gold, other, text: f"that is {other.first_line}, for {other.name}",
        clash=treatments_clash,
        sources=lambda world, c, text: [world.base.class_of(c.first_line).source],
        hops=3,
    ),
    QuestionKind(
        family="multi_hop",
        asks="harm of the first-line treatment",
        questions=(
            "Which adverse effect is the first-line treatment of this illness known for?",
            "Once the usual first treatment is started, which harm is most characteristic of it?",
            "For which unwanted effect should one watch on the treatment of first choice?",
        ),
        text=lambda rng, world, condition: rng.choice(hallmarks(world, condition.first_line)).effect,
        recall=lambda world, c, text: (
            _recalled(c),
            f"{capitalised(c.first_line)} is known for {text}.",
        ),
        reason=lambda world, gold, other, text: f"known of {other.first_line}, for {other.name}",
        usable=lambda world, condition: bool(hallmarks(world, condition.first_line)),
        clash=lambda world, one, other: (
            treatments_clash(world, one, other)
            or any(can_cause(world, other.first_line, effect.effect) for effect in hallmarks(world, one.first_line))
        ),
        sources=lambda world, c, text: [
            effect.source for effect in hallmarks(world, c.first_line) if effect.effect == text
        ],
        hops=3,
    ),
    QuestionKind(
        family="multi_hop",
        asks="bar to the first-line treatment",
        questions=(
            "Which circumstance would rule out the first-line treatment of this illness?",
            "What in a patient's history would forbid the treatment of first choice?",
            "Which of these is a contraindication to the usual first treatment here?",
        ),
        text=lambda rng, world, condition: rng.choice(_bars(world, condition)),
        recall=lambda world, c, text: (
            _recalled(c),
            f"{capitalised(text)} rules out {c.first_line}.",
        ),
        reason=lambda world, gold, other, text: f"rules out {other.first_line}, for {other.name}",
        usable=lambda world, condition: bool(_bars(world, condition)),
        clash=_same_bar,
        sources=lambda world, c, text: [
            bar.source for bar in world.base.drugs[c.first_line].contraindications if bar.factor == text
        ],
        hops=3,
    ),
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question that needs the condition, its treatment and a fact about the treatment."""
    kind = rng.choice(KINDS)  # chosen once, so that no kind is rarer for being harder to draw
    tries = (by_finding(rng, world, split, kind) for _ in range(TRIES))
    return next((item for item in tries if item), None)
