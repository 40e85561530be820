"""What is given first?"""

from __future__ import annotations

import random

from alignment.data.vignettes.drugs import first_choice, treatments_clash
from alignment.data.vignettes.hinge import Asks, by_finding
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.world import World

ASKS = Asks(
    family="treatment",
    asks="first line",
    questions=(
        "What is the first-line treatment?",
        "Which treatment should be given first?",
        "Which of these is the treatment of choice?",
        "How should this patient be treated first?",
    ),
    text=lambda rng, here, condition: first_choice(condition),
    recall=lambda here, condition, text: (f"Its first-line treatment is {condition.first_line}.",),
    reason=lambda here, gold, other, text: f"for {other.name}",
    clash=treatments_clash,
    sources=lambda here, condition, text: [here.base.drugs[condition.first_line].source],
    hops=2,
)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw a question about the first-line treatment."""
    return by_finding(rng, here, split, ASKS)
