"""A second solver: rules over the knowledge base, applied to the case that a record stores.

With the key facts hidden it returns the options that remain possible. Tests measure with it that a question depends on
its key facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alignment.data.vignettes.index import load_world
from alignment.knowledge.base import ruled_out
from alignment.knowledge.calculators import CALCULATORS
from alignment.knowledge.pharmacology.checks import effects_of, interactions_of
from alignment.knowledge.schema import Condition, KnowledgeBase
from alignment.record import Record


def fitting_letters(record: Record, hidden: bool = False) -> list[str]:
    """Return the letters that the rules leave open; with `hidden` without the facts the question turns on."""
    meta, base = record.meta, load_world().base
    fits = _RULES[meta["family"]]
    return [letter for letter, text in record.options.items() if fits(base, meta, text, hidden)]


def _candidates(base: KnowledgeBase, case: Mapping[str, Any], hidden: bool) -> list[Condition]:
    told = {text for text in case["findings"] if not (hidden and text in case["key"])}
    return [c for c in base.conditions.values() if c.test and told <= {finding.text for finding in c.findings}]


def _by_condition(gives: Callable[[KnowledgeBase, Condition, str], bool]) -> Callable[..., bool]:
    def fits(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
        return any(gives(base, condition, text) for condition in _candidates(base, meta["case"], hidden))

    return fits


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
    drug, effect = (text, meta["case"]["effect"]) if meta["asks"] == "cause" else (meta["case"]["drug"], text)
    return hidden or effect in effects_of(base, drug)


def _collided(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    case, asks_partner = meta["case"], meta["asks"] == "partner"
    interactions = interactions_of(base, text if asks_partner else case["partner"], case["added"])
    return hidden or any(asks_partner or fact.result == text for fact in interactions)


def _computed(base: KnowledgeBase, meta: Mapping[str, Any], text: str, hidden: bool) -> bool:
    calculator = CALCULATORS[meta["case"]["calculator"]]
    result = calculator.compute(**meta["case"]["values"])
    return hidden or text == f"{result:.{calculator.decimals}f} {calculator.unit}".strip()


_RULES: dict[str, Callable[[KnowledgeBase, Mapping[str, Any], str, bool], bool]] = {
    "diagnosis": _by_condition(lambda base, condition, text: condition.name == text),
    "likely_finding": _by_condition(lambda base, condition, text: text in condition.decisive),
    "next_test": _by_condition(lambda base, condition, text: condition.test == text),
    "mechanism": _by_condition(lambda base, condition, text: condition.mechanism == text),
    "treatment": _by_condition(lambda base, condition, text: text == f"{condition.first_line} {condition.aim}".strip()),
    "multi_hop": _of_treatment,
    "contraindication": _weighed,
    "adverse_effect": _harmed,
    "interaction": _collided,
    "calculation": _computed,
}
