"""Which of the drugs has done it?"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.drugs import can_cause, hallmarks
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.medicines import a_taker, apart, background, happens, listed, the_sex
from alignment.data.vignettes.registers import Fact
from alignment.data.vignettes.world import World, world
from alignment.knowledge.schema import AdverseEffect

SIZE = 4
CAUSE = (
    "Which of these drugs is the most likely cause?",
    "Which drug should be suspected first?",
    "Which of the medicines is known for this?",
    "Which medicine explains what happened?",
)
EFFECT = (
    "For which adverse effect is the new drug known?",
    "Which unwanted effect is most characteristic of the new medicine?",
    "Of which harm should the patient be warned?",
)


@functools.cache
def _known(backwards: bool) -> tuple[tuple[str, AdverseEffect], ...]:
    """Every drug with every effect it is known for; backwards only those that simply happen to an adult."""
    here = world()
    found = [(drug, effect) for drug in here.base.drugs for effect in hallmarks(here, drug)]
    return tuple((drug, effect) for drug, effect in found if not backwards or happens(effect.effect))


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw four drugs, each with an effect no other of them has, then which drug did it or what one drug does."""
    backwards = rng.random() < 0.5
    known = rng.sample(_known(backwards), SIZE)
    drugs, effects = [drug for drug, _ in known], [effect.effect for _, effect in known]
    # The four share one case and so one split: whichever of them is asked about, the options are the same.
    if split_of("adverse effect", (*drugs, *effects)) != split or not _told_apart(here, drugs, effects):
        return None
    sex = the_sex(here, drugs, effects)
    if sex is None:
        return None
    return _item(rng, known, rng.randrange(SIZE), backwards, sex)


def _told_apart(here: World, drugs: Sequence[str], effects: Sequence[str]) -> bool:
    places = range(SIZE)
    return apart(here, drugs) and not any(
        can_cause(here, drugs[one], effects[two]) for one in places for two in places if one != two
    )


def _item(rng: random.Random, known: Sequence[tuple[str, AdverseEffect]], gold: int, backwards: bool, sex: str) -> Item:
    drug, effect = known[gold]
    facts = background(rng)
    if backwards:
        taken = listed(rng.sample([name for name, _ in known], SIZE))
        facts += [Fact(f"has been given {taken}", "clause"), Fact(f"now has {effect.effect}", "clause", True)]
    else:
        facts.append(Fact(f"is started on {drug}", "clause", True))
    choices = [
        Choice(name if backwards else other.effect, "" if name == drug else _reason(name, other.effect, backwards))
        for name, other in known
    ]
    return Item(
        family="adverse_effect",
        asks="cause" if backwards else "effect",
        patient=a_taker(rng, sex),
        facts=tuple(facts),
        questions=CAUSE if backwards else EFFECT,
        choices=tuple(choices),
        gold=gold,
        steps=_steps(drug, effect.effect, backwards),
        case={"drugs": [name for name, _ in known], "effects": [effect.effect for _, effect in known]}
        | {"drug": drug, "effect": effect.effect},
        sources=(effect.source,),
        points=3,
        hops=1,
        wording=rng.getrandbits(64),
    )


def _steps(drug: str, effect: str, backwards: bool) -> tuple[str, ...]:
    if backwards:
        return f"The key finding is {effect}.", f"Of the drugs given, {drug} is known for it."
    return f"The new drug is {drug}.", f"{drug[0].upper()}{drug[1:]} is known for {effect}."


def _reason(drug: str, effect: str, backwards: bool) -> str:
    return f"known for {effect}" if backwards else f"known of {drug}"
