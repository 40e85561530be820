"""Pharmacology beyond the core: classes, drugs, their uses, contraindications, adverse effects and interactions."""

from __future__ import annotations

import dataclasses

from alignment.errors import UserError
from alignment.knowledge.pharmacology import (
    airways,
    antibacterials,
    antimicrobials,
    antimycobacterials,
    blood_cancer,
    factors,
    glands,
    gut,
    heart_vessels,
    immunity,
    interactions,
    lipids_clotting,
    mind,
    nervous,
    organs,
    pain_anaesthesia,
)
from alignment.knowledge.pharmacology.checks import family_problems
from alignment.knowledge.pharmacology.notation import Family, merged
from alignment.knowledge.schema import KnowledgeBase

_PARTS = (
    heart_vessels,
    lipids_clotting,
    antibacterials,
    antimicrobials,
    antimycobacterials,
    glands,
    gut,
    nervous,
    pain_anaesthesia,
    mind,
    immunity,
    blood_cancer,
    airways,
    organs,
)
FAMILIES: tuple[Family, ...] = tuple(family for part in _PARTS for family in part.FAMILIES)


def extended(base: KnowledgeBase) -> KnowledgeBase:
    """Return `base` with the facts of this folder; what it holds already stays, in its order.

    Raises:
      UserError: a family redefines what `base` or another family holds.
    """
    clashes = family_problems(base, FAMILIES)
    if clashes:
        raise UserError(f"alignment/knowledge/pharmacology: {clashes[0]} ({len(clashes)} problem(s)); correct the data")
    drugs = dict(base.drugs)
    for family in FAMILIES:
        for drug in family.drugs():
            if drug.name in drugs:
                known = drugs[drug.name]
                drug = dataclasses.replace(
                    known, contraindications=merged(known.contraindications, drug.contraindications)
                )
            drugs[drug.name] = drug
    new = {family.name: family.drug_class() for family in FAMILIES if family.mechanism}
    return dataclasses.replace(
        base,
        drugs=drugs,
        classes={**base.classes, **new},
        factors={**base.factors, **{factor.name: factor for factor in factors.FACTORS}},
        indications=base.indications + tuple(fact for family in FAMILIES for fact in family.indications()),
        adverse_effects=base.adverse_effects + tuple(fact for family in FAMILIES for fact in family.adverse_effects()),
        interactions=base.interactions + interactions.INTERACTIONS,
    )
