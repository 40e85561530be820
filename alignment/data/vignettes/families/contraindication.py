"""Which treatment, where something may rule the usual one out?

Two conditions that share findings, each with a first choice and a reserve, and two factors, each ruling out one first
choice: four patients, one for each of the four treatments. Neither the condition nor the factor alone decides.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from alignment.data.vignettes.drugs import defended
from alignment.data.vignettes.index import World, draw_condition_set, draw_patient, in_common, key_sets
from alignment.data.vignettes.item import Choice, Item
from alignment.data.vignettes.registers import Fact, Patient
from alignment.data.vignettes.shared_findings import present_findings, recognised, sources_of
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


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw two conditions with their factors, then which of the four treatments is right."""

    def clash(one: Condition, other: Condition) -> bool:
        drugs = (one.first_line, *(alternative.drug for alternative in _reserves(one)))
        return any(defended(world, drug, other) for drug in drugs)

    pair = draw_condition_set(rng, world, 2, lambda c: bool(_reserves(c)), clash)
    if pair is None:
        return None
    reserves = [rng.choice(_reserves(condition)) for condition in pair]
    if not _separate(world, pair, reserves) or _ages(world, pair, reserves) is None:
        return None
    sexes = [thing.sex for thing in (*pair, *(world.base.factors[r.factor] for r in reserves)) if thing.sex]
    patient = draw_patient(rng, pair, *_ages(world, pair, reserves), sex=sexes[0] if sexes else "")
    shared, shown = in_common(rng, world, pair, patient), rng.choice((1, 1, 2))
    if shared is None:
        return None
    cases = [key_sets(condition, shared, shown, split) for condition in pair]
    if not all(cases):
        return None
    return _item(rng, world, patient, pair, reserves, shared, cases)


def _separate(world: World, pair: Sequence[Condition], reserves: Sequence[Alternative]) -> bool:
    """Whether each factor leaves the other condition's treatments alone and is no part of either picture."""
    texts = {text for c in pair for text in (c.name, *(finding.text for finding in c.findings))}
    for number, reserve in enumerate(reserves):
        other, spare = pair[1 - number].first_line, reserves[1 - number].drug
        if reserve.factor in texts or reserve.drug == spare:
            return False
        if any(ruled_out(world.base, drug, reserve.factor) for drug in (other, spare)):
            return False
        if not ruled_out(world.base, pair[number].first_line, reserve.factor):
            return False
    return True


def _ages(world: World, pair: Sequence[Condition], reserves: Sequence[Alternative]) -> tuple[int, int] | None:
    factors = [world.base.factors[reserve.factor] for reserve in reserves]
    low, high = max(f.ages[0] for f in factors), min(f.ages[1] for f in factors)
    sexes = {thing.sex for thing in (*factors, *pair)} - {None}
    low, high = max(low, *(c.ages[0] for c in pair)), min(high, *(c.ages[1] for c in pair))
    return (low, high) if low <= high and len(sexes) < 2 else None


def _item(
    rng: random.Random,
    world: World,
    patient: Patient,
    pair: Sequence[Condition],
    reserves: Sequence[Alternative],
    shared: Sequence[str],
    cases: Sequence[list[tuple[str, ...]]],
) -> Item:
    order = rng.sample(range(4), 4)  # of (condition 0, first), (0, reserve), (1, first), (1, reserve)
    gold = rng.randrange(4)
    which, barred = divmod(order[gold], 2)
    condition, reserve = pair[which], reserves[which]
    factor = world.base.factors[reserves[which if barred else 1 - which].factor]
    key = rng.choice(cases[which])
    facts = present_findings(rng, world, pair, condition, patient, (*shared, *key))
    consequence = f"does not forbid {condition.first_line}."
    if barred:
        consequence = f"rules out {condition.first_line}. The alternative is {reserve.drug}."
    texts = [drug for c, r in zip(pair, reserves, strict=True) for drug in (c.first_line, r.drug)]
    reasons = []
    for other, spare in zip(pair, reserves, strict=True):
        if other is condition:
            reasons += ["ruled out", f"the reserve, needed only with {spare.factor}"]
        else:
            reasons += [f"for {other.name}", f"for {other.name} with {spare.factor}"]
    return Item(
        family="contraindication",
        asks="reserve" if barred else "first line",
        patient=patient,
        facts=(*facts, Fact(factor.clause, "clause", True, factor.name)),
        questions=QUESTIONS,
        choices=tuple(Choice(texts[i], "" if i == order[gold] else reasons[i]) for i in order),
        gold=gold,
        steps=(
            *recognised(rng, condition, facts),
            f"Its first-line treatment is {condition.first_line}.",
            f"The patient {factor.clause}, which {consequence}",
        ),
        case={"condition": condition.name, "findings": [*shared, *key], "key": list(key), "factor": factor.name}
        | {"pair": [c.name for c in pair]},
        sources=(*sources_of(condition, (*shared, *key)), reserve.source),
        points=condition.difficulty + 2 + (len(key) == 1),
        hops=3,
        wording=rng.getrandbits(64),
    )
