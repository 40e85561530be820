"""Conditions beyond the core, one file a specialty, and what the full scope adds to those of the core."""

from __future__ import annotations

import dataclasses

from alignment.errors import UserError
from alignment.knowledge.conditions import (
    cardiology,
    core_medicine,
    core_others,
    endocrine,
    eye_ear,
    gastroenterology,
    haematology,
    infection,
    kidney_urology,
    neurology,
    obstetrics_gynaecology,
    psychiatry,
    respiratory,
    results,
    rheumatology,
    skin_allergy,
    toxicology,
    treatments,
)
from alignment.knowledge.pharmacology.notation import merged
from alignment.knowledge.schema import KnowledgeBase

_PARTS = (respiratory, cardiology, endocrine, gastroenterology, neurology, rheumatology, infection, haematology)
_PARTS += (psychiatry, toxicology, obstetrics_gynaecology, kidney_urology, skin_allergy, eye_ear)
_DETAILS = {detail.name: detail for part in (core_medicine, core_others) for detail in part.DETAILS}


def extended(base: KnowledgeBase) -> KnowledgeBase:
    """Return `base` with the conditions of this folder, and with more detail on those it has.

    Raises:
      UserError: a condition of this folder stands twice or in `base` already, or a detail is of none in `base`.
    """
    new = [condition for part in _PARTS for condition in part.CONDITIONS]
    names = [*base.conditions, *(condition.name for condition in new)]
    twice = sorted({name for name in names if names.count(name) > 1})
    strange = sorted(_DETAILS.keys() ^ base.conditions.keys())
    if twice or strange:
        raise UserError(
            f"alignment/knowledge/conditions: named twice {twice}, detail without condition or none {strange}"
        )
    known = {name: _DETAILS[name].applied(condition) for name, condition in base.conditions.items()}
    drugs = base.drugs | {drug.name: drug for drug in treatments.DRUGS}
    for name, more in treatments.RULED_OUT.items():
        if name in drugs:
            drugs[name] = dataclasses.replace(
                drugs[name], contraindications=merged(drugs[name].contraindications, more)
            )
    return dataclasses.replace(
        base,
        conditions=known | {condition.name: condition for condition in new},
        drugs=drugs,
        results={result.finding: result for result in results.RESULTS},
        classes={**base.classes, **{drug_class.name: drug_class for drug_class in treatments.CLASSES}},
    )
