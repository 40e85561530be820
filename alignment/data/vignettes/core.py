"""The five families on the core of the knowledge base, frozen bit for bit: the embedded nano base was trained on them.

A *case* is a condition with a subset of its findings; a fifth of all cases, chosen by a stable hash, is held out for
the eval split whatever the question asked about them, so no finding subset of eval is ever seen in training.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterator, Sequence

from alignment.data.ids import content_id
from alignment.data.vignettes.registers import capitalised
from alignment.errors import UserError
from alignment.knowledge.base import defensible, load, ruled_out, treatments
from alignment.knowledge.schema import Condition, Factor, KnowledgeBase
from alignment.record import Record

LETTERS = "ABCD"
SPLITS = ("train", "eval")
FAMILIES = ("diagnosis", "treatment", "contraindication", "drug_class", "mechanism")
EVAL_SHARE = 5  # one case in so many is held out
SHOWN = 5  # findings in a stem
EXPLAINED = 2  # wrong options whose rejection a chain of thought explains


@dataclasses.dataclass(frozen=True)
class Case:
    """A patient: a condition, the findings shown (one or two of them decisive), and the kind of question."""

    family: str
    condition: Condition
    findings: tuple[str, ...]  # in the order of the stem
    factor: Factor | None  # rules the first-line drug out (family "contraindication")
    age: int
    sex: str
    absent: tuple[str, ...] = ()  # decisive findings of the wrong options' conditions, which the stem denies

    @property
    def decisive(self) -> tuple[str, ...]:
        """The findings shown that single the condition out."""
        return tuple(text for text in self.findings if text in self.condition.decisive)

    @property
    def pronoun(self) -> str:
        """The word for the patient at the head of a sentence."""
        return "She" if self.sex == "female" else "He"

    @property
    def noun(self) -> str:
        """What the stem calls the patient."""
        words = ("girl", "woman") if self.sex == "female" else ("boy", "man")
        return words[self.age >= 16]


@dataclasses.dataclass(frozen=True)
class Option:
    """An option and the condition it was drawn from."""

    text: str
    condition: Condition


def generate(
    count: int, seed: int, split: str, families: Sequence[str] = FAMILIES, start_id: str = "vignette"
) -> list[Record]:
    """Return `count` records of `split`, all questions different; the same arguments give the same records.

    Args:
      count: how many.
      seed: of the generator.
      split: "train" or "eval"; the two share no case (condition and findings).
      families: question families to draw from, uniformly.
      start_id: prefix of the ids, which hash the question and its options.

    Raises:
      UserError: unknown split or family, or more records are asked for than there are different questions.
    """
    check(count, split, families, FAMILIES)
    rng, base = random.Random(f"vignettes/{split}/{seed}"), load()
    records: dict[str, Record] = {}
    for _ in range(20 * count + 100):
        if len(records) == count:
            break
        record = _record(rng, base, _case(rng, base, split, families), start_id)
        records.setdefault(record.question, record)
    if len(records) < count:
        raise UserError(
            f"vignettes: only {len(records)} different {split} questions were found; ask for a smaller count"
        )
    return list(records.values())


def check(count: int, split: str, families: Sequence[str], known: Sequence[str]) -> None:
    """Raise `UserError` for a negative count, an unknown split, or families that are none of `known`."""
    if count < 0:
        raise UserError(f"vignettes: count is {count}; it must not be negative")
    if split not in SPLITS:
        raise UserError(f"vignettes: unknown split {split!r}; use one of {', '.join(SPLITS)}")
    unknown = sorted(set(families) - set(known))
    if unknown or not families:
        raise UserError(f"vignettes: unknown families {unknown}; use some of {', '.join(known)}")


def split_of(condition: str, findings: Sequence[str]) -> str:
    """Return the split a case belongs to: a hash of the condition and its findings, order left out."""
    key = "|".join((condition, *sorted(findings)))
    return SPLITS[hashlib.sha256(key.encode()).digest()[0] % EVAL_SHARE == 0]


# --------------------------------------------------------------------------------------------------------------- cases


def _case(rng: random.Random, base: KnowledgeBase, split: str, families: Sequence[str]) -> Case:
    family = rng.choice(families)
    pool = [c for c in base.conditions.values() if c.alternatives or family != "contraindication"]
    condition = rng.choice(pool)
    factor = None
    if family == "contraindication":
        factor = base.factors[rng.choice(condition.alternatives).factor]
    low, high = condition.ages
    if factor:
        low, high = max(low, factor.ages[0]), min(high, factor.ages[1])
    sex = condition.sex or (factor and factor.sex) or rng.choice(("female", "male"))
    while True:
        sure = rng.choice((1, 1, 2))
        findings = rng.sample(condition.decisive, sure) + rng.sample(condition.typical, SHOWN - sure)
        if split_of(condition.name, findings) == split:
            rng.shuffle(findings)
            return Case(family, condition, tuple(findings), factor, rng.randint(low, high), sex)


# ------------------------------------------------------------------------------------------------------------- options


def _gold(base: KnowledgeBase, case: Case) -> str:
    condition = case.condition
    if case.family == "diagnosis":
        return condition.name
    if case.family == "treatment":
        return condition.first_line
    if case.family == "drug_class":
        return base.class_of(condition.first_line).name
    if case.family == "mechanism":
        return base.class_of(condition.first_line).mechanism
    return next(a.drug for a in condition.alternatives if a.factor == case.factor.name)


def _distractors(rng: random.Random, base: KnowledgeBase, case: Case) -> list[Option]:
    """Draw three wrong options; none is a drug, or of the class of a drug, that some authority would defend."""
    chosen = [Option(case.condition.first_line, case.condition)] if case.factor else []
    taken = {option.text for option in chosen}
    # A treatment that some authority may defend need not be a drug of the base.
    closed = {base.drugs[drug].drug_class for drug in treatments(base, case.condition) & base.drugs.keys()}
    family = "treatment" if case.family == "contraindication" else case.family
    others = [c for c in base.conditions.values() if c is not case.condition and c.sex in (None, case.sex)]
    rng.shuffle(others)
    for other in sorted(others, key=lambda other: other.specialty != case.condition.specialty):
        text = _gold(base, dataclasses.replace(case, family=family, condition=other))
        usable = case.family == "diagnosis" or base.drugs[other.first_line].drug_class not in closed
        if usable and text not in taken:
            chosen.append(Option(text, other))
            taken.add(text)
        if len(chosen) == len(LETTERS) - 1:
            return chosen
    raise UserError(
        f"vignettes: too few wrong options for {case.condition.name!r}; add conditions to the knowledge base"
    )


def _record(rng: random.Random, base: KnowledgeBase, case: Case, prefix: str) -> Record:
    wrong = _distractors(rng, base, case)
    rng.shuffle(wrong)
    # The stem denies a decisive finding of two wrong diagnoses, or of one wrong option in the other families.
    conditions = [option.condition for option in wrong if option.condition is not case.condition]
    denied = rng.sample(conditions, 2 if case.family == "diagnosis" else 1)
    case = dataclasses.replace(case, absent=tuple(rng.choice(condition.decisive) for condition in denied))
    gold = rng.randrange(len(LETTERS))  # drawn after the options, so that the letter depends on none of them
    options = [*wrong[:gold], Option(_gold(base, case), case.condition), *wrong[gold:]]
    texts = {letter: option.text for letter, option in zip(LETTERS, options, strict=True)}
    question = _stem(rng, case) + " " + rng.choice(_questions(case))
    return Record(
        id=content_id(prefix, question, texts),
        source="vignettes",
        question=question,
        options=texts,
        gold=LETTERS[gold],
        facts=(
            f"{case.age}-year-old {case.noun}",
            *case.findings,
            *(f"no {text}" for text in case.absent),
            *([case.factor.clause] if case.factor else []),
        ),
        cot=_cot(rng, base, case, options, LETTERS[gold]),
        licence="Apache-2.0",
        provenance="generated",
        meta={
            "family": case.family,
            "condition": case.condition.name,
            "findings": list(case.findings),
            "decisive": list(case.decisive),
            "absent": list(case.absent),
            "factor": case.factor.name if case.factor else "",
        },
    )


# ---------------------------------------------------------------------------------------------------------------- stem


def _stem(rng: random.Random, case: Case) -> str:
    one, two, three, four, five = case.findings
    patient, they = f"{case.age}-year-old {case.noun}", case.pronoun
    body = rng.choice(
        (
            f"A {patient} has {one} and {two}. {they} also has {three} and {four}. Further work-up shows {five}.",
            f"A {patient} comes to us with {one}. Further work-up shows {two}. {they} has {three}, {four} and {five}.",
            f"A {patient} presents with {one}, {two} and {three}. {they} has {four} and {five} as well.",
            f"A {patient} is seen in hospital. The notes list {one}, {two}, {three}, {four} and {five}.",
        )
    )
    body = f"{body} The work-up finds no {' and no '.join(case.absent)}."
    return f"{body} {they} {case.factor.clause}." if case.factor else body


def _questions(case: Case) -> tuple[str, ...]:
    aim = f" {case.condition.aim}" if case.condition.aim else ""
    return {
        "diagnosis": ("What is the most likely diagnosis?", "Which condition explains this picture best?"),
        "treatment": (f"What is the first-line treatment{aim}?", f"Which treatment should be given first{aim}?"),
        "contraindication": (
            f"Which treatment is most suitable{aim} for this patient?",
            f"What should be given{aim} instead of the usual drug?",
        ),
        "drug_class": (
            f"To which class does the first-line treatment{aim} belong?",
            f"Which class of drug is first choice{aim}?",
        ),
        "mechanism": (f"How does the first-line treatment{aim} work?", f"What does the drug of first choice{aim} do?"),
    }[case.family]


# ---------------------------------------------------------------------------------------------------- chain of thought


def _cot(rng: random.Random, base: KnowledgeBase, case: Case, options: Sequence[Option], gold: str) -> str:
    """Recognise the condition, recall what is asked about it, go through the options, and conclude.

    The options are restated as in the prompt, with the letter repeated after the text: a small model learns to copy
    what followed a text long before it learns to look up what preceded it.
    """
    fitting = options[LETTERS.index(gold)].text
    key = f"The key finding {rng.choice(case.decisive)} points to {case.condition.name}."
    lines = [" ".join([key, *_recall(base, case), f"Wanted is {fitting}."])]
    explained = 0
    for letter, option in zip(LETTERS, options, strict=True):
        reason = "" if letter == gold or explained == EXPLAINED else _reason(case, option)
        explained += bool(reason)
        lines.append(f"{letter}. {option.text} ({letter}){reason and ', '}{reason}")
    return "\n".join([*lines, f"The option that fits is {fitting} ({gold})."])


def _recall(base: KnowledgeBase, case: Case) -> Iterator[str]:
    drug = case.condition.first_line
    if case.family == "diagnosis":
        return
    yield f"Its first-line treatment is {drug}."
    if case.factor:
        yield f"The patient {case.factor.clause}, which rules out {drug}. The alternative is {_gold(base, case)}."
    if case.family == "drug_class":
        yield f"The class of {drug} is {base.class_of(drug).name}."
    if case.family == "mechanism":
        yield f"{capitalised(drug)} {base.class_of(drug).mechanism}."


def _reason(case: Case, option: Option) -> str:
    """Return why a wrong option is wrong, or "" where the stem does not decide it in a clause."""
    missing = [text for text in case.absent if text in option.condition.decisive]
    if case.family == "diagnosis":
        return f"without {missing[0]}" if missing else ""
    if option.condition is case.condition:
        return "ruled out"
    if case.family in ("treatment", "contraindication"):
        return f"for {option.condition.name}"
    return f"that is {option.condition.first_line}"


def right_letters(record: Record) -> list[str]:
    """Return every letter of a generated record that the knowledge base makes right, re-derived from its `meta`."""
    base, meta = load(), record.meta
    return [letter for letter, text in record.options.items() if _is_right(base, meta, text)]


def _is_right(base: KnowledgeBase, meta: dict, text: str) -> bool:
    condition = base.conditions[meta["condition"]]
    if meta["family"] == "diagnosis":
        return set(meta["findings"]) <= {finding.text for finding in base.conditions[text].findings}
    accepted = {condition.first_line}
    if meta["family"] == "contraindication":
        accepted = {drug for drug in defensible(condition) if not ruled_out(base, drug, meta["factor"])}
    classes = {base.class_of(drug) for drug in accepted}
    if meta["family"] == "drug_class":
        return text in {drug_class.name for drug_class in classes}
    if meta["family"] == "mechanism":
        return text in {drug_class.mechanism for drug_class in classes}
    return text in accepted
