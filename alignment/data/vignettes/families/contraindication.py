"""Which treatment, where something may rule the usual one out?

Two conditions that share findings, each with a first choice and a reserve, and two factors, each ruling out one first
choice: four patients, one for each of the four treatments. Neither the condition nor the factor alone decides.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from alignment.data.vignettes.drugs import defended
from alignment.data.vignettes.hinge import recognised, sources_of, told
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.registers import Fact, Patient
from alignment.data.vignettes.world import World, a_patient, company, in_common, openings
from alignment.knowledge.base import ruled_out
from alignment.knowledge.schema import Alternative, Condition

QUESTIONS = (
    "Which treatment is most suitable for this patient?",
    "What should be given, all things considered?",
    "Which of these treatments is the right choice here?",
    "What would you prescribe, given this history?",
)


def _reserves(condition: Condition) -> list[Alternative]:
    return [alternative for alternative in condition.alternatives if not alternative.equal]


def _clash(here: World, one: Condition, other: Condition) -> bool:
    drugs = (one.first_line, *(alternative.drug for alternative in _reserves(one)))
    return any(defended(here, drug, other) for drug in drugs)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw two conditions with their factors, then which of the four treatments is right."""
    pair = company(rng, here, 2, lambda c: bool(_reserves(c)), lambda one, other: _clash(here, one, other))
    if pair is None:
        return None
    reserves = [rng.choice(_reserves(condition)) for condition in pair]
    if not _separate(here, pair, reserves) or _ages(here, pair, reserves) is None:
        return None
    sexes = [thing.sex for thing in (*pair, *(here.base.factors[r.factor] for r in reserves)) if thing.sex]
    patient = a_patient(rng, pair, *_ages(here, pair, reserves), sex=sexes[0] if sexes else "")
    shared, shown = in_common(rng, here, pair, patient), rng.choice((1, 1, 2))
    if shared is None:
        return None
    cases = [openings(condition, shared, shown, split, lambda finding: True) for condition in pair]
    if not all(cases):
        return None
    return _item(rng, here, patient, pair, reserves, shared, cases)


def _separate(here: World, pair: Sequence[Condition], reserves: Sequence[Alternative]) -> bool:
    """Whether each factor leaves the other condition's treatments alone and is no part of either picture."""
    texts = {text for c in pair for text in (c.name, *(finding.text for finding in c.findings))}
    for place, reserve in enumerate(reserves):
        other, spare = pair[1 - place].first_line, reserves[1 - place].drug
        if reserve.factor in texts or reserve.drug == spare:
            return False
        if any(ruled_out(here.base, drug, reserve.factor) for drug in (other, spare)):
            return False
        if not ruled_out(here.base, pair[place].first_line, reserve.factor):
            return False
    return True


def _ages(here: World, pair: Sequence[Condition], reserves: Sequence[Alternative]) -> tuple[int, int] | None:
    factors = [here.base.factors[reserve.factor] for reserve in reserves]
    low, high = max(f.ages[0] for f in factors), min(f.ages[1] for f in factors)
    sexes = {thing.sex for thing in (*factors, *pair)} - {None}
    low, high = max(low, *(c.ages[0] for c in pair)), min(high, *(c.ages[1] for c in pair))
    return (low, high) if low <= high and len(sexes) < 2 else None


def _item(
    rng: random.Random,
    here: World,
    patient: Patient,
    pair: Sequence[Condition],
    reserves: Sequence[Alternative],
    shared: Sequence[str],
    cases: Sequence[list[tuple[str, ...]]],
) -> Item:
    order = rng.sample(range(4), 4)  # of (condition 0, first), (0, reserve), (1, first), (1, reserve)
    place = rng.randrange(4)
    which, barred = divmod(order[place], 2)
    condition, reserve = pair[which], reserves[which]
    factor = here.base.factors[reserves[which if barred else 1 - which].factor]
    key = rng.choice(cases[which])
    facts = told(rng, here, pair, condition, patient, (*shared, *key))
    said = (*facts, Fact(factor.clause, "clause", True, factor.name))
    texts = [drug for c, r in zip(pair, reserves, strict=True) for drug in (c.first_line, r.drug)]
    reasons = _reasons(pair, reserves, which, bool(barred))
    return Item(
        family="contraindication",
        asks="reserve" if barred else "first line",
        patient=patient,
        facts=said,
        questions=QUESTIONS,
        choices=tuple(Choice(texts[i], "" if i == order[place] else reasons[i]) for i in order),
        gold=place,
        steps=(*recognised(rng, condition, facts), *_weighed(condition, reserve, factor.clause, bool(barred))),
        case={"condition": condition.name, "findings": [*shared, *key], "key": list(key), "factor": factor.name}
        | {"pair": [c.name for c in pair]},
        sources=(*sources_of(condition, (*shared, *key)), reserve.source),
        points=condition.difficulty + 2 + (len(key) == 1),
        hops=3,
        wording=rng.getrandbits(64),
    )


def _weighed(condition: Condition, reserve: Alternative, clause: str, barred: bool) -> tuple[str, ...]:
    usual = f"Its first-line treatment is {condition.first_line}."
    if not barred:
        return usual, f"The patient {clause}, which does not forbid {condition.first_line}."
    return usual, f"The patient {clause}, which rules out {condition.first_line}. The alternative is {reserve.drug}."


def _reasons(
    pair: Sequence[Condition], reserves: Sequence[Alternative], which: int, barred: bool
) -> tuple[str, str, str, str]:
    found = []
    for place, (condition, reserve) in enumerate(zip(pair, reserves, strict=True)):
        if place == which:
            found += ["ruled out", f"the reserve, needed only with {reserve.factor}"]
        else:
            found += [f"for {condition.name}", f"for {condition.name} with {reserve.factor}"]
    return tuple(found)
