"""The gold chain of thought of an item: what is shared, what decides, what follows, why each other option is wrong."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alignment.data.vignettes.item import Item

_WANTED = ("Wanted is {}.", "The answer sought is {}.", "So the right option reads: {}.")


def chain(rng: random.Random, item: Item, letters: str) -> str:
    """Return the steps, then every option with its letter and why it is wrong, then the conclusion."""
    thoughts = " ".join((*item.steps, rng.choice(_WANTED).format(item.gold_text)))
    lines = [
        f"{letter}. {choice.text} ({letter}){', ' * bool(choice.reason)}{choice.reason}"
        for letter, choice in zip(letters, item.choices, strict=True)
    ]
    return "\n".join([thoughts, *lines, f"The option that fits is {item.gold_text} ({letters[item.gold]})."])
