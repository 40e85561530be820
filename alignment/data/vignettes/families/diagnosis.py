"""Which condition is it?"""

from __future__ import annotations

import random

from alignment.data.vignettes.hinge import Asks, by_finding
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.world import World

ASKS = Asks(
    family="diagnosis",
    asks="condition",
    questions=(
        "What is the most likely diagnosis?",
        "Which condition explains this picture best?",
        "Which diagnosis should be made?",
        "What is the underlying condition?",
    ),
    text=lambda rng, here, condition: condition.name,
    recall=lambda here, condition, text: (),
    reason=lambda here, gold, other, text: f"would rather show {other.decisive[0]}",
)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw a question about the diagnosis."""
    return by_finding(rng, here, split, ASKS)
