"""How far the full knowledge base agrees with DrugCentral, the Symptom Ontology and MeSH.

The files are read where they lie and are no part of the package: `kb_drugcentral_classes/drug-to-class.tsv` and
`indications.tsv`, `kb_symptom_ontology/symp.obo` and `kb_mesh_symptoms/symptoms.tsv` of one folder. That they do not
list a fact says little, as they cover a part of what is known; that they say otherwise is a conflict, and every
conflict is settled by name in `SETTLED`.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from reference_findings import FACTOR_NAMES, FINDING_NAMES
from reference_names import CLASS_NAMES, DISEASE_NAMES, DRUG_NAMES

from alignment.errors import UserError
from alignment.knowledge.schema import Indication, KnowledgeBase

_BROADER = "DrugCentral has only a broader class for it; the narrower one is kept"

# Conflicts that were looked at, and what was decided.
SETTLED: dict[str, str] = {
    "class of flucloxacillin": _BROADER,
    "class of ceftazidime": _BROADER,
    "class of cefixime": _BROADER,
    "class of gliclazide": _BROADER,
    "class of fludrocortisone": "filed under inflammation there; used for its mineralocorticoid action, so it stays",
    "class of paromomycin": "filed by its use against protozoa there; by structure it is an aminoglycoside",
    "tretinoin for acute promyelocytic leukaemia": "reviewers of the file struck tretinoin out for blood cancers as a"
    " group; for this one leukaemia it is standard treatment, so it stays",
}
_RETIRED = "retired term"
_SETTLED_RETIRED = "the Symptom Ontology gave the term up, not the symptom; the words are plain, so they stay"


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the reference files say, in lower case."""

    classes: Mapping[str, frozenset[str]]  # of each drug
    uses: Mapping[tuple[str, str], str]  # (drug, disease) -> DM (modifies it), SYM (eases it), NOT (no use) or nothing
    symptoms: frozenset[str]
    retired: frozenset[str]  # terms that the Symptom Ontology has given up


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Counts of what was compared, in order, and the conflicts that were found."""

    counts: Mapping[str, int]
    conflicts: tuple[str, ...]

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Conflicts that nobody has looked at yet."""
        return tuple(conflict for conflict in self.conflicts if not settlement(conflict))


def settlement(conflict: str) -> str:
    """Return how a conflict was settled, or nothing."""
    return SETTLED.get(conflict, "") or (_SETTLED_RETIRED if conflict.endswith(_RETIRED) else "")


def report(agreement: Agreement) -> str:
    """Return the comparison as two Markdown tables: counts, then conflicts with how each was settled."""
    counts = [f"| {what} | {count} |" for what, count in agreement.counts.items()]
    conflicts = [f"| {conflict} | {settlement(conflict) or 'not settled'} |" for conflict in agreement.conflicts]
    return "\n".join(
        ["| compared | count |", "|---|---|", *counts, "", "| conflict | settled |", "|---|---|", *conflicts]
    )


def read_reference(folder: Path) -> Reference:
    """Return what the files under `folder` say.

    Raises:
      UserError: a file is missing.
    """
    classes: dict[str, set[str]] = {}
    for row in _rows(folder / "kb_drugcentral_classes" / "drug-to-class.tsv"):
        classes.setdefault(row["drugbank_name"].lower(), set()).add(row["class_name"].lower())
    rows = _rows(folder / "kb_drugcentral_classes" / "indications.tsv")
    uses = {(row["drug"].lower(), row["disease"].lower()): row["category"] for row in rows}
    current, retired = _ontology(folder / "kb_symptom_ontology" / "symp.obo")
    mesh = {_plain(row["mesh_name"]) for row in _rows(folder / "kb_mesh_symptoms" / "symptoms.tsv")}
    return Reference(
        {drug: frozenset(names) for drug, names in classes.items()},
        uses,
        frozenset(current | mesh),
        frozenset(retired - current - mesh),
    )


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file; name the folder that holds the reference files")
    return path.read_text(encoding="utf-8")


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(path).splitlines(), delimiter="\t"))


def _ontology(path: Path) -> tuple[set[str], set[str]]:
    """Return the names and synonyms of (current, obsolete) terms of an OBO file."""
    current: set[str] = set()
    retired: set[str] = set()
    for term in _text(path).split("\n[Term]\n")[1:]:
        names = re.findall(r'^(?:name: |synonym: ")(?:obsolete )?([^"\n]+)', term, re.MULTILINE)
        (retired if "\nis_obsolete: true" in term else current).update(_plain(name) for name in names)
    return current, retired


_AMERICAN = (
    ("oedema", "edema"),
    ("oea", "ea"),
    ("haem", "hem"),
    ("oeso", "eso"),
    ("anaem", "anem"),
    ("paraes", "pares"),
)


def _plain(phrase: str) -> str:
    """Return `phrase` in lower case, American spelling and without the plural of its last word."""
    phrase = " ".join(phrase.lower().replace("-", " ").split())
    for british, american in _AMERICAN:
        phrase = phrase.replace(british, american)
    return phrase.removesuffix("s") if not phrase.endswith("ss") else phrase


