"""The full scope: large, consistent, with tests and results for every condition, and the core untouched inside it."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter

import pytest

from alignment.errors import UserError
from alignment.knowledge import conditions
from alignment.knowledge.base import load, problems
from alignment.knowledge.schema import GENERAL, KnowledgeBase, Result, decisive

FULL, CORE = load("full"), load()


def with_condition(name: str, **changes) -> KnowledgeBase:
    changed = dataclasses.replace(FULL.conditions[name], **changes)
    return dataclasses.replace(FULL, conditions={**FULL.conditions, name: changed})


def test_size_of_the_full_scope():
    specialties = Counter(condition.specialty for condition in FULL.conditions.values())
    findings = {finding.text for condition in FULL.conditions.values() for finding in condition.findings}
    assert len(FULL.conditions) >= 225 and len(specialties) >= 14 and min(specialties.values()) >= 10
    assert len(findings) >= 1100 and len(FULL.results) >= 110


def test_the_full_scope_is_consistent_and_other_scopes_are_refused():
    assert problems(FULL) == []
    with pytest.raises(UserError, match="knowledge scope 'huge' is unknown"):
        load("huge")


def test_the_core_keeps_its_findings_and_treatments():
    for name, condition in CORE.conditions.items():
        grown = FULL.conditions[name]
        texts = [finding.text for finding in grown.findings]
        missing = [finding.text for finding in condition.findings if finding.text not in texts]
        assert len(missing) == (2 if name in ("influenza", "genital chlamydia") else 0)
        alternatives = tuple(dataclasses.replace(a, equal=False) for a in grown.alternatives)
        assert (grown.first_line, alternatives) == (condition.first_line, condition.alternatives)


def test_every_condition_says_how_it_is_confirmed_and_why_it_arises():
    for condition in FULL.conditions.values():
        assert condition.test and condition.mechanism and condition.difficulty in (1, 2, 3)
        assert len(condition.decisive) >= 4 and len(condition.typical) >= 7


def test_findings_are_shared_so_that_wrong_options_are_close():
    def close(one, other):
        ages = max(one.ages[0], other.ages[0]) <= min(one.ages[1], other.ages[1])
        return ages and {one.sex, other.sex} != {"male", "female"} and len({*one.typical} & {*other.typical}) >= 2

    every = list(FULL.conditions.values())
    lonely = [one.name for one in every if sum(close(one, other) for other in every) < 7]  # itself is one of them
    assert lonely == ["childhood absence epilepsy"]


def test_sources_are_named_and_never_blank():
    sources = Counter(finding.source for c in FULL.conditions.values() for finding in c.findings)
    sources.update(condition.source for condition in FULL.conditions.values())
    assert all(source.strip() for source in sources) and len(sources) > 80 and sources[GENERAL] > 1000


def test_no_accepted_treatment_outside_the_base_is_a_drug_of_the_base_misspelt():
    outside = {name for c in FULL.conditions.values() for name in c.also_accepted} - FULL.drugs.keys()
    near = {name: difflib.get_close_matches(name, FULL.drugs, 1, 0.93) for name in outside}
    assert {name: found for name, found in near.items() if found} == {}
    assert difflib.get_close_matches("azathioprin", FULL.drugs, 1, 0.93) == ["azathioprine"]


ASTHMA = FULL.conditions["asthma"].findings
SCURVY = decisive("corkscrew hairs", "wounds that open again") + tuple(f for f in ASTHMA if not f.decisive)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mechanism": ""}, "has no mechanism"),
        ({"mechanism": FULL.conditions["COPD"].mechanism}, "belongs to 2 conditions"),
        ({"test": "palmistry"}, "no decisive finding is shown by its test 'palmistry'"),
        ({"also_tests": ("spirometry with bronchodilator",)}, "is both its test and another one"),
        ({"difficulty": 4}, "difficulty 4"),
        ({"findings": SCURVY}, "is shown by its test"),
        ({"findings": ASTHMA + decisive("known asthma")}, "gives the name away"),
        ({"findings": ASTHMA[1:2] + ASTHMA[3:]}, "fewer than two decisive findings come from history"),
        ({"also_accepted": ("prednisone", "prednisone")}, "treatment 'prednisone' occurs 2 times"),
    ],
)
def test_contradictions_of_conditions_are_named(changes, message):
    assert any(message in line for line in problems(with_condition("asthma", **changes)))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (Result("raised CRP", "CRP", "mg/L", (0, 5), (4, 90), GENERAL), "overlap the normal ones"),
        (Result("raised CRP", "CRP", "mg/L", (0, 5), (90, 20), GENERAL), "not in order"),
        (Result("raised humours", "humours", "drams", (0, 5), (9, 20), GENERAL), "is a finding of no condition"),
        (Result("raised CRP", "CRP", "mg/L", (0, 5), (20, 90), " "), "has no source"),
    ],
)
def test_contradictions_of_results_are_named(result, message):
    changed = dataclasses.replace(FULL, results={**FULL.results, result.finding: result})
    assert any(message in line for line in problems(changed))


def test_a_detail_without_its_condition_is_refused():
    few = dataclasses.replace(CORE, conditions={"asthma": CORE.conditions["asthma"]})
    with pytest.raises(UserError, match="detail without condition"):
        conditions.extended(few)
    with pytest.raises(UserError, match="named twice"):
        conditions.extended(FULL)
