"""What may be said of treatments: names with their aim, who could defend them, what their harms are."""

from __future__ import annotations

import functools

from alignment.data.vignettes.world import World
from alignment.knowledge.base import treatments
from alignment.knowledge.pharmacology.checks import effects_of, interactions_of
from alignment.knowledge.schema import AdverseEffect, Condition

# Drugs that act where they are put, and hardly do what their class does to the rest of the body.
LOCAL = frozenset(
    ("budesonide", "beclometasone", "fluticasone", "clobetasol", "timolol", "dorzolamide", "clotrimazole")
)


def first_choice(condition: Condition) -> str:
    """The first-line treatment with its aim, which goes with the option so that no question tells it."""
    return f"{condition.first_line} {condition.aim}".strip()


@functools.cache
def _accepted(here: World, condition: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return (drugs, classes) that could be given for a condition."""
    given = frozenset(treatments(here.base, here.base.conditions[condition]))
    return given, frozenset(here.base.drugs[name].drug_class for name in given if name in here.base.drugs)


def defended(here: World, drug: str, condition: Condition) -> bool:
    """Whether some authority would give `drug`, or a drug of its class, for `condition`."""
    drugs, classes = _accepted(here, condition.name)
    return drug in drugs or here.base.drugs[drug].drug_class in classes


def treatments_clash(here: World, one: Condition, other: Condition) -> bool:
    """Whether the first-line treatment of `one` could be defended for `other`."""
    return defended(here, one.first_line, other)


@functools.cache
def hallmarks(here: World, drug: str) -> tuple[AdverseEffect, ...]:
    """The effects a drug, or its class, is known for; one that acts where it is put is not known for its class's."""
    names = {drug} if drug in LOCAL else {drug, here.base.drugs[drug].drug_class}
    return tuple(effect for effect in here.base.adverse_effects if effect.hallmark and effect.subject in names)


def can_cause(here: World, drug: str, effect: str) -> bool:
    """Whether the base lists `effect` for `drug` or its class."""
    return effect in _effects(here, drug)


@functools.cache
def _effects(here: World, drug: str) -> frozenset[str]:
    return frozenset(effects_of(here.base, drug))


@functools.cache
def interact(here: World, one: str, other: str) -> bool:
    """Whether the base lists an interaction of two drugs."""
    return bool(interactions_of(here.base, one, other))
