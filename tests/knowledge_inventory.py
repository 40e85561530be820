"""What a knowledge base holds, counted, and the calculators, as the tables of docs/knowledge.md."""

from __future__ import annotations

from collections.abc import Iterable

from alignment.knowledge.calculators import CALCULATORS
from alignment.knowledge.schema import GENERAL, KnowledgeBase


def _sources(base: KnowledgeBase) -> dict[str, list[str]]:
    """The source of every fact, by kind of fact."""
    conditions, drugs = base.conditions.values(), base.drugs.values()
    return {
        "conditions": [condition.source for condition in conditions],
        "findings (distinct)": list({f.text: f.source for c in conditions for f in c.findings}.values()),
        "measured results with ranges": [result.source for result in base.results.values()],
        "alternatives where a factor rules the first line out": [a.source for c in conditions for a in c.alternatives],
        "drugs and other treatments": [drug.source for drug in drugs],
        "classes with a mechanism": [drug_class.source for drug_class in base.classes.values()],
        "indications": [fact.source for fact in base.indications],
        "contraindications": [c.source for drug in drugs for c in drug.contraindications],
        "adverse effects": [fact.source for fact in base.adverse_effects],
        "interactions": [fact.source for fact in base.interactions],
        "calculators": [calculator.source for calculator in CALCULATORS.values()],
    }


def tables(core: KnowledgeBase, full: KnowledgeBase) -> str:
    """Return the counts of both scopes and how many facts of the full one name a checkable source, as Markdown."""
    small, large = _sources(core), _sources(full)
    rows = [(kind, len(small[kind]), len(large[kind]), _checkable(large[kind])) for kind in large]
    lines = [f"| {kind} | {few} | {many} | {known} |" for kind, few, many, known in rows]
    specialties = sorted({condition.specialty for condition in full.conditions.values()})
    head = ["| kind of fact | core | full | of these with a named source |", "|---|---|---|---|"]
    return "\n".join(
        [*head, *lines, "", f"Specialties of the full base ({len(specialties)}): {', '.join(specialties)}."]
    )


def _checkable(sources: Iterable[str]) -> int:
    return sum(source != GENERAL for source in sources)


def calculators() -> str:
    """Return the calculators as a Markdown table."""
    rows = [f"| {entry.name} | {entry.unit or '-'} | {entry.source} |" for entry in CALCULATORS.values()]
    return "\n".join(["| calculator | unit | source of the formula |", "|---|---|---|", *rows])
