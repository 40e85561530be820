"""The knowledge base is large enough, sourced and free of contradictions, and the check sees what it should."""

from __future__ import annotations

import dataclasses

import pytest

from alignment.knowledge.base import defensible, fitting, load, problems, ruled_out
from alignment.knowledge.schema import GENERAL, Alternative, Condition, KnowledgeBase, decisive, typical

BASE = load()


def with_condition(**changes) -> KnowledgeBase:
    asthma = dataclasses.replace(BASE.conditions["asthma"], **changes)
    return dataclasses.replace(BASE, conditions={**BASE.conditions, "asthma": asthma})


def test_size_and_completeness():
    assert len(BASE.conditions) >= 45
    assert sum(bool(condition.alternatives) for condition in BASE.conditions.values()) >= 40
    assert all(len(condition.findings) >= 8 and len(condition.decisive) >= 3 for condition in BASE.conditions.values())


def test_the_data_are_consistent():
    assert problems(BASE) == []


def test_every_fact_has_a_source_and_some_are_checkable():
    sources = [finding.source for condition in BASE.conditions.values() for finding in condition.findings]
    sources += [condition.source for condition in BASE.conditions.values()]
    assert all(sources) and GENERAL in sources and "GINA" in sources


def test_every_specialty_can_fill_four_options():
    sizes: dict[str, int] = {}
    for condition in BASE.conditions.values():
        sizes[condition.specialty] = sizes.get(condition.specialty, 0) + 1
    assert min(sizes.values()) >= 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_line": "holy water"}, "unknown drug 'holy water'"),
        ({"findings": decisive("wheeze")}, "too few findings"),
        ({"findings": BASE.conditions["asthma"].findings + decisive("barrel chest")}, "'barrel chest' occurs 2 times"),
        ({"findings": BASE.conditions["asthma"].findings + typical("barrel chest")}, "typical elsewhere"),
        ({"findings": BASE.conditions["asthma"].findings + typical("night-time cough")}, "occurs 2 times"),
        ({"alternatives": (Alternative("pregnancy", "tiotropium", GENERAL),)}, "does not rule out"),
        (
            {"first_line": "metoprolol", "alternatives": (Alternative("severe asthma", "propranolol", GENERAL),)},
            "its own",
        ),
        ({"source": " "}, "has no source"),
        (
            {
                "sex": "male",
                "first_line": "apixaban",
                "alternatives": (Alternative("pregnancy", "enoxaparin", GENERAL),),
            },
            "cannot occur in a male patient",
        ),
    ],
)
def test_contradictions_are_named(changes, message):
    assert any(message in line for line in problems(with_condition(**changes)))


def test_unknown_class_and_factor_are_named():
    drug = dataclasses.replace(BASE.drugs["amoxicillin"], drug_class="charm")
    assert any(
        "'charm'" in line for line in problems(dataclasses.replace(BASE, drugs={**BASE.drugs, "amoxicillin": drug}))
    )
    factors = {name: factor for name, factor in BASE.factors.items() if name != "pregnancy"}
    assert any("unknown factor 'pregnancy'" in line for line in problems(dataclasses.replace(BASE, factors=factors)))


def test_fitting_by_hand():
    names = [condition.name for condition in fitting(BASE, ("butterfly rash", "fatigue"))]
    assert names == ["systemic lupus erythematosus"]
    assert fitting(BASE, ("butterfly rash",), absent=("fatigue",)) == []
    assert len(fitting(BASE, ("fatigue",))) > 5


def test_ruled_out_and_defensible_by_hand():
    assert ruled_out(BASE, "methotrexate", "pregnancy") and not ruled_out(BASE, "sulfasalazine", "pregnancy")
    assert ruled_out(BASE, "propranolol", "severe asthma")
    assert {"naproxen", "prednisone", "ibuprofen"} <= defensible(BASE.conditions["acute gout"])
    assert isinstance(BASE.conditions["asthma"], Condition)
