"""Assembling the knowledge base, checking it, and the rules for which answer is right."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence

from alignment.errors import UserError
from alignment.knowledge import (
    abdomen,
    blood_infection,
    conditions,
    drugs,
    factors,
    mind_pelvis,
    nerves_joints,
    pharmacology,
    thorax,
)
from alignment.knowledge.conditions.checks import clinical_problems
from alignment.knowledge.pharmacology.checks import pharmacological_problems
from alignment.knowledge.pharmacology.diseases import WITHIN
from alignment.knowledge.schema import Condition, KnowledgeBase

SCOPES = ("core", "full")
_PARTS = (thorax, abdomen, nerves_joints, blood_infection, mind_pelvis)


@functools.cache
def load(scope: str = "core") -> KnowledgeBase:
    """Return the knowledge base.

    The default vignettes and the corpus of the embedded nano base are made of the "core", which does not grow; "full"
    is the core with all additions.

    Raises:
      UserError: there is no such scope, or the data contradict themselves; the message names the first contradiction.
    """
    if scope not in SCOPES:
        raise UserError(f"knowledge scope {scope!r} is unknown; use one of {', '.join(SCOPES)}")
    base = KnowledgeBase(
        conditions={condition.name: condition for part in _PARTS for condition in part.CONDITIONS},
        drugs={drug.name: drug for drug in drugs.DRUGS},
        classes={drug_class.name: drug_class for drug_class in drugs.CLASSES},
        factors={factor.name: factor for factor in factors.FACTORS},
    )
    if scope == "full":
        base = conditions.extended(pharmacology.extended(base))
    contradictions = problems(base)
    if contradictions:
        raise UserError(
            f"alignment/knowledge: {contradictions[0]} ({len(contradictions)} problem(s)); correct the data"
        )
    return base


def problems(base: KnowledgeBase) -> list[str]:
    """Return one line for every contradiction in `base`; an empty list means it is consistent."""
    lines = []
    for drug in base.drugs.values():
        lines += _unknown(f"drug {drug.name!r}", "class", [drug.drug_class], base.classes)
        lines += _unknown(f"drug {drug.name!r}", "factor", [c.factor for c in drug.contraindications], base.factors)
    for condition in base.conditions.values():
        lines += _condition_problems(base, condition)
    lines += _repeated("decisive finding", (text for c in base.conditions.values() for text in c.decisive))
    lines += _repeated("mechanism", (drug_class.mechanism for drug_class in base.classes.values()))
    shared = {text for condition in base.conditions.values() for text in condition.typical}
    claimed = {text: c.name for c in base.conditions.values() for text in c.decisive}
    lines += [f"{text!r} is decisive for {c!r} yet typical elsewhere" for text, c in claimed.items() if text in shared]
    facts = [*base.drugs.values(), *base.classes.values(), *base.conditions.values()]
    facts += [c for drug in base.drugs.values() for c in drug.contraindications]
    facts += [*base.indications, *base.adverse_effects, *base.interactions, *base.results.values()]
    facts += [f for condition in base.conditions.values() for f in (*condition.findings, *condition.alternatives)]
    lines += [f"{fact} has no source" for fact in facts if not fact.source.strip()]
    return lines + pharmacological_problems(base) + clinical_problems(base)


def _condition_problems(base: KnowledgeBase, condition: Condition) -> list[str]:
    where = f"condition {condition.name!r}"
    # `also_accepted` may name treatments outside the base: it only lists what is never offered as a wrong answer.
    named = [condition.first_line, *(a.drug for a in condition.alternatives)]
    lines = _unknown(where, "drug", named, base.drugs)
    lines += _repeated(f"{where}: treatment", [condition.first_line, *condition.also_accepted])
    lines += _unknown(where, "factor", [a.factor for a in condition.alternatives], base.factors)
    lines += _repeated(f"{where}: finding", (finding.text for finding in condition.findings))
    if len(condition.decisive) < 2 or len(condition.findings) < 6:
        lines.append(f"{where} has too few findings to ask about")
    if lines:
        return lines
    for alternative in condition.alternatives:
        if not ruled_out(base, condition.first_line, alternative.factor):
            lines.append(f"{where}: {alternative.factor!r} does not rule out {condition.first_line!r}")
        if ruled_out(base, alternative.drug, alternative.factor):
            lines.append(f"{where}: {alternative.factor!r} rules out its own alternative {alternative.drug!r}")
        factor = base.factors[alternative.factor]
        if condition.sex and factor.sex and condition.sex != factor.sex:
            lines.append(f"{where}: {alternative.factor!r} cannot occur in a {condition.sex} patient")
    return lines


def _unknown(where: str, kind: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    return [f"{where} names the unknown {kind} {name!r}" for name in names if name not in known]


def _repeated(kind: str, texts: Iterable[str]) -> list[str]:
    return [f"{kind} {text!r} occurs {count} times" for text, count in Counter(texts).items() if count > 1]


def ruled_out(base: KnowledgeBase, drug: str, factor: str) -> bool:
    """Whether `factor` is a contraindication of `drug`."""
    return any(c.factor == factor for c in base.drugs[drug].contraindications)


def fitting(base: KnowledgeBase, findings: Sequence[str], absent: Sequence[str] = ()) -> list[Condition]:
    """Return the conditions that show every one of `findings` and none of `absent`."""
    return [
        condition
        for condition in base.conditions.values()
        if set(findings) <= {f.text for f in condition.findings}
        and not set(absent) & {f.text for f in condition.findings}
    ]


def defensible(condition: Condition) -> set[str]:
    """Return every drug some authority would give for `condition`: none of them may be offered as a wrong answer."""
    return {condition.first_line, *condition.also_accepted, *(a.drug for a in condition.alternatives)}


def treatments(base: KnowledgeBase, condition: Condition) -> set[str]:
    """Return every defensible drug of `condition` and every drug with an indication that covers it."""
    names = {condition.name, *WITHIN.get(condition.name, ())}
    return defensible(condition) | {fact.drug for fact in base.indications if fact.disease in names}
