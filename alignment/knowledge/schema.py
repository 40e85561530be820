"""What a clinical fact looks like here: frozen dataclasses, each with the source it can be checked against."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

GENERAL = "general knowledge, unverified"


@dataclasses.dataclass(frozen=True)
class Finding:
    """A sign, symptom or result of a condition; a decisive one belongs to no other condition of the base.

    `test` names the investigation that shows it; nothing for what history and examination tell.
    """

    text: str
    decisive: bool
    source: str
    test: str = ""


@dataclasses.dataclass(frozen=True)
class Result:
    """The number behind a finding: what was measured, what is normal and what is plausible where the finding is there.

    `finding` is the text of the finding ("raised TSH"), whichever conditions show it, so that the value never tells
    more than the finding does. `normal` and `plausible` are (lowest, highest), in `unit`; an open end of `normal` is
    an infinity. Values are written with `decimals` digits behind the point.
    """

    finding: str
    measure: str
    unit: str
    normal: tuple[float, float]
    plausible: tuple[float, float]
    source: str
    decimals: int = 0


@dataclasses.dataclass(frozen=True)
class DrugClass:
    """A pharmacological class and the mechanism its members share."""

    name: str
    mechanism: str
    source: str


@dataclasses.dataclass(frozen=True)
class Factor:
    """Something about a patient that can rule a drug out.

    `name` is a noun phrase ("severe asthma"), `clause` a verb phrase to follow "He" or "She" ("has severe asthma").
    """

    name: str
    clause: str
    sex: str | None = None
    ages: tuple[int, int] = (18, 85)


@dataclasses.dataclass(frozen=True)
class Contraindication:
    """A factor that rules a drug out."""

    factor: str
    source: str


@dataclasses.dataclass(frozen=True)
class Drug:
    """A treatment (a medicine, or a procedure used like one), its class and what rules it out."""

    name: str
    drug_class: str
    source: str
    contraindications: tuple[Contraindication, ...] = ()


@dataclasses.dataclass(frozen=True)
class Indication:
    """A disease that a drug is used for, by its usual name; it need not be a condition of the base."""

    drug: str
    disease: str
    source: str


@dataclasses.dataclass(frozen=True)
class AdverseEffect:
    """Harm that a drug, or every drug of a class, can do.

    A `hallmark` is an effect taught as characteristic; whatever else in the base is known for it lists it as well.
    """

    subject: str  # a drug or a class
    effect: str
    hallmark: bool
    source: str


@dataclasses.dataclass(frozen=True)
class Interaction:
    """What happens when two drugs, or drugs of two classes, are taken together, and why."""

    first: str  # a drug or a class
    second: str
    result: str
    reason: str
    source: str


@dataclasses.dataclass(frozen=True)
class Alternative:
    """The drug to choose for a condition when `factor` rules the first-line drug out.

    An `equal` one is as good a first choice where nothing speaks against either.
    """

    factor: str
    drug: str
    source: str
    equal: bool = False


@dataclasses.dataclass(frozen=True)
class Condition:
    """A condition, what it looks like and how it is treated first.

    `aim` narrows what the first-line drug is for ("rate control"); `also_accepted` names drugs that some authority
    would defend, so that no question offers one as a wrong answer. `sex` and `ages` bound plausible patients.
    `test` is the investigation that best confirms the condition and `also_tests` others that would be defended;
    `mechanism` is its pathophysiology in a phrase. `difficulty` is 1 (every student knows it) to 3 (a specialist does).
    """

    name: str
    specialty: str
    findings: tuple[Finding, ...]
    first_line: str
    source: str
    alternatives: tuple[Alternative, ...] = ()
    also_accepted: tuple[str, ...] = ()
    aim: str = ""
    sex: str | None = None
    ages: tuple[int, int] = (18, 80)
    test: str = ""
    also_tests: tuple[str, ...] = ()
    mechanism: str = ""
    difficulty: int = 2

    @property
    def decisive(self) -> tuple[str, ...]:
        """Texts of the decisive findings."""
        return tuple(finding.text for finding in self.findings if finding.decisive)

    @property
    def typical(self) -> tuple[str, ...]:
        """Texts of the findings other conditions may share."""
        return tuple(finding.text for finding in self.findings if not finding.decisive)


@dataclasses.dataclass(frozen=True)
class KnowledgeBase:
    """The whole base, each kind of fact by name; the core has no facts of the last four kinds."""

    conditions: Mapping[str, Condition]
    drugs: Mapping[str, Drug]
    classes: Mapping[str, DrugClass]
    factors: Mapping[str, Factor]
    results: Mapping[str, Result] = dataclasses.field(default_factory=dict)  # by finding
    indications: tuple[Indication, ...] = ()
    adverse_effects: tuple[AdverseEffect, ...] = ()
    interactions: tuple[Interaction, ...] = ()

    @functools.cached_property
    def effects(self) -> Mapping[str, frozenset[str]]:
        """The adverse effects of every drug: its own and those of its class."""
        stated: dict[str, set[str]] = {}
        for fact in self.adverse_effects:
            stated.setdefault(fact.subject, set()).add(fact.effect)
        return {
            drug.name: frozenset(stated.get(drug.name, set()) | stated.get(drug.drug_class, set()))
            for drug in self.drugs.values()
        }

    @functools.cached_property
    def meetings(self) -> Mapping[frozenset[str], tuple[Interaction, ...]]:
        """The interactions stated of every two names, each a drug or a class, in either order."""
        pairs: dict[frozenset[str], list[Interaction]] = {}
        for fact in self.interactions:
            pairs.setdefault(frozenset((fact.first, fact.second)), []).append(fact)
        return {pair: tuple(facts) for pair, facts in pairs.items()}

    def class_of(self, drug: str) -> DrugClass:
        """The class of the drug named `drug`."""
        return self.classes[self.drugs[drug].drug_class]


def decisive(*texts: str, source: str = GENERAL) -> tuple[Finding, ...]:
    """Findings that single their condition out."""
    return tuple(Finding(text, True, source) for text in texts)


def shown_by(test: str, *texts: str, source: str = GENERAL) -> tuple[Finding, ...]:
    """Decisive findings that an investigation shows."""
    return tuple(Finding(text, True, source, test) for text in texts)


def typical(*texts: str, source: str = GENERAL) -> tuple[Finding, ...]:
    """Findings that fit their condition without proving it."""
    return tuple(Finding(text, False, source) for text in texts)