def compare(base: KnowledgeBase, reference: Reference) -> Agreement:
    """Return how far `base` agrees with `reference`, and where it does not."""
    counts: dict[str, int] = {}
    conflicts = _compare_classes(base, reference, counts)
    conflicts += _compare_uses(base.indications, reference, counts, "use")
    first_line = [Indication(c.first_line, c.name, c.source) for c in base.conditions.values()]
    conflicts += _compare_uses(first_line, reference, counts, "first-line treatment")
    conflicts += _compare_contraindications(base, reference, counts)
    findings = [finding for condition in base.conditions.values() for finding in condition.findings]
    conflicts += _compare_words({f.text for f in findings if not f.test}, reference, counts, "symptom or sign")
    conflicts += _compare_words({f.text for f in findings if f.test}, reference, counts, "test result")
    conflicts += _compare_words({fact.effect for fact in base.adverse_effects}, reference, counts, "adverse effect")
    return Agreement(counts, tuple(dict.fromkeys(conflicts)))


def _central(drug: str) -> str:
    return DRUG_NAMES.get(drug, drug).lower()


def _compare_classes(base: KnowledgeBase, reference: Reference, counts: dict[str, int]) -> list[str]:
    known = [drug for drug in base.drugs.values() if _central(drug.name) in reference.classes]
    compared = [drug for drug in known if drug.drug_class in CLASS_NAMES]
    other = [d for d in compared if not _named(CLASS_NAMES[d.drug_class]) & reference.classes[_central(d.name)]]
    counts["drugs"] = len(base.drugs)
    counts["drugs found in DrugCentral"] = len(known)
    counts["drugs with a class that can be compared"] = len(compared)
    counts["classes that agree"] = len(compared) - len(other)
    # A drug said to stand there must do so, or its source is wrong.
    missing = [d for d in base.drugs.values() if d.source == "DrugCentral" and d not in known]
    return [f"class of {drug.name}" for drug in other] + [f"source of {drug.name}" for drug in missing]


def _named(names: Iterable[str]) -> set[str]:
    return {name.lower() for name in names}


def _compare_uses(facts: Iterable[Indication], reference: Reference, counts: dict[str, int], kind: str) -> list[str]:
    known = {drug for drug, _ in reference.uses}
    compared = [f for f in facts if f.disease in DISEASE_NAMES and _central(f.drug) in known]
    verdicts = {fact: _verdicts(fact, reference) for fact in compared}
    counts[f"{kind}s that can be compared"] = len(compared)
    counts[f"{kind}s that are listed"] = sum(bool(found - {"NOT"}) for found in verdicts.values())
    struck = [f for f in compared if verdicts[f] == {"NOT"}]
    # A use said to stand there must do so, or its source is wrong.
    wrong = [f for f in facts if f.source == "DrugCentral" and not verdicts.get(f, set()) - {"NOT"}]
    return [f"{f.drug} for {f.disease}" for f in struck] + [f"source of {f.drug} for {f.disease}" for f in wrong]


def _verdicts(fact: Indication, reference: Reference) -> set[str]:
    pairs = ((_central(fact.drug), disease.lower()) for disease in DISEASE_NAMES[fact.disease])
    return {reference.uses[pair] for pair in pairs if pair in reference.uses}


def _compare_contraindications(base: KnowledgeBase, reference: Reference, counts: dict[str, int]) -> list[str]:
    pairs = [(drug.name, c.factor) for drug in base.drugs.values() for c in drug.contraindications]
    known = {drug for drug, _ in reference.uses}
    compared = [(drug, factor) for drug, factor in pairs if factor in FACTOR_NAMES and _central(drug) in known]
    listed = {pair for pair, category in reference.uses.items() if category != "NOT"}
    against = [
        (drug, factor)
        for drug, factor in compared
        if any((_central(drug), disease.lower()) in listed for disease in FACTOR_NAMES[factor])
    ]
    counts["contraindications that a listed use could contradict"] = len(compared)
    counts["contraindications that none does"] = len(compared) - len(against)
    return [f"{drug} against {factor}" for drug, factor in against]


def _compare_words(phrases: set[str], reference: Reference, counts: dict[str, int], kind: str) -> list[str]:
    plain = {phrase: _plain(FINDING_NAMES.get(phrase, phrase)) for phrase in sorted(phrases)}
    counts[f"different {kind} texts"] = len(phrases)
    counts[f"{kind} texts that the Symptom Ontology or MeSH names"] = sum(
        p in reference.symptoms for p in plain.values()
    )
    counts[f"{kind} texts that contain such a name"] = sum(_contains(p, reference.symptoms) for p in plain.values())
    return [f"{kind} {phrase}: {_RETIRED}" for phrase in plain if plain[phrase] in reference.retired]


def _contains(phrase: str, names: frozenset[str]) -> bool:
    words = phrase.split()
    spans = ((start, end) for start in range(len(words)) for end in range(start + 1, len(words) + 1))
    return any(" ".join(words[start:end]) in names for start, end in spans)
