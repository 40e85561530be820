"""Which investigation confirms it?"""

from __future__ import annotations

import random
import re

from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.registers import capitalised
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding
from alignment.knowledge.schema import Condition

# Where treatment must not wait for a test, no test is the best next step.
TREATED_FIRST = frozenset(("tension pneumothorax", "anaphylaxis", "opioid overdose", "testicular torsion", "eclampsia"))
TREATED_FIRST |= {"postpartum haemorrhage from uterine atony", "organophosphate poisoning", "carbon monoxide poisoning"}


def clash(world: World, one: Condition, other: Condition) -> bool:
    """Whether the test of `one` could be defended for `other`, or says the same in more words."""
    words, others = (set(re.findall(r"\w+", condition.test.lower())) for condition in (one, other))
    return one.test in (other.test, *other.also_tests) or words <= others


KIND = QuestionKind(
    family="next_test",
    asks="test",
    questions=(
        "Which investigation would best confirm the suspected diagnosis?",
        "What is the best next test?",
        "Which test should be done next to settle the diagnosis?",
        "Which of these investigations is most useful now?",
    ),
    text=lambda rng, world, condition: condition.test,
    recall=lambda world, condition, text: (f"{capitalised(condition.name)} is confirmed by {text}.",),
    reason=lambda world, gold, other, text: f"the test for {other.name}",
    usable=lambda world, condition: condition.name not in TREATED_FIRST,
    clash=clash,
    hops=2,
    bedside=True,
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question about the next test."""
    return by_finding(rng, world, split, KIND)
