"""Atomic assertions of a text and the verdict of the knowledge base: supported, contradicted or unknown.

The idea is that of Quark's GARM (2602.11661: split a response into atomic assertions, check each against evidence); the
paper publishes no rules, so all of it is a reconstruction. A sentence makes an assertion only if it names exactly one
entity of each of the two kinds that the assertion relates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from alignment.knowledge.base import defensible, load, ruled_out
from alignment.rewards.clinical.entities import Entity, entities
from alignment.text.words import sentences, tokens

VERDICTS = ("supported", "contradicted", "unknown")

_TREATMENT = frozenset(("treatment", "treated", "treat", "treats", "therapy", "line", "choice", "given", "give"))
_FIRST_LINE = frozenset(("line", "choice"))  # "first-line", "drug of choice"
_DIAGNOSTIC = frozenset(
    ("points", "suggests", "suggest", "indicates", "indicate", "consistent", "diagnosis", "typical", "finding", "sign")
    + ("causes", "cause", "presents", "feature", "features", "characteristic", "pathognomonic", "confirms")
)
_RULES_OUT = frozenset(
    ("rules", "ruled", "contraindicated", "contraindication", "contraindicates", "precludes", "avoid")
)
_SAFE = frozenset(("safe", "safely", "suitable", "recommended"))


class Assertion(NamedTuple):
    """A statement that relates two entities of the base, and the verdict of the base on it."""

    relation: str  # "treats", "shows", "class", "mechanism", "rules out" or "safe in"
    subject: str
    object: str
    verdict: str  # one of `VERDICTS`


def assertions(text: str) -> list[Assertion]:
    """Return the atomic assertions of `text` in order. "Its" stands for the condition last named; linear time."""
    statements, topic = [], None
    for sentence in sentences(text):
        named = entities(sentence)
        words = frozenset(tokens(sentence))
        conditions = [entity for entity in named if entity.kind == "condition"]
        if not conditions and topic and "its" in words:
            named.append(topic)
        statements += _read(named, words)
        topic = conditions[-1] if conditions else topic
    return statements


def balance(text: str) -> float:
    """Return (supported - contradicted) / (supported + contradicted), in [-1, 1]; NaN where neither occurs."""
    counts = Counter(assertion.verdict for assertion in assertions(text))
    checked = counts["supported"] + counts["contradicted"]
    return (counts["supported"] - counts["contradicted"]) / checked if checked else float("nan")


def _read(named: list[Entity], words: frozenset[str]) -> Iterator[Assertion]:
    by_kind = {kind: [entity for entity in named if entity.kind == kind] for kind in {entity.kind for entity in named}}
    one = {kind: members[0] for kind, members in by_kind.items() if len({member.name for member in members}) == 1}
    drug, condition = one.get("drug"), one.get("condition")
    if drug and condition and words & _TREATMENT:
        yield _treats(drug, condition, bool(words & _FIRST_LINE))
    if condition and words & _DIAGNOSTIC:
        for finding in by_kind.get("finding", ()):
            yield _shows(condition, finding)
    if drug and "class" in one and one["class"].name != drug.name:  # a class of one drug may share its name
        yield _belongs("class", drug, one["class"], load().drugs[drug.name].drug_class)
    if drug and "mechanism" in one:
        yield _belongs("mechanism", drug, one["mechanism"], load().class_of(drug.name).mechanism)
    if drug and "factor" in one:
        yield from _ruled_out(drug, one["factor"], words)


def _judge(holds: bool, excluded: bool, negated: bool) -> str:
    """The verdict on a statement that the base affirms, excludes or leaves open, read the other way if negated."""
    if not (holds or excluded):
        return "unknown"
    return "supported" if holds != negated else "contradicted"


def _treats(drug: Entity, condition: Entity, first_line: bool) -> Assertion:
    holds = drug.name in defensible(load().conditions[condition.name])
    negated = drug.denied or condition.denied
    # The base lists every first choice it would defend, and not every drug that is ever used.
    verdict = _judge(holds, first_line and not holds, negated)
    # Its alternatives hold for some patients only, so denying one is no error.
    return Assertion("treats", drug.name, condition.name, "unknown" if holds and negated else verdict)


def _shows(condition: Entity, finding: Entity) -> Assertion:
    base = load()
    holds = finding.name in {found.text for found in base.conditions[condition.name].findings}
    elsewhere = any(finding.name in other.decisive for other in base.conditions.values())
    verdict = _judge(holds, elsewhere, condition.denied or finding.denied)
    return Assertion("shows", condition.name, finding.name, verdict)


def _belongs(relation: str, drug: Entity, claimed: Entity, true: str) -> Assertion:
    holds = claimed.name == true
    return Assertion(relation, drug.name, claimed.name, _judge(holds, not holds, drug.denied or claimed.denied))


def _ruled_out(drug: Entity, factor: Entity, words: frozenset[str]) -> Iterator[Assertion]:
    known = ruled_out(load(), drug.name, factor.name)
    if words & _RULES_OUT:
        yield Assertion("rules out", drug.name, factor.name, "supported" if known else "unknown")
    elif words & _SAFE and "not" not in words:
        yield Assertion("safe in", drug.name, factor.name, "contradicted" if known else "unknown")
