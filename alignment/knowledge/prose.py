"""The knowledge base as prose: short documents for pre-training a language model.

Five kinds: an article on a condition, one on a drug, a case note, a note on a patient factor, and a lettered list read
back. No document is a question with its answer, and none is a chain of thought. A case note shows at most three
findings, so none of them is a case of the vignettes, which show five.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from alignment.knowledge.base import load, ruled_out
from alignment.knowledge.schema import Condition, KnowledgeBase

LETTERS = "ABCD"
_MOST_SHOWN = 3  # findings of a case note
_SETTLED_AT_ONCE = 0.5  # of case notes name no key finding
_MOST_BETWEEN = 3  # sentences between a list and its second reading


def documents(count: int, seed: int) -> list[str]:
    """Return `count` documents; the same arguments give the same documents."""
    rng, base = random.Random(f"prose/{seed}"), load()
    kinds, weights = zip(*_KINDS, strict=True)
    return [rng.choices(kinds, weights)[0](rng, base) for _ in range(count)]


# ------------------------------------------------------------------------------------------------------------ articles


def _condition_article(rng: random.Random, base: KnowledgeBase) -> str:
    condition = rng.choice(list(base.conditions.values()))
    sentences = [*_finding_sentences(rng, condition), *_treatment_sentences(rng, base, condition)]
    return " ".join([rng.choice((f"On {condition.name}.", f"Notes on {condition.name}.")), *sentences])


def _finding_sentences(rng: random.Random, condition: Condition) -> list[str]:
    name, sure, fits = condition.name, list(condition.decisive), list(condition.typical)
    rng.shuffle(sure)
    rng.shuffle(fits)
    forms = (
        "{Finding} points to {name}.",
        "{Finding} is a sign of {name}.",
        "{Name} would show {finding}.",
        "A patient who has {finding} most likely has {name}.",
        "Without {finding}, {name} is less likely.",
    )
    sentences = [
        rng.choice(forms).format(finding=text, Finding=_upper(text), name=name, Name=_upper(name)) for text in sure
    ]
    common = _listed(fits[:3])
    sentences.append(
        rng.choice((f"Patients with {name} often have {common}.", f"{_upper(common)} are common in {name}."))
    )
    rng.shuffle(sentences)
    return sentences


def _treatment_sentences(rng: random.Random, base: KnowledgeBase, condition: Condition) -> list[str]:
    name, drug, aim = condition.name, condition.first_line, _aim(condition)
    kind = base.class_of(drug)
    sentences = [
        rng.choice(
            (
                f"The first-line treatment of {name}{aim} is {drug}.",
                f"{_upper(drug)} is the first choice{aim} in {name}.",
                f"{_upper(drug)} is for {name}.",
            )
        ),
        rng.choice((f"Its class is {kind.name}.", f"{_upper(kind.name)} is the class of {drug}.")),
        rng.choice((f"It {kind.mechanism}.", f"{_upper(drug)}, used for {name}, {kind.mechanism}.")),
    ]
    for alternative in condition.alternatives:
        clause = base.factors[alternative.factor].clause
        sentences.append(
            rng.choice(
                (
                    f"If the patient {clause}, the alternative is {alternative.drug}.",
                    f"A patient who {clause} gets {alternative.drug} instead of {drug}.",
                )
            )
        )
    return sentences


def _drug_article(rng: random.Random, base: KnowledgeBase) -> str:
    drug = rng.choice(list(base.drugs.values()))
    kind = base.class_of(drug.name)
    forms = ("A patient who {} should not take {}.", "If the patient {}, this rules out {}.")
    sentences = [
        rng.choice((f"The class of {drug.name} is {kind.name}.", f"{_upper(kind.name)} is the class of {drug.name}.")),
        rng.choice((f"{_upper(drug.name)} {kind.mechanism}.", f"What {drug.name} does: it {kind.mechanism}.")),
        *(f"{_upper(drug.name)} is for {c.name}." for c in base.conditions.values() if c.first_line == drug.name),
        *(rng.choice(forms).format(base.factors[c.factor].clause, drug.name) for c in drug.contraindications),
    ]
    rng.shuffle(sentences)
    return " ".join([f"On {drug.name}.", *sentences])


def _factor_note(rng: random.Random, base: KnowledgeBase) -> str:
    factor = rng.choice(list(base.factors.values()))
    drugs = [drug for drug in base.drugs if ruled_out(base, drug, factor.name)]
    sentences = [f"The patient {factor.clause}, which rules out {drug}." for drug in drugs]
    for condition in base.conditions.values():
        for alternative in condition.alternatives:
            if alternative.factor == factor.name:
                sentences.append(f"In {condition.name} the alternative is {alternative.drug}.")
    return " ".join(sentences)


# --------------------------------------------------------------------------------------------------------------- cases


def _case_note(rng: random.Random, base: KnowledgeBase) -> str:
    condition = rng.choice(list(base.conditions.values()))
    sex = condition.sex or rng.choice(("female", "male"))
    age = rng.randint(*condition.ages)
    noun = {"female": ("girl", "woman"), "male": ("boy", "man")}[sex][age >= 16]
    they = "She" if sex == "female" else "He"
    sure = rng.choice(condition.decisive)
    shown = [sure, *rng.sample(condition.typical, rng.choice((1, _MOST_SHOWN - 1)))]
    rng.shuffle(shown)
    opening = rng.choice(
        (
            f"A {age}-year-old {noun} has {_listed(shown)}.",
            f"A {age}-year-old {noun} presents with {_listed(shown)}.",
            f"A {age}-year-old {noun} is seen in hospital. The notes list {_listed(shown)}.",
            f"A {age}-year-old {noun} comes to us with {shown[0]}. Further work-up shows {_listed(shown[1:])}.",
        )
    )
    others = [c for c in base.conditions.values() if c.specialty == condition.specialty and c is not condition]
    denied = [rng.choice(other.decisive) for other in rng.sample(others, rng.choice((1, 2)))]
    absent = f"The work-up finds no {' and no '.join(denied)}."
    if rng.random() < _SETTLED_AT_ONCE:
        return " ".join([opening, absent, *_settled(rng, base, condition, they)])
    decides = f"The key finding {sure} points to {condition.name}."
    return " ".join([opening, absent, decides, *_case_ending(rng, base, condition, they)])


def _settled(rng: random.Random, base: KnowledgeBase, condition: Condition, they: str) -> list[str]:
    """Return a statement about the case without the reasoning that leads to it."""
    drug, aim = condition.first_line, _aim(condition)
    kind = base.class_of(drug)
    if condition.alternatives and rng.random() < 0.2:
        alternative = rng.choice(condition.alternatives)
        form = rng.choice(("The most suitable treatment{} for this patient is {}.", "Instead of the usual drug{}: {}."))
        return [f"{they} {base.factors[alternative.factor].clause}.", form.format(aim, alternative.drug)]
    forms = (
        f"The most likely diagnosis is {condition.name}.",
        f"The condition that explains this picture best is {condition.name}.",
        f"The first-line treatment{aim} is {drug}.",
        f"The treatment that should be given first{aim} is {drug}.",
        f"The first-line treatment{aim} belongs to the class {kind.name}.",
        f"The class of drug that is first choice{aim} is {kind.name}.",
        f"How the first-line treatment{aim} works: it {kind.mechanism}.",
        f"What the drug of first choice{aim} does: it {kind.mechanism}.",
    )
    return [rng.choice(forms)]


def _case_ending(rng: random.Random, base: KnowledgeBase, condition: Condition, they: str) -> list[str]:
    drug = condition.first_line
    kind = base.class_of(drug)
    usual = f"Its first-line treatment is {drug}."
    if condition.alternatives and rng.random() < 0.3:
        alternative = rng.choice(condition.alternatives)
        clause = base.factors[alternative.factor].clause
        return [usual, f"The patient {clause}, which rules out {drug}. The alternative is {alternative.drug}."]
    described = rng.choice((f"The class of {drug} is {kind.name}.", f"{_upper(drug)} {kind.mechanism}."))
    return rng.choice(([usual, described], [usual], [f"{they} is given {drug}."]))


# --------------------------------------------------------------------------------------------------------------- lists


def _lettered_list(rng: random.Random, base: KnowledgeBase) -> str:
    """Return four lettered names, some facts, then the names again in order with the one wanted: a list read back."""
    kind = rng.choice(list(_NAMES))
    entries = rng.sample(list(_NAMES[kind](base)), len(LETTERS))
    wanted = rng.randrange(len(LETTERS))
    listed = [f"{letter}. {entry}" for letter, entry in zip(LETTERS, entries, strict=True)]
    gap = _finding_sentences(rng, rng.choice(list(base.conditions.values())))[: rng.randint(0, _MOST_BETWEEN)]
    reasons = _list_reasons(rng, base, kind, entries, wanted)
    again = [f"{line} ({line[0]}){reasons.get(number, '')}" for number, line in enumerate(listed)]
    ending = f"The option that fits is {entries[wanted]} ({LETTERS[wanted]})."
    boxed = f"{listed[wanted]} \\boxed{{{LETTERS[wanted]}}}"
    return "\n".join(["Options:", *listed, " ".join([*gap, f"Wanted is {entries[wanted]}."]), *again, ending, boxed])


def _list_reasons(
    rng: random.Random, base: KnowledgeBase, kind: str, entries: Sequence[str], wanted: int
) -> dict[int, str]:
    """Return reasons why some of the other entries are not the one wanted, for half of the lists."""
    if kind not in ("condition", "drug") or rng.random() < 0.5:
        return {}
    reasons = {}
    for number, entry in enumerate(entries):
        uses = [c.name for c in base.conditions.values() if c.first_line == entry]
        if number != wanted and kind == "condition":
            reasons[number] = f", without {rng.choice(base.conditions[entry].decisive)}"
        elif number != wanted and uses:
            reasons[number] = f", for {rng.choice(uses)}"
    return dict(rng.sample(sorted(reasons.items()), min(2, len(reasons))))


_NAMES: dict[str, Callable[[KnowledgeBase], Sequence[str]]] = {
    "condition": lambda base: list(base.conditions),
    "drug": lambda base: list(base.drugs),
    "class": lambda base: [entry.name for entry in base.classes.values()],
    "mechanism": lambda base: [entry.mechanism for entry in base.classes.values()],
}


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _aim(condition: Condition) -> str:
    return f" {condition.aim}" if condition.aim else ""


_KINDS: tuple[tuple[Callable[[random.Random, KnowledgeBase], str], float], ...] = (
    (_condition_article, 0.2),
    (_drug_article, 0.1),
    (_case_note, 0.3),
    (_factor_note, 0.05),
    (_lettered_list, 0.35),
)
