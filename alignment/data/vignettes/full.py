"""The generator of the full scope: each question different, each case in one split alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from alignment.data.ids import normalised_question
from alignment.data.vignettes.families import families as registered
from alignment.data.vignettes.index import load_world
from alignment.data.vignettes.item import Item, to_record
from alignment.errors import UserError
from alignment.record import Record

PATIENCE = 400  # repeated questions in a row before the generator gives up


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
    world = load_world()
    while len(seen) < count:
        # A family is drawn first, then questions of it until one is usable, so that families are equally frequent.
        draw, item = registered()[rng.choice(families)], None
        while item is None:
            item = draw(rng, world, split)
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
