"""Conditions, drugs, classes, mechanisms, findings and patient factors of the knowledge base, named in a text."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from alignment.knowledge.base import load
from alignment.knowledge.schema import KnowledgeBase
from alignment.record import Record
from alignment.text.parser import Response
from alignment.text.phrases import Phrases, denied
from alignment.text.words import sentences, tokens


class Entity(NamedTuple):
    """An entity of the knowledge base that a sentence names."""

    kind: str  # "condition", "drug", "class", "mechanism", "finding" or "factor"
    name: str
    denied: bool  # negated or advised against close by


def entities(sentence: str) -> list[Entity]:
    """Return the entities that `sentence` names, in order; of two phrases that start at one word the longer counts."""
    words = tokens(sentence)
    matches = list(_phrases().find(words))
    between = list(words)  # a "without" or "absent" inside a name denies nothing outside it
    for start, end, _ in matches:
        between[start:end] = [""] * (end - start)
    return [
        Entity(kind, name, denied(between, start, end)) for start, end, meanings in matches for kind, name in meanings
    ]


@functools.cache
def _phrases() -> Phrases[tuple[tuple[str, str], ...]]:
    base = load()
    meanings: dict[str, dict[tuple[str, str], None]] = {}
    for kind, text, name in _names(base):
        meanings.setdefault(" ".join(tokens(text)), {})[kind, name] = None
    return Phrases.of({text: tuple(found) for text, found in meanings.items()})


def _names(base: KnowledgeBase) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, words, name); some words name two things, as "myasthenia gravis" a condition and a factor."""
    yield from (("drug", name, name) for name in base.drugs)
    yield from (("condition", name, name) for name in base.conditions)
    yield from (("class", name, name) for name in base.classes)
    yield from (("mechanism", drug_class.mechanism, drug_class.mechanism) for drug_class in base.classes.values())
    yield from (("finding", found.text, found.text) for c in base.conditions.values() for found in c.findings)
    for factor in base.factors.values():
        yield "factor", factor.name, factor.name
        # "has a macrolide allergy" is found by "a macrolide allergy": the verb belongs to other sentences too.
        yield "factor", factor.clause.removeprefix("has "), factor.name


def present_factors(record: Record) -> set[str]:
    """Return the factors that the case affirms in its context, question or facts; linear time."""
    texts = (*record.context, record.question, *record.facts)
    return set(_affirmed(" \n".join(texts), "factor"))


def recommended(response: Response, record: Record) -> tuple[set[str], set[str]]:
    """Return the (drugs, classes) that the chosen option or the answer block names and does not advise against."""
    advice = f"{record.options.get(response.letter or '', '')}\n{response.answer or ''}"
    return set(_affirmed(advice, "drug")), set(_affirmed(advice, "class"))


def _affirmed(text: str, kind: str) -> Iterator[str]:
    for sentence in sentences(text):
        for entity in entities(sentence):
            if entity.kind == kind and not entity.denied:
                yield entity.name


def contraindicated(drug_or_class: str, factors: set[str]) -> bool:
    """Whether one of `factors` rules a drug out, or is an allergy to its class (or to the class itself).

    An allergy to a class ("penicillin anaphylaxis") rules out every drug whose class is named in it.
    """
    base = load()
    drug = base.drugs.get(drug_or_class)
    family = drug.drug_class if drug else drug_or_class
    listed = {c.factor for c in drug.contraindications} if drug else set()
    allergies = [[*tokens(family), reaction] for reaction in ("allergy", "anaphylaxis")]
    return bool(listed & factors) or any(tokens(factor) in allergies for factor in factors)
