"""A second way to the answer: rules over the knowledge base, from what a record says of its case.

With the key facts hidden it tells which options are left, which is how the guarantee is measured that a question turns
on them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from alignment.data.vignettes.world import world
from alignment.knowledge.base import ruled_out
from alignment.knowledge.calculators import CALCULATORS
from alignment.knowledge.pharmacology.checks import effects_of, interactions_of
from alignment.knowledge.schema import Condition, KnowledgeBase
from alignment.record import Record


def fitting_letters(record: Record, hidden: bool = False) -> list[str]:
    """Return the letters that the rules leave open; with `hidden` without the facts the question turns on."""
    meta, base = record.meta, world().base
    fits = _RULES[meta["family"]]
    return [letter for letter, text in record.options.items() if fits(base, meta, text, hidden)]


def chance_score(record: Record, hidden: bool = False) -> float:
    """Return the expected score of guessing among the letters left open: 1/n if the gold one is among them."""
    left = fitting_letters(record, hidden)
    return (record.gold in left) / len(left) if left else 1 / len(record.options)


@functools.cache
def _shown() -> dict[str, frozenset[str]]:
    base = world().base
    return {c.name: frozenset(finding.text for finding in c.findings) for c in base.conditions.values() if c.test}


def _candidates(base: KnowledgeBase, case: Mapping[str, Any], hidden: bool) -> list[Condition]:
    told = {text for text in case["findings"] if not (hidden and text in case["key"])}
    return [base.conditions[name] for name, shown in _shown().items() if told <= shown]


def _by_condition(gives: Callable[[KnowledgeBase, Condition, str], bool]) -> Callable[..., bool]:
    def fits(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
        return any(gives(base, condition, text) for condition in _candidates(base, meta["case"], hidden))

    return fits


def _first_choice(base: KnowledgeBase, condition: Condition, text: str) -> bool:
    return text == f"{condition.first_line} {condition.aim}".strip()


def _of_treatment(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    for condition in _candidates(base, meta["case"], hidden):
        drug = condition.first_line
        kind = meta["asks"].split()[0]
        if kind == "action" and base.class_of(drug).mechanism == text:
            return True
        if kind == "harm" and text in effects_of(base, drug):
            return True
        if kind == "bar" and ruled_out(base, drug, text):
            return True
    return False


def _weighed(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    case = meta["case"]
    for condition in _candidates(base, case, hidden):
        reserves = {a.drug for a in condition.alternatives if hidden or a.factor == case["factor"]}
        barred = not hidden and ruled_out(base, condition.first_line, case["factor"])
        if (text == condition.first_line and not barred) or (text in reserves and (barred or hidden)):
            return True
    return False


def _harmed(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    case = meta["case"]
    if hidden:
        return True
    if meta["asks"] == "cause":
        return case["effect"] in effects_of(base, text)
    return text in effects_of(base, case["drug"])


def _collided(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    case = meta["case"]
    if hidden:
        return True
    if meta["asks"] == "partner":
        return bool(interactions_of(base, text, case["added"]))
    return any(fact.result == text for fact in interactions_of(base, case["partner"], case["added"]))


def _computed(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    calculator = CALCULATORS[meta["case"]["calculator"]]
    result = calculator.compute(**meta["case"]["values"])
    return hidden or text == f"{result:.{calculator.decimals}f} {calculator.unit}".strip()


_RULES: dict[str, Callable[[KnowledgeBase, Mapping[str, Any], str, bool], bool]] = {
    "diagnosis": _by_condition(lambda base, condition, text: condition.name == text),
    "likely_finding": _by_condition(lambda base, condition, text: text in condition.decisive),
    "next_test": _by_condition(lambda base, condition, text: condition.test == text),
    "mechanism": _by_condition(lambda base, condition, text: condition.mechanism == text),
    "treatment": _by_condition(_first_choice),
    "multi_hop": _of_treatment,
    "contraindication": _weighed,
    "adverse_effect": _harmed,
    "interaction": _collided,
    "calculation": _computed,
}
