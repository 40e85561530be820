"""Which further finding is most likely?"""

from __future__ import annotations

import random

from alignment.data.vignettes.hinge import Asks, by_finding
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.world import World

ASKS = Asks(
    family="likely_finding",
    asks="finding",
    questions=(
        "Which further finding is most likely?",
        "What else is most likely to be found?",
        "Which of these would be expected as well?",
        "Which additional finding fits this illness best?",
    ),
    text=lambda rng, here, condition: rng.choice(condition.decisive),
    recall=lambda here, condition, text: (f"{condition.name[0].upper()}{condition.name[1:]} also shows {text}.",),
    reason=lambda here, gold, other, text: f"a finding of {other.name}",
    sources=lambda here, condition, text: [f.source for f in condition.findings if f.text == text],
    hops=2,
    held=True,
)


def draw(rng: random.Random, here: World, split: str) -> Item | None:
    """Draw a question about a further finding."""
    return by_finding(rng, here, split, ASKS)
