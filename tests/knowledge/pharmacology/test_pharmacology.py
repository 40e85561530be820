"""The pharmacology beside the core is large enough, leaves the core alone and is checked for contradictions."""

from __future__ import annotations

import dataclasses

import pytest

from alignment.errors import UserError
from alignment.knowledge.base import defensible, load, problems, ruled_out, treatments
from alignment.knowledge.pharmacology import FAMILIES
from alignment.knowledge.pharmacology.checks import ADDITIVE, effects_of, family_problems, interactions_of
from alignment.knowledge.pharmacology.diseases import WITHIN
from alignment.knowledge.pharmacology.notation import agent
from alignment.knowledge.schema import GENERAL, AdverseEffect, Contraindication, Indication, Interaction

CORE, FULL = load(), load("full")


def test_the_core_is_left_alone():
    assert not (CORE.indications or CORE.adverse_effects or CORE.interactions)
    assert [name for name in FULL.drugs if name in CORE.drugs] == list(CORE.drugs)
    assert {name: FULL.classes[name] for name in CORE.classes} == CORE.classes
    for name, drug in CORE.drugs.items():
        assert FULL.drugs[name].drug_class == drug.drug_class
        assert FULL.drugs[name].contraindications[: len(drug.contraindications)] == drug.contraindications


def test_an_unknown_scope_is_refused():
    with pytest.raises(UserError, match="'all' is unknown; use one of core, full"):
        load("all")


def test_every_factor_rules_something_out_and_every_family_says_what_it_can_do():
    used = {c.factor for drug in FULL.drugs.values() for c in drug.contraindications}
    assert set(FULL.factors) == used
    subjects = {fact.subject for fact in FULL.adverse_effects}
    silent = [f.name for f in FAMILIES if f.name not in subjects and not all(a.name in subjects for a in f.agents)]
    assert not silent


def test_facts_by_hand():
    assert {"dry cough", "angioedema", "high potassium"} <= set(effects_of(FULL, "ramipril"))
    assert "dry cough" not in effects_of(FULL, "losartan")
    assert ruled_out(FULL, "lisinopril", "past angioedema") and not ruled_out(FULL, "losartan", "past angioedema")
    (fact,) = interactions_of(FULL, "sildenafil", "glyceryl trinitrate")  # stated for the two classes
    assert fact.result == "severe hypotension" and interactions_of(FULL, "glyceryl trinitrate", "sildenafil") == [fact]
    assert interactions_of(FULL, "amlodipine", "ramipril") == []


def test_drugs_that_do_the_same_harm_add_up():
    (fact,) = interactions_of(FULL, "ondansetron", "escitalopram")  # nothing is stated of the two
    assert fact.result == "torsades de pointes" and fact.reason == "each can cause it alone"
    (fact,) = interactions_of(FULL, "methadone", "moxifloxacin")  # what is stated goes before what adds up
    assert fact.reason == "both prolong repolarisation"
    assert interactions_of(FULL, "sotalol", "sotalol") == []
    effects = {fact.effect for fact in FULL.adverse_effects}
    assert {effect for group in ADDITIVE.values() for effect in group} <= effects


def test_no_drug_that_is_used_for_a_condition_is_a_wrong_answer_there():
    arthritis, epilepsy = FULL.conditions["rheumatoid arthritis"], FULL.conditions["temporal lobe epilepsy"]
    assert "chloroquine" in treatments(FULL, arthritis) - defensible(arthritis)
    assert "lacosamide" in treatments(FULL, epilepsy)  # listed for focal epilepsy
    core = CORE.conditions["rheumatoid arthritis"]
    assert treatments(CORE, core) == defensible(core)
    diseases = {fact.disease for fact in FULL.indications}
    assert set(WITHIN) <= set(FULL.conditions) and {name for names in WITHIN.values() for name in names} <= diseases


def with_more(**facts):
    grown = {kind: (*getattr(FULL, kind), *more) for kind, more in facts.items()}
    return problems(dataclasses.replace(FULL, **grown))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"indications": [Indication("holy water", "gout", GENERAL)]}, "unknown drug 'holy water'"),
        ({"adverse_effects": [AdverseEffect("charm", "luck", False, GENERAL)]}, "unknown drug or class 'charm'"),
        ({"interactions": [Interaction("ramipril", "charm", "x", "y", GENERAL)]}, "unknown drug or class 'charm'"),
        ({"interactions": [Interaction("ramipril", "ramipril", "x", "y", GENERAL)]}, "interacts with itself"),
        ({"interactions": [Interaction("ramipril", "ACE inhibitor", "x", "y", GENERAL)]}, "interacts with itself"),
        (
            {"interactions": [Interaction("organic nitrate", "phosphodiesterase 5 inhibitor", "x", "y", GENERAL)]},
            "stated 2 times",
        ),
        ({"indications": [Indication("ramipril", "hypertension", GENERAL)]}, "stated 2 times"),
        ({"adverse_effects": [AdverseEffect("ramipril", "dry cough", False, GENERAL)]}, "stated for its class already"),
        ({"indications": [Indication("propranolol", "severe asthma", GENERAL)]}, "which rules it out"),
        (
            {"interactions": [Interaction("sildenafil", "organic nitrate", "severe hypotension", "y", GENERAL)]},
            "stated for a class already",
        ),
        ({"interactions": [Interaction("ramipril", "digoxin", "x", "y", "")]}, "has no source"),
    ],
)
def test_contradictions_are_named(facts, message):
    assert any(message in line for line in with_more(**facts))


def test_a_class_that_rules_out_its_own_first_line_use_is_named():
    finding = FULL.conditions["asthma"].findings[-1].text
    factors = {**FULL.factors, finding: dataclasses.replace(FULL.factors["severe asthma"], name=finding)}
    drugs = {
        name: dataclasses.replace(drug, contraindications=(*drug.contraindications, Contraindication(finding, GENERAL)))
        if drug.drug_class == "steroid and LABA inhaler"
        else drug
        for name, drug in FULL.drugs.items()
    }
    lines = problems(dataclasses.replace(FULL, drugs=drugs, factors=factors))
    assert any("rules out the whole class 'steroid and LABA inhaler'" in line for line in lines)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agents": (agent("metformin"),)}, "'biguanide' in the core"),
        ({"agents": (agent("losartan"),)}, "is stated 2 times"),
        ({"mechanism": ""}, "must have a mechanism"),
        ({"name": "statin"}, "must have a mechanism"),
    ],
)
def test_a_family_that_redefines_the_core_is_named(changes, message):
    first = next(family for family in FAMILIES if family.name == "ACE inhibitor")
    others = [family for family in FAMILIES if family is not first]
    assert family_problems(CORE, FAMILIES) == []
    assert any(message in line for line in family_problems(CORE, [*others, dataclasses.replace(first, **changes)]))
