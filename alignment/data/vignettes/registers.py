"""Wording a case: four registers, each with several forms, for the same facts."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Sequence

from alignment.data.vignettes.phrases import PHRASES

SYNONYM = 0.4  # share of shared findings that a clinician's register replaces by a synonym


@dataclasses.dataclass(frozen=True)
class Patient:
    """Age in years and sex ("female" or "male")."""

    age: int
    sex: str

    def __str__(self) -> str:
        words = ("girl", "woman") if self.sex == "female" else ("boy", "man")
        return f"{self.age}-year-old {words[self.age >= 16]}"

    @property
    def article(self) -> str:
        """The article in front of the patient."""
        return "an" if self.age in (8, 11, 18) or 80 <= self.age < 90 else "a"

    @property
    def pronoun(self) -> str:
        """The word for the patient inside a sentence."""
        return "she" if self.sex == "female" else "he"


@dataclasses.dataclass(frozen=True)
class Fact:
    """One thing known of a patient.

    `kind` is "history" (a noun phrase of history or examination), "result" (a noun phrase of an investigation),
    "absent" (a noun phrase denied) or "clause" (a verb phrase to follow "she" or "he"). The question turns on a
    `decisive` fact. `name` is the finding of the knowledge base behind it, where it is said in numbers.
    """

    text: str
    kind: str = "history"
    decisive: bool = False
    name: str = ""

    @property
    def stated(self) -> str:
        """The fact as an atomic statement."""
        return f"no {self.text}" if self.kind == "absent" else self.text


@dataclasses.dataclass(frozen=True)
class Register:
    """The sentences of one way of speaking; `bare` opens where there is no history, `joint` separates a list."""

    name: str
    opening: tuple[str, ...]
    bare: str
    results: tuple[str, ...]
    absent: tuple[str, ...]
    clause: tuple[str, ...]
    joint: str = ""


REGISTERS = (
    Register(
        "exam",
        ("{A} {patient} presents with {list}.", "{A} {patient} is seen because of {list}.")
        + ("{A} {patient} comes to the hospital with {list}.", "{A} {patient} has {list}.")
        + ("{A} {patient} is referred. History and examination reveal {list}.",),
        "{A} {patient} is seen.",
        ("Investigations show {list}.", "Work-up reveals {list}.", "Further tests show {list}."),
        ("There is no {item}.", "{They} does not have {item}."),
        ("{They} {item}.",),
    ),
    Register(
        "letter",
        ("Dear colleague, thank you for seeing this {patient} with {list}.",)
        + ("Dear colleague, I would value your opinion on this {patient}, who has {list}.",)
        + ("Dear doctor, this {patient} came to my clinic with {list}.",)
        + ("Dear doctor, I am writing about {a} {patient} troubled by {list}.",),
        "Dear colleague, thank you for seeing this {patient}.",
        ("Results so far: {list}.", "Enclosed please find the results: {list}.", "Our tests showed {list}."),
        ("I found no {item}.", "I could not find any {item}."),
        ("Of note, {they} {item}.", "You should know that {they} {item}."),
    ),
    Register(
        "note",
        ("{age}{S}. PC: {list}.", "{age} y/o {S}, c/o {list}.", "Pt {age}{S}. Hx and O/E: {list}.")
        + ("Ward note, {age}{S}: {list}.",),
        "{age}{S}.",
        ("Ix: {list}.", "Results: {list}.", "Bloods and imaging: {list}."),
        ("No {item}.", "Nil {item}.", "{item}: neg."),
        ("Note: {item}.", "Pt {item}."),
        "; ",
    ),
    Register(
        "lay",
        ("I am {a} {patient}. I have {list}.", "I am {a} {patient} and I came because of {list}.")
        + ("Hello, I am {a} {patient}. What worries me is {list}.", "I am {a} {patient}. My complaints are {list}."),
        "I am {a} {patient}.",
        ("The doctor's report says: {list}.", "My test results read: {list}.", "I was told of {list}."),
        ("I do not have {item}.", "There is no {item}, I was told."),
        ("I {item}.", "I should add that I {item}."),
    ),
)

_OF_ME = {"his": "my", "her": "my", "him": "me"}
_THIRD_PERSON = re.compile(r"\b(his|her|him)\b")
# Verbs of clauses after "I"; a clause with another verb is a mistake and raises.
_VERBS = {
    **{"has": "have", "is": "am", "had": "had", "moved": "moved", "passes": "pass", "carries": "carry"},
    **{f"{verb}s": verb for verb in ("take", "work", "run", "live", "play", "sing", "walk", "speak", "need", "smoke")},
}


def stem(rng: random.Random, patient: Patient, facts: Sequence[Fact]) -> tuple[str, str]:
    """Return (the name of a register, the stem worded in it); facts keep their order within their kind."""
    register = rng.choice(REGISTERS)
    words = {
        "patient": str(patient),
        "a": patient.article,
        "A": patient.article.capitalize(),
        "age": patient.age,
        "S": "F" if patient.sex == "female" else "M",
        "they": patient.pronoun,
        "They": patient.pronoun.capitalize(),
    }
    kinds = {kind: [_worded(rng, f, register) for f in facts if f.kind == kind] for kind in ("history", "result")}
    listed = {
        kind: register.joint.join(texts) if register.joint or not texts else in_words(texts)
        for kind, texts in kinds.items()
    }
    opening = rng.choice(register.opening) if listed["history"] else register.bare
    sentences = [opening.format(list=listed["history"], **words)]
    if listed["result"]:
        sentences.append(rng.choice(register.results).format(list=listed["result"]))
    for kind, forms in (("absent", register.absent), ("clause", register.clause)):
        for fact in facts:
            if fact.kind == kind:
                sentences.append(capitalised(rng.choice(forms).format(item=_worded(rng, fact, register), **words)))
    return register.name, " ".join(sentences)


def _worded(rng: random.Random, fact: Fact, register: Register) -> str:
    if fact.kind == "clause":
        if register.name != "lay":
            return fact.text
        words = fact.text.split(" ")  # "has severe asthma" becomes "have severe asthma"
        verb = 1 if words[0] == "now" else 0
        return " ".join((*words[:verb], _VERBS[words[verb]], *words[verb + 1 :]))
    if fact.decisive or fact.kind == "result":
        return fact.text
    synonyms, lay = PHRASES.get(fact.text, ((), ""))
    if register.name == "lay":
        return lay if lay and fact.kind == "history" else _THIRD_PERSON.sub(lambda match: _OF_ME[match[0]], fact.text)
    said_otherwise = synonyms and fact.kind == "history" and rng.random() < SYNONYM
    return rng.choice(synonyms) if said_otherwise else fact.text


def in_words(texts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last


def capitalised(text: str) -> str:
    """Return `text` with its first letter in upper case and the others as they are."""
    return text[0].upper() + text[1:]
