"""Checks for contradictions in the pharmacology of a knowledge base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from alignment.knowledge.pharmacology.notation import Family
from alignment.knowledge.schema import GENERAL, Interaction, KnowledgeBase


def pharmacological_problems(base: KnowledgeBase) -> list[str]:
    """Return one line for every contradiction among uses, adverse effects, interactions and contraindications."""
    lines = [f"indication of the unknown drug {i.drug!r}" for i in base.indications if i.drug not in base.drugs]
    known = base.drugs.keys() | base.classes.keys()
    subjects = [(f"adverse effect {fact.effect!r}", fact.subject) for fact in base.adverse_effects]
    subjects += [
        (f"interaction {f.first!r} with {f.second!r}", n) for f in base.interactions for n in (f.first, f.second)
    ]
    lines += [f"{where} names the unknown drug or class {name!r}" for where, name in subjects if name not in known]
    lines += _twice("indication", ((fact.drug, fact.disease) for fact in base.indications))
    lines += _twice("adverse effect", ((fact.subject, fact.effect) for fact in base.adverse_effects))
    lines += _twice("interaction", (tuple(sorted((f.first, f.second))) for f in base.interactions))
    for drug in base.drugs.values():
        lines += _twice(f"{drug.name!r}: contraindication", (c.factor for c in drug.contraindications))
    if lines:
        return lines
    stated = {(fact.subject, fact.effect) for fact in base.adverse_effects}
    alone = base.drugs.keys() - base.classes.keys()  # "insulin" is a drug and its class: its facts hold for both
    lines = [
        f"adverse effect {fact.effect!r} of {fact.subject!r} is stated for its class already"
        for fact in base.adverse_effects
        if fact.subject in alone and (base.drugs[fact.subject].drug_class, fact.effect) in stated
    ]
    return lines + _interaction_problems(base) + _use_problems(base)


def _twice(kind: str, facts: Iterable[Hashable]) -> list[str]:
    return [f"{kind} {fact!r} is stated {count} times" for fact, count in Counter(facts).items() if count > 1]


def _interaction_problems(base: KnowledgeBase) -> list[str]:
    lines = []
    for fact in base.interactions:
        of_one = fact.second == _class(base, fact.first) or fact.first == _class(base, fact.second)
        if fact.first == fact.second or of_one:
            lines.append(f"{fact.first!r} interacts with itself, as {fact.second!r}")
        elif [other.result for other in interactions_of(base, fact.first, fact.second)].count(fact.result) > 1:
            lines.append(f"{fact.result!r} of {fact.first!r} with {fact.second!r} is stated for a class already")
    return lines


def _class(base: KnowledgeBase, name: str) -> str:
    return base.drugs[name].drug_class if name in base.drugs else ""


def _use_problems(base: KnowledgeBase) -> list[str]:
    """A drug used for what rules it out, or first-line where a finding of the condition rules it out."""
    lines = [
        f"{fact.drug!r} is used for {fact.disease!r}, which rules it out"
        for fact in base.indications
        if fact.disease in _ruling_out(base, fact.drug)
    ]
    for condition in base.conditions.values():
        shown = {condition.name, *(finding.text for finding in condition.findings)}
        for factor in sorted(shown & _ruling_out(base, condition.first_line)):
            family = base.drugs[condition.first_line].drug_class
            whole = all(factor in _ruling_out(base, d.name) for d in base.drugs.values() if d.drug_class == family)
            what = f"the whole class {family!r}" if whole else repr(condition.first_line)
            lines.append(f"condition {condition.name!r}: {factor!r} rules out {what}, its first-line treatment")
    return lines


def _ruling_out(base: KnowledgeBase, drug: str) -> set[str]:
    known = base.drugs.get(drug)  # an unknown drug is reported elsewhere
    return {c.factor for c in known.contraindications} if known else set()


def family_problems(core: KnowledgeBase, families: Sequence[Family]) -> list[str]:
    """Return one line for every family that redefines a class or a drug of `core`, or of another family."""
    lines = _twice("family", (family.name for family in families))
    lines += _twice("drug", (agent.name for family in families for agent in family.agents))
    for family in families:
        if bool(family.mechanism) == (family.name in core.classes):
            lines.append(f"family {family.name!r} must have a mechanism exactly if the core has no such class")
        for agent in family.agents:
            known = core.drugs.get(agent.name)
            if known and known.drug_class != family.name:
                lines.append(f"drug {agent.name!r} is {known.drug_class!r} in the core, not {family.name!r}")
    return lines


# What two drugs do together if each can do it alone: the harm, and the effects that amount to it.
ADDITIVE = {
    "torsades de pointes": {"long QT interval"},
    "serotonin syndrome": {"serotonin syndrome"},
    "dangerously high potassium": {"high potassium"},
    "low potassium": {"low potassium"},
    "bleeding": {"bleeding", "gastric bleeding"},
    "severe low blood glucose": {"low blood glucose"},
    "bone marrow suppression": {"bone marrow suppression"},
    "respiratory depression": {"respiratory depression", "respiratory depression with pinpoint pupils"},
    "acute kidney injury": {"acute kidney injury"},
    "hearing loss": {"hearing loss"},
    "slow pulse": {"slow pulse", "heart block"},
    "severe hypotension": {"hypotension", "orthostatic hypotension", "first-dose hypotension"},
    "seizures": {"seizures"},
    "rhabdomyolysis": {"rhabdomyolysis", "myopathy"},
}


def interactions_of(base: KnowledgeBase, first: str, second: str) -> list[Interaction]:
    """Return the interactions of two drugs, stated for the drugs themselves or for their classes.

    Where none is stated, two drugs that can both do the same harm of `ADDITIVE` interact by adding up.
    """
    names, others = {first, _class(base, first)} - {""}, {second, _class(base, second)} - {""}
    pairs = {frozenset((one, two)) for one in names for two in others}
    stated = [fact for pair in sorted(pairs, key=sorted) for fact in base.meetings.get(pair, ())]
    one, two = base.effects.get(first, frozenset()), base.effects.get(second, frozenset())
    harms = [harm for harm, effects in ADDITIVE.items() if first != second and effects & one and effects & two]
    return stated or [Interaction(first, second, harm, "each can cause it alone", GENERAL) for harm in harms]


def effects_of(base: KnowledgeBase, drug: str) -> frozenset[str]:
    """Return the adverse effects of a drug: its own and those of its class."""
    return base.effects[drug]
