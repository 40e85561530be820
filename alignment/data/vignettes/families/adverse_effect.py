"""Which of the drugs has done it?"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.drugs import can_cause, hallmarks
from alignment.data.vignettes.index import World, load_world
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.medicines import background, draw_adult, happens, independent, required_sex
from alignment.data.vignettes.registers import Fact, capitalised, in_words
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
def _known_effects(backwards: bool) -> tuple[tuple[str, AdverseEffect], ...]:
    """Every drug with every effect it is known for; backwards only those that simply happen to an adult."""
    world = load_world()
    pairs = ((drug, effect) for drug in world.base.drugs for effect in hallmarks(world, drug))
    return tuple((drug, effect) for drug, effect in pairs if not backwards or happens(effect.effect))


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw four drugs, each with an effect no other of them has, then which drug did it or what one drug does."""
    backwards = rng.random() < 0.5
    known = rng.sample(_known_effects(backwards), SIZE)
    drugs, effects = [drug for drug, _ in known], [effect.effect for _, effect in known]
    # The four share one case and so one split: whichever of them is asked about, the options are the same.
    if split_of("adverse effect", (*drugs, *effects)) != split or not independent(world, drugs):
        return None
    others = ((one, two) for one in range(SIZE) for two in range(SIZE) if one != two)
    if any(can_cause(world, drugs[one], effects[two]) for one, two in others):
        return None
    sex = required_sex(world, drugs, effects)
    if sex is None:
        return None
    return _item(rng, known, rng.randrange(SIZE), backwards, sex)


def _item(rng: random.Random, known: Sequence[tuple[str, AdverseEffect]], gold: int, backwards: bool, sex: str) -> Item:
    drug, effect = known[gold]
    facts = background(rng)
    if backwards:
        taken = in_words(rng.sample([name for name, _ in known], SIZE))
        facts += [Fact(f"has been given {taken}", "clause"), Fact(f"now has {effect.effect}", "clause", True)]
        steps = f"The key finding is {effect.effect}.", f"Of the drugs given, {drug} is known for it."
        options = [(name, f"known for {other.effect}") for name, other in known]
    else:
        facts.append(Fact(f"is started on {drug}", "clause", True))
        steps = f"The new drug is {drug}.", f"{capitalised(drug)} is known for {effect.effect}."
        options = [(other.effect, f"known of {name}") for name, other in known]
    return Item(
        family="adverse_effect",
        asks="cause" if backwards else "effect",
        patient=draw_adult(rng, sex),
        facts=tuple(facts),
        questions=CAUSE if backwards else EFFECT,
        choices=tuple(Choice(text, "" if i == gold else reason) for i, (text, reason) in enumerate(options)),
        gold=gold,
        steps=steps,
        case={"drugs": [name for name, _ in known], "effects": [effect.effect for _, effect in known]}
        | {"drug": drug, "effect": effect.effect},
        sources=(effect.source,),
        points=3,
        hops=1,
        wording=rng.getrandbits(64),
    )
