"""The comparison with the reference files: by hand on four small files, and on the real ones where they are."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
from knowledge_agreement import SETTLED, _plain, compare, read_reference, report
from reference_findings import FACTOR_NAMES, FINDING_NAMES
from reference_names import CLASS_NAMES, DISEASE_NAMES, DRUG_NAMES

from alignment.errors import UserError
from alignment.knowledge.base import load
from alignment.knowledge.pharmacology.checks import effects_of
from alignment.knowledge.pharmacology.notation import LABEL
from alignment.knowledge.schema import (
    GENERAL,
    AdverseEffect,
    Contraindication,
    Drug,
    DrugClass,
    Indication,
    KnowledgeBase,
)

FOLDER = os.environ.get("CLINICAL_DATA_DIR", "")
FULL = load("full")

FILES = {
    "kb_drugcentral_classes/drug-to-class.tsv": "drugbank_id\tdrugbank_name\tclass_id\tclass_name\n"
    "1\tAcetaminophen\t2\tnon-narcotic analgesic\n3\tWarfarin\t4\trodenticide\n",
    "kb_drugcentral_classes/indications.tsv": "doid_id\tdrugbank_id\tdisease\tdrug\tcategory\n"
    "1\t1\tmigraine\tAcetaminophen\tSYM\n1\t1\tgout\tWarfarin\tNOT\n1\t1\tepilepsy syndrome\tWarfarin\t\n",
    "kb_symptom_ontology/symp.obo": "format-version: 1.2\n\n[Term]\nid: 1\nname: Diarrhea\n"
    'synonym: "the runs" EXACT []\n'
    "\n[Term]\nid: 2\nname: obsolete ankle swelling\nis_obsolete: true\n",
    "kb_mesh_symptoms/symptoms.tsv": "mesh_id\tmesh_name\tin_hsdn\n1\tPruritus\t1\n",
}
SMALL = KnowledgeBase(
    conditions={},
    drugs={
        "paracetamol": Drug("paracetamol", "non-opioid analgesic", "DrugCentral"),
        "warfarin": Drug(
            "warfarin",
            "vitamin K antagonist",
            "DrugCentral",
            (Contraindication("gout", GENERAL), Contraindication("epilepsy", GENERAL)),
        ),
        "holy water": Drug("holy water", "vitamin K antagonist", "DrugCentral"),
    },
    classes={name: DrugClass(name, name, GENERAL) for name in ("non-opioid analgesic", "vitamin K antagonist")},
    factors={},
    indications=(
        Indication("paracetamol", "migraine", "DrugCentral"),
        Indication("paracetamol", "hypertension", GENERAL),  # not listed, which contradicts nothing
        Indication("warfarin", "acute gout", GENERAL),  # struck out
        Indication("warfarin", "asthma", "DrugCentral"),  # does not stand where it is said to
    ),
    adverse_effects=tuple(
        AdverseEffect("warfarin", effect, False, GENERAL)
        for effect in ("diarrhoea", "severe diarrhoea", "ankle swelling", "purple toes")
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_comparison_by_hand(folder):
    agreement = compare(SMALL, read_reference(folder))
    counts = agreement.counts
    assert (counts["drugs"], counts["drugs found in DrugCentral"], counts["classes that agree"]) == (3, 2, 1)
    assert (counts["uses that can be compared"], counts["uses that are listed"]) == (4, 1)
    assert counts["adverse effect texts that the Symptom Ontology or MeSH names"] == 1  # British or American
    assert counts["adverse effect texts that contain such a name"] == 2
    assert agreement.unsettled == (
        "class of warfarin",
        "source of holy water",
        "warfarin for acute gout",
        "source of warfarin for asthma",
        "warfarin against epilepsy",
    )
    assert "| adverse effect ankle swelling: retired term | the Symptom Ontology gave" in report(agreement)
    assert "| class of warfarin | not settled |" in report(agreement)


def test_a_missing_file_is_named(folder):
    (folder / "kb_mesh_symptoms" / "symptoms.tsv").unlink()
    with pytest.raises(UserError, match=r"symptoms\.tsv: no such file"):
        read_reference(folder)


def test_the_names_are_those_of_the_base():
    assert set(DRUG_NAMES) <= set(FULL.drugs) and set(CLASS_NAMES) <= set(FULL.classes)
    uses = {fact.disease for fact in FULL.indications}
    assert set(DISEASE_NAMES) <= uses | set(FULL.conditions)
    assert set(FACTOR_NAMES) <= set(FULL.factors)
    texts = {finding.text for condition in FULL.conditions.values() for finding in condition.findings}
    assert set(FINDING_NAMES) <= texts | {fact.effect for fact in FULL.adverse_effects}


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
def test_every_conflict_with_the_real_files_is_settled():
    reference = read_reference(Path(FOLDER))
    agreement = compare(FULL, reference)
    assert agreement.unsettled == ()
    assert set(SETTLED) <= set(agreement.conflicts), "a settled conflict is gone: remove it"
    assert agreement.counts["drugs found in DrugCentral"] >= 450
    assert agreement.counts["classes that agree"] >= 0.95 * agreement.counts["drugs with a class that can be compared"]
    assert agreement.counts["uses that are listed"] >= 0.8 * agreement.counts["uses that can be compared"]
    assert {_plain(name) for name in FINDING_NAMES.values()} <= reference.symptoms
    # A wrong class and a use that the reviewers struck out would be seen.
    spoilt = dataclasses.replace(
        FULL,
        drugs={**FULL.drugs, "ramipril": dataclasses.replace(FULL.drugs["ramipril"], drug_class="statin")},
        indications=(*FULL.indications, Indication("hydroxyurea", "melanoma", GENERAL)),
    )
    assert set(compare(spoilt, reference).unsettled) == {"class of ramipril", "hydroxyurea for melanoma"}


# What the two labels call what we say of their drugs.
LABEL_WORDS = {
    "atorvastatin": {
        "pregnancy": "pregnan",
        "severe liver failure": "active liver disease",
        "breastfeeding": "nursing",
        "rhabdomyolysis": "rhabdomyolysis",
        "muscle aches": "myalgia",
        "raised aminotransferases": "transaminase",
        "new diabetes": "diabetes",
        "clarithromycin": "clarithromycin",
        "itraconazole": "itraconazole",
        "ciclosporin": "cyclosporine",
        "gemfibrozil": "gemfibrozil",
        "colchicine": "colchicine",
        "nicotinic acid": "niacin",
    },
    "adalimumab": {
        "active serious infection": "active infection",
        "untreated latent tuberculosis": "latent tuberculosis",
        "symptomatic heart failure": "heart failure",
        "demyelinating disease": "demyelinating",
        "reactivation of tuberculosis": "reactivation of tuberculosis",
        "infection": "serious infections",
        "lymphoma": "lymphoma",
        "drug-induced lupus": "lupus-like",
        "worsening heart failure": "worsening congestive heart failure",
    },
}


@pytest.mark.skipif(not FOLDER, reason="CLINICAL_DATA_DIR names no folder with the published files")
@pytest.mark.parametrize(("drug", "label"), [("atorvastatin", "lipitor"), ("adalimumab", "humira")])
def test_what_is_said_of_two_drugs_stands_in_their_labels(drug, label):
    labels = json.loads((Path(FOLDER) / "kb_fda_labels" / "spl_labels.json").read_text())
    (sections,) = (entry["sections"] for entry in labels if entry["drug"] == label)
    text = " ".join(" ".join(section["text"] for section in sections).lower().split())
    stated = {c.factor for c in FULL.drugs[drug].contraindications} | set(effects_of(FULL, drug))
    family = FULL.drugs[drug].drug_class
    for fact in FULL.interactions:
        if fact.source == LABEL and {fact.first, fact.second} & {drug, family}:
            stated |= {fact.first, fact.second} - {drug, family}
    assert stated == set(LABEL_WORDS[drug])
    assert [words for words in LABEL_WORDS[drug].values() if words not in text] == []
