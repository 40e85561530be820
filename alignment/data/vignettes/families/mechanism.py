"""What goes wrong in the body?"""

from __future__ import annotations

import random

from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding

KIND = QuestionKind(
    family="mechanism",
    asks="pathophysiology",
    questions=(
        "Which mechanism underlies this illness?",
        "What is the pathophysiology behind this picture?",
        "Which process best explains these findings?",
        "What goes wrong in this patient's body?",
    ),
    text=lambda rng, world, condition: condition.mechanism,
    recall=lambda world, condition, text: (f"What lies behind {condition.name}: {text}.",),
    reason=lambda world, gold, other, text: f"that is {other.name}",
    hops=2,
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question about the mechanism of a disease."""
    return by_finding(rng, world, split, KIND)
