"""The knowledge base, indexed for drawing cases: who shares which findings, and who could be one patient."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import random
import re
from collections.abc import Callable, Collection, Mapping, Sequence

from alignment.data.vignettes.core import split_of
from alignment.data.vignettes.registers import Fact, Patient
from alignment.knowledge.base import load, treatments
from alignment.knowledge.schema import Condition, KnowledgeBase

SHARED = 2  # findings that all four conditions have in common, at least
MOST_SHARED = 4
IN_NUMBERS = 0.6  # share of measured shared findings that are given as numbers
WITH_NORMAL = 0.5  # share of numbers given with their normal range

NOT_DENIED = ("no ", "normal ", "diabetes", "low ", "raised ", "high ")  # how findings start that no stem denies

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
    accepted: Mapping[str, frozenset[str]]  # condition -> the drugs that could be given for it, and their classes


@functools.cache
def load_world() -> World:
    """Return the full base, indexed."""
    base = load("full")
    conditions = tuple(condition for condition in base.conditions.values() if condition.test)
    typical = {condition.name: frozenset(condition.typical) for condition in conditions}
    every = sorted({text for texts in typical.values() for text in texts})
    showing = {text: tuple(c for c in conditions if text in typical[c.name]) for text in every}
    accepted = {}
    for condition in base.conditions.values():
        drugs = treatments(base, condition)
        accepted[condition.name] = frozenset(
            drugs | {base.drugs[name].drug_class for name in drugs & base.drugs.keys()}
        )
    return World(base, conditions, typical, showing, accepted)


def draw_condition_set(
    rng: random.Random,
    world: World,
    size: int,
    usable: Callable[[Condition], bool],
    clash: Callable[[Condition, Condition], bool],
) -> list[Condition] | None:
    """Draw `size` conditions that share findings and could be one patient, none of which clash; None if unlucky.

    The conditions are drawn as a set: which of them will be the right one is not known yet.
    """
    first = rng.choice(world.conditions)
    if not usable(first):
        return None
    one, two = rng.sample(first.typical, SHARED)
    pool = [c for c in world.showing[one] if two in world.typical[c.name] and c is not first and usable(c)]
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


def draw_patient(
    rng: random.Random, conditions: Sequence[Condition], low: int = 0, high: int = 200, sex: str = ""
) -> Patient:
    """Draw a patient who could have any of `conditions`, of an age from `low` to `high`, of `sex` if it is given."""
    youngest, oldest, only_sex = _patients(conditions)
    return Patient(
        rng.randint(max(youngest, low), min(oldest, high)), only_sex or sex or rng.choice(("female", "male"))
    )


def in_common(rng: random.Random, world: World, conditions: Sequence[Condition], patient: Patient) -> list[str] | None:
    """Draw findings that all of `conditions` have and `patient` can have, or None where there are too few."""
    common = sorted(frozenset.intersection(*(world.typical[c.name] for c in conditions)))
    common = [text for text in common if _possible(text, patient)]
    return rng.sample(common, rng.randint(SHARED, min(len(common), MOST_SHARED))) if len(common) >= SHARED else None


def _possible(text: str, patient: Patient) -> bool:
    return _OF_ONE_SEX.get(text, patient.sex) == patient.sex


def key_sets(
    condition: Condition, shared: Sequence[str], size: int, split: str, barred: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Return the sets of `size` decisive findings, none of `barred`, that with `shared` make a case of `split`."""
    decisive = [text for text in condition.decisive if text not in barred]
    return [
        texts
        for texts in itertools.combinations(decisive, size)
        if split_of(condition.name, (*shared, *texts)) == split
    ]


def fact(rng: random.Random, world: World, condition: Condition, text: str) -> Fact:
    """Return the finding `text` of `condition`, as a number where it is measured and decisive, or by chance."""
    finding = next(finding for finding in condition.findings if finding.text == text)
    result = world.base.results.get(text)
    kind = "result" if finding.test else "history"
    if result is None or (not finding.decisive and rng.random() > IN_NUMBERS):
        return Fact(text, kind, finding.decisive, text)
    value = f"{rng.uniform(*result.plausible):.{result.decimals}f}"
    unit = result.unit if result.unit.startswith("%") else f" {result.unit}" * bool(result.unit)
    normal = ""
    if rng.random() < WITH_NORMAL:
        low, high = result.normal
        limits = f"{low:g}" if low == high else f"up to {high:g}" if low == 0 else f"{low:g} to {high:g}"
        normal = f" (normal {limits})"
    return Fact(f"{result.measure} {value}{unit}{normal}", "result", finding.decisive, text)


def absence(
    rng: random.Random, world: World, conditions: Sequence[Condition], patient: Patient, shown_texts: Sequence[str]
) -> Fact:
    """Deny a finding that none of `conditions` has, of a condition this patient could have.

    No word of it occurs among `shown_texts`, so that nothing is denied that one of them includes.
    """
    shown = frozenset().union(*(world.typical[condition.name] for condition in conditions))
    words = set(re.findall(r"\w{4,}", " ".join(shown_texts)))
    while True:
        other = rng.choice(world.conditions)
        texts = [text for text in other.typical if not text.startswith(NOT_DENIED) and text not in shown]
        texts = [text for text in texts if _possible(text, patient)]
        texts = [text for text in texts if not words & set(text.split())]
        if texts and other.sex in (None, patient.sex):
            return Fact(rng.choice(texts), "absent")
