"""Which condition is it?"""

from __future__ import annotations

import random

from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding

KIND = QuestionKind(
    family="diagnosis",
    asks="condition",
    questions=(
        "What is the most likely diagnosis?",
        "Which condition explains this picture best?",
        "Which diagnosis should be made?",
        "What is the underlying condition?",
    ),
    text=lambda rng, world, condition: condition.name,
    recall=lambda world, condition, text: (),
    reason=lambda world, gold, other, text: f"would rather show {other.decisive[0]}",
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question about the diagnosis."""
    return by_finding(rng, world, split, KIND)
