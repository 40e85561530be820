"""Which further finding is most likely?"""

from __future__ import annotations

import random

from alignment.data.vignettes.index import World
from alignment.data.vignettes.item import Item
from alignment.data.vignettes.registers import capitalised
from alignment.data.vignettes.shared_findings import QuestionKind, by_finding

KIND = QuestionKind(
    family="likely_finding",
    asks="finding",
    questions=(
        "Which further finding is most likely?",
        "What else is most likely to be found?",
        "Which of these would be expected as well?",
        "Which additional finding fits this illness best?",
    ),
    text=lambda rng, world, condition: rng.choice(condition.decisive),
    recall=lambda world, condition, text: (f"{capitalised(condition.name)} also shows {text}.",),
    reason=lambda world, gold, other, text: f"a finding of {other.name}",
    sources=lambda world, condition, text: [f.source for f in condition.findings if f.text == text],
    hops=2,
    held=True,
)


def draw(rng: random.Random, world: World, split: str) -> Item | None:
    """Draw a question about a further finding."""
    return by_finding(rng, world, split, KIND)
