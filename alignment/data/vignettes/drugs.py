"""What the knowledge base says about treatments: aims, conditions they are defensible for, harms, interactions."""

from __future__ import annotations

import functools

from alignment.data.vignettes.index import World
from alignment.knowledge.pharmacology.checks import effects_of, interactions_of
from alignment.knowledge.schema import AdverseEffect, Condition

# Drugs that act locally and hardly have the systemic effects of their class.
LOCAL = frozenset(
    ("budesonide", "beclometasone", "fluticasone", "clobetasol", "timolol", "dorzolamide", "clotrimazole")
)


def first_choice(condition: Condition) -> str:
    """Return the first-line treatment with its aim, which is part of the option so that no question reveals it."""
    return f"{condition.first_line} {condition.aim}".strip()


def defended(world: World, drug: str, condition: Condition) -> bool:
    """Whether some authority would give `drug`, or a drug of its class, for `condition`."""
    return bool({drug, world.base.drugs[drug].drug_class} & world.accepted[condition.name])


def treatments_clash(world: World, one: Condition, other: Condition) -> bool:
    """Whether the first-line treatment of `one` could be defended for `other`."""
    return defended(world, one.first_line, other)


@functools.cache
def hallmarks(world: World, drug: str) -> tuple[AdverseEffect, ...]:
    """Return the effects a drug, or its class, is known for; a local drug is not known for those of its class."""
    names = {drug} if drug in LOCAL else {drug, world.base.drugs[drug].drug_class}
    return tuple(effect for effect in world.base.adverse_effects if effect.hallmark and effect.subject in names)


def can_cause(world: World, drug: str, effect: str) -> bool:
    """Whether the base lists `effect` for `drug` or its class."""
    return effect in effects_of(world.base, drug)


@functools.cache
def interact(world: World, one: str, other: str) -> bool:
    """Whether the base lists an interaction of two drugs."""
    return bool(interactions_of(world.base, one, other))
