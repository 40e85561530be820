"""Sets of medicines that one patient may have been given, and the patient."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence

from alignment.data.vignettes.drugs import interact
from alignment.data.vignettes.index import World
from alignment.data.vignettes.phrases import NEUTRAL
from alignment.data.vignettes.registers import Fact, Patient

AGES = (25, 75)
# Drugs and effects that belong to one sex.
_SEX = {
    "combined hormonal contraceptive": "female",
    "oestrogen": "female",
    "progestin": "female",
    "oestrogen receptor modulator": "female",
    "aromatase inhibitor": "female",
    "antiprogestogen": "female",
    "oxytocic hormone": "female",
    "uterotonic ergot": "female",
    "tocolytic oxytocin antagonist": "female",
    "endometrial cancer": "female",
    "androgen": "male",
    "androgen receptor antagonist": "male",
    "5-alpha reductase inhibitor": "male",
    "gynaecomastia": "male",
    "priapism": "male",
    "tamsulosin": "male",
    "leuprorelin": "male",
    "reversible low sperm count": "male",
    "Ebstein anomaly in the fetus": "female",
    "limb defects in the fetus": "female",
}
# Effects on a child, after stopping, in overdose or under conditions do not simply happen to an adult on a drug.
_CONDITIONAL = re.compile(
    r"fetus|anomaly|teeth|baby|child|overdose|withdraw|prevented|stopping|in the first|when given"
)


def happens(effect: str) -> bool:
    """Whether an adult who takes the drug may simply come with `effect`."""
    return not _CONDITIONAL.search(effect)


def required_sex(world: World, drugs: Sequence[str], effects: Sequence[str] = ()) -> str | None:
    """Return the sex that drugs and effects ask for, "" for none, None where they ask for both."""
    things = [*drugs, *(world.base.drugs[drug].drug_class for drug in drugs), *effects]
    sexes = {_SEX.get(thing, "") for thing in things} - {""}
    return None if len(sexes) > 1 else "".join(sexes)


def draw_adult(rng: random.Random, sex: str) -> Patient:
    """Draw an adult of `sex`, or of either."""
    return Patient(rng.randint(*AGES), sex or rng.choice(("female", "male")))


def independent(world: World, drugs: Iterable[str]) -> bool:
    """Whether the drugs are of different classes and no two of them interact."""
    drugs = list(drugs)
    kinds = {world.base.drugs[drug].drug_class for drug in drugs}
    return len(kinds) == len(drugs) and not any(
        interact(world, one, two) for place, one in enumerate(drugs) for two in drugs[:place]
    )


def background(rng: random.Random) -> list[Fact]:
    """Draw one or two things about a patient that point nowhere."""
    groups = rng.sample(NEUTRAL[:-1], rng.choice((1, 2)))  # not of allergies or surgery, which drugs may belie
    return [Fact(rng.choice(group), "clause") for group in groups]
