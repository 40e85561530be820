"""The grown generator: the families of the full scope, each question different, each case in one split alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from alignment.data.ids import normalised_question
from alignment.data.vignettes.families import families as registered
from alignment.data.vignettes.item import Item, to_record
from alignment.data.vignettes.world import world
from alignment.errors import UserError
from alignment.record import Record

PATIENCE = 400  # draws that may come to nothing, one after the other


def generate(count: int, seed: int, split: str, families: Sequence[str], prefix: str) -> list[Record]:
    """Return `count` records of the full scope, no two with the same normalised question."""
    return [record for _, record in pairs(count, seed, split, families, prefix)]


def pairs(
    count: int, seed: int, split: str, families: Sequence[str], prefix: str = "vignette"
) -> Iterator[tuple[Item, Record]]:
    """Yield `count` items with their records.

    Raises:
      UserError: so many different questions were not found.
    """
    rng, seen, barren = random.Random(f"vignettes/full/{split}/{seed}"), set(), 0
    while len(seen) < count:
        item = _draw(rng, split, families)
        record = to_record(item, prefix)
        question = normalised_question(record)
        barren = barren + 1 if question in seen else 0
        if barren > PATIENCE:
            raise UserError(
                f"vignettes: only {len(seen)} different {split} questions were found; ask for a smaller count"
            )
        if not barren:
            seen.add(question)
            yield item, record


def _draw(rng: random.Random, split: str, families: Sequence[str]) -> Item:
    """Draw from one family, chosen first, until it gives an item: no family is rarer for being harder to draw."""
    draw, here = registered()[rng.choice(families)], world()
    while (item := draw(rng, here, split)) is None:
        pass
    return item
