"""What is given first?"""

from __future__ import annotations

import random

from alignment.data.vignettes.drugs import first_choice, treatments_clash
from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding

KIND = QuestionKind(
    family="treatment",
    asks="first line",
    questions=(
        "What is the first-line treatment?",
        "Which treatment should be given first?",
        "Which of these is the treatment of choice?",
        "How should this patient be treated first?",
    ),
    text=lambda rng, world, condition: first_choice(condition),
    recall=lambda world, condition, text: (f"Its first-line treatment is {condition.first_line}.",),
    reason=lambda world, gold, other, text: f"for {other.name}",
    clash=treatments_clash,
    sources=lambda world, condition, text: [world.base.drugs[condition.first_line].source],
    hops=2,
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question about the first-line treatment."""
    return by_finding(rng, world, split, KIND)
