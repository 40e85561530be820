"""What meets what: the drug that a new one interacts with, or what comes of it."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.drugs import interact
from alignment.data.vignettes.index import World, load_world
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.medicines import background, draw_adult, independent, required_sex
from alignment.data.vignettes.registers import Fact, capitalised, in_words
from alignment.knowledge.schema import Interaction

SIZE = 4
WITH = (
    "Which of the earlier drugs interacts dangerously with the new one?",
    "With which of the earlier medicines does the new one collide?",
    "Which earlier drug makes the new prescription hazardous?",
    "Which of these medicines must not be combined with the new one unwatched?",
)
RESULT = (
    "What is the danger of this combination?",
    "What may the two drugs do together?",
    "Which harm is to be feared from the pair?",
)
Pair = tuple[str, str, Interaction]  # the drug taken, the one added, what happens


@functools.cache
def _pairs() -> tuple[tuple[tuple[str, ...], tuple[str, ...], Interaction], ...]:
    """Every interaction with the drugs on its two sides."""
    base = load_world().base
    sides = {name: (name,) for name in base.drugs}
    for name in base.classes:
        sides.setdefault(name, tuple(drug.name for drug in base.drugs.values() if drug.drug_class == name))
    return tuple((sides[fact.first], sides[fact.second], fact) for fact in base.interactions)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw four pairs of drugs that interact, none with a drug of another pair, then which pair it is."""
    pairs = []
    for first, second, fact in rng.sample(_pairs(), SIZE):
        both = [rng.choice(first), rng.choice(second)]
        rng.shuffle(both)
        pairs.append((*both, fact))
    taken, added = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    asks_result = rng.random() < 0.4
    sex = required_sex(world, [*taken, *added])
    if sex is None or split_of("interaction", [*taken, *added]) != split:
        return None
    others = ((one, two) for one in range(SIZE) for two in range(SIZE) if one != two)
    distinct = len({*taken, *added}) == 2 * SIZE and independent(world, taken)
    if not distinct or any(interact(world, taken[one], added[two]) for one, two in others):
        return None
    if asks_result and len({fact.result for *_, fact in pairs}) < SIZE:
        return None
    return _item(rng, pairs, rng.randrange(SIZE), asks_result, sex)


def _item(rng: random.Random, pairs: Sequence[Pair], gold: int, asks_result: bool, sex: str) -> Item:
    taken, added, fact = pairs[gold]
    facts = background(rng)
    if asks_result:
        facts += [Fact(f"takes {taken}", "clause", True), Fact(f"is now given {added} as well", "clause", True)]
    else:
        names = in_words(rng.sample([pair[0] for pair in pairs], SIZE))
        facts += [Fact(f"takes {names}", "clause"), Fact(f"is now given {added} as well", "clause", True)]
    choices = []
    for pair in pairs:
        reason = f"seen when {pair[0]} meets {pair[1]}" if asks_result else f"would collide with {pair[1]} instead"
        choices.append(Choice(pair[2].result if asks_result else pair[0], "" if pair is pairs[gold] else reason))
    return Item(
        family="interaction",
        asks="result" if asks_result else "partner",
        patient=draw_adult(rng, sex),
        facts=tuple(facts),
        questions=RESULT if asks_result else WITH,
        choices=tuple(choices),
        gold=gold,
        steps=(f"The new drug is {added}.", f"{capitalised(taken)} with {added} means {fact.result}: {fact.reason}."),
        case={"taken": [pair[0] for pair in pairs], "others": [pair[1] for pair in pairs]}
        | {"added": added, "partner": taken, "result": fact.result},
        sources=(fact.source,),
        points=4 if asks_result else 3,
        hops=1,
        wording=rng.getrandbits(64),
    )
