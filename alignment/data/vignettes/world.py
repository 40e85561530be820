"""The knowledge base, indexed for drawing cases: who shares which findings, and who could be one patient."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
import re
from collections.abc import Callable, Mapping, Sequence

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.registers import Fact, Patient
from alignment.knowledge.base import load
from alignment.knowledge.schema import Condition, Finding, KnowledgeBase

SHARED = 2  # findings that all four conditions have in common, at least
MOST_SHARED = 4
IN_NUMBERS = 0.6  # share of measured shared findings that are given as numbers
WITH_NORMAL = 0.5  # share of numbers given with their normal range

# Findings that conditions of either sex list, and only one sex can have.
_FEMALE = ("missed periods", "heavy periods", "painful periods", "vaginal dryness", "recent delivery")
_FEMALE += ("abnormal vaginal bleeding", "spotting after sex", "early menopause")
_MALE = ("erectile dysfunction", "scrotal swelling", "gynaecomastia")
_OF_ONE_SEX = {**dict.fromkeys(_FEMALE, "female"), **dict.fromkeys(_MALE, "male")}


@dataclasses.dataclass(frozen=True, eq=False)
class World:
    """The full base with its indexes."""

    base: KnowledgeBase
    conditions: tuple[Condition, ...]
    typical: Mapping[str, frozenset[str]]  # condition -> its shared findings
    showing: Mapping[str, tuple[Condition, ...]]  # shared finding -> the conditions that have it


@functools.cache
def world() -> World:
    """Return the full base, indexed."""
    base = load("full")
    conditions = tuple(condition for condition in base.conditions.values() if condition.test)
    typical = {condition.name: frozenset(condition.typical) for condition in conditions}
    every = sorted({text for texts in typical.values() for text in texts})
    showing = {text: tuple(c for c in conditions if text in typical[c.name]) for text in every}
    return World(base, conditions, typical, showing)


def company(
    rng: random.Random,
    here: World,
    size: int,
    usable: Callable[[Condition], bool],
    clash: Callable[[Condition, Condition], bool],
) -> list[Condition] | None:
    """Draw `size` conditions that share findings and could be one patient, none of which clash; None if unlucky.

    The conditions are drawn as a set: nothing here knows which of them will be the right one.
    """
    first = rng.choice(here.conditions)
    if not usable(first):
        return None
    one, two = rng.sample(first.typical, SHARED)
    pool = [c for c in here.showing[one] if two in here.typical[c.name] and c is not first and usable(c)]
    rng.shuffle(pool)
    chosen = [first]
    for candidate in pool:
        if len(chosen) == size:
            break
        if _patients([*chosen, candidate]) and not any(clash(candidate, c) or clash(c, candidate) for c in chosen):
            chosen.append(candidate)
    rng.shuffle(chosen)
    return chosen if len(chosen) == size else None


def _patients(conditions: Sequence[Condition]) -> tuple[int, int, str] | None:
    """Return (youngest, oldest, sex or "") of the patients who could have any of `conditions`, or None."""
    low = max(condition.ages[0] for condition in conditions)
    high = min(condition.ages[1] for condition in conditions)
    sexes = {condition.sex for condition in conditions} - {None}
    return (low, high, "".join(sexes)) if low <= high and len(sexes) < 2 else None


def a_patient(
    rng: random.Random, conditions: Sequence[Condition], low: int = 0, high: int = 200, sex: str = ""
) -> Patient:
    """Draw a patient who could have any of `conditions`, of an age from `low` to `high`, of `sex` if it is given."""
    youngest, oldest, own = _patients(conditions)
    return Patient(rng.randint(max(youngest, low), min(oldest, high)), own or sex or rng.choice(("female", "male")))


def in_common(rng: random.Random, here: World, conditions: Sequence[Condition], patient: Patient) -> list[str] | None:
    """Draw findings that all of `conditions` have and `patient` can have, or None where there are too few."""
    common = sorted(frozenset.intersection(*(here.typical[c.name] for c in conditions)))
    common = [text for text in common if _possible(text, patient)]
    return rng.sample(common, rng.randint(SHARED, min(len(common), MOST_SHARED))) if len(common) >= SHARED else None


def _possible(text: str, patient: Patient) -> bool:
    return _OF_ONE_SEX.get(text, patient.sex) == patient.sex


def openings(
    condition: Condition, shared: Sequence[str], size: int, split: str, usable: Callable[[Finding], bool]
) -> list[tuple[str, ...]]:
    """Return the sets of `size` decisive findings that, shown with `shared`, make a case of `split`."""
    decisive = [finding.text for finding in condition.findings if finding.decisive and usable(finding)]
    return [
        texts
        for texts in itertools.combinations(decisive, size)
        if split_of(condition.name, (*shared, *texts)) == split
    ]


def fact(rng: random.Random, here: World, condition: Condition, text: str) -> Fact:
    """Say the finding `text` of `condition`, in numbers where it is measured and decisive, or by chance."""
    finding = next(finding for finding in condition.findings if finding.text == text)
    result = here.base.results.get(text)
    kind = "result" if finding.test else "history"
    if result is None or (not finding.decisive and rng.random() > IN_NUMBERS):
        return Fact(text, kind, finding.decisive, text)
    value = f"{rng.uniform(*result.plausible):.{result.decimals}f}"
    unit = result.unit if result.unit.startswith("%") else f" {result.unit}" * bool(result.unit)
    normal = f" (normal {_normal(result.normal)})" if rng.random() < WITH_NORMAL else ""
    return Fact(f"{result.measure} {value}{unit}{normal}", "result", finding.decisive, text)


def _normal(limits: tuple[float, float]) -> str:
    low, high = limits
    if low == high:
        return f"{low:g}"
    return f"up to {high:g}" if low == 0 else f"{low:g} to {high:g}"


def absence(
    rng: random.Random, here: World, conditions: Sequence[Condition], patient: Patient, told: Sequence[str]
) -> Fact:
    """Deny a finding that none of `conditions` has, of a condition this patient could have.

    No word of it occurs among the findings `told`, so that nothing is denied that one of them includes.
    """
    shown = frozenset().union(*(here.typical[condition.name] for condition in conditions))
    words = set(re.findall(r"\w{4,}", " ".join(told)))
    while True:
        other = rng.choice(here.conditions)
        texts = [t for t in other.typical if _deniable(t) and _possible(t, patient) and t not in shown]
        texts = [text for text in texts if not words & set(text.split())]
        if texts and other.sex in (None, patient.sex):
            return Fact(rng.choice(texts), "absent")


def _deniable(text: str) -> bool:
    return not text.startswith(("no ", "normal ", "diabetes", "low ", "raised ", "high "))
