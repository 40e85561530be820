"""What goes wrong in the body?"""

from __future__ import annotations

import random

from alignment.data.vignettes.hinge import Asks, by_finding
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.world import World

ASKS = Asks(
    family="mechanism",
    asks="pathophysiology",
    questions=(
        "Which mechanism underlies this illness?",
        "What is the pathophysiology behind this picture?",
        "Which process best explains these findings?",
        "What goes wrong in this patient's body?",
    ),
    text=lambda rng, here, condition: condition.mechanism,
    recall=lambda here, condition, text: (f"What lies behind {condition.name}: {text}.",),
    reason=lambda here, gold, other, text: f"that is {other.name}",
    hops=2,
)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw a question about the mechanism of a disease."""
    return by_finding(rng, here, split, ASKS)
