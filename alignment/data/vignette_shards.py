"""Large sets of vignettes: shards with a seed each, made by parallel processes and joined in a fixed order."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence

from ml_collections import ConfigDict

from alignment.data import vignettes
from alignment.data.card import Product
from alignment.data.ids import normalised_question
from alignment.errors import UserError
from alignment.record import Record

SHARD = 1000  # questions a shard; part of what decides the rows, unlike the number of processes
BARREN = 0.02  # a run of shards with a smaller share of new questions means that there are hardly any left
PATIENCE = 5  # such shards in a row

LIMITS = (
    "Generated from a knowledge base: stems are templates, and a case shows a handful of findings.",
    "The splits share conditions, drugs, templates and phrases by design; what they do not share is a case: a "
    "condition with the findings that the stem shows, a set of drugs, or the numbers of a calculation.",
    "A key finding settles a case more plainly than it does at the bedside; typical findings are dealt at random.",
    "First-line treatments are simplified and undated; guidelines differ between countries and change.",
    "A chain of thought restates the derivation that the generator followed; no clinician wrote or checked it.",
)


def build_vignettes(config: ConfigDict) -> Product:
    """Return the vignettes of `config.vignettes` with their chains of thought, train and eval split by case."""
    wanted = config.vignettes
    counts = {"train": wanted.count, "eval": wanted.eval_count}
    counts = {split: count for split, count in counts.items() if count}
    families = tuple(wanted.families) or vignettes.families_of(wanted.scope)
    return Product(
        "Clinical vignettes with derived chains of thought",
        "Multiple-choice questions about generated patients, each with the chain of thought by which a knowledge base "
        "of conditions, findings and drugs makes exactly one option right. No two share a normalised stem.",
        ("apache-2.0",),
        LIMITS,
        {
            split: distinct_vignettes(count, config.seed, split, families, config.workers, wanted.scope)
            for split, count in counts.items()
        },
        counts,
    )


def distinct_vignettes(
    count: int, seed: int, split: str, families: Sequence[str], workers: int = 1, scope: str = "core"
) -> Iterator[Record]:
    """Yield `count` vignettes of which no two have the same normalised question.

    Shard k is made with a seed that hashes (seed, k), and of equal questions the first shard's is kept, so `workers`
    (0: one a core) changes the time and nothing else.

    Raises:
      UserError: there are not so many different questions; an unknown split or family.
    """
    seen: set[bytes] = set()
    barren = 0
    make = _Shard(seed, split, tuple(families), scope)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.closing(in_order(make, min(workers or cores, -(-count // SHARD)))) as shards:
        while len(seen) < count and barren < PATIENCE:
            before = len(seen)
            for record in next(shards):
                key = hashlib.sha256(normalised_question(record).encode()).digest()[:16]
                if key not in seen and len(seen) < count:
                    seen.add(key)
                    yield dataclasses.replace(record, split=split)
            barren = barren + 1 if len(seen) - before < BARREN * SHARD else 0
    if len(seen) < count:
        raise UserError(
            f"--config.vignettes: hardly more than {len(seen)} different {split} questions can be made of the families "
            f"{', '.join(families)}; ask for fewer than {count}"
        )


@dataclasses.dataclass(frozen=True)
class _Shard:
    """The function that makes shard k; a class, so that another process can be handed it."""

    seed: int
    split: str
    families: tuple[str, ...]
    scope: str

    def __call__(self, number: int) -> list[Record]:
        digest = hashlib.sha256(f"{self.seed}/{number}".encode()).digest()
        return vignettes.generate(SHARD, int.from_bytes(digest[:8]), self.split, self.families, "vignette", self.scope)


def in_order(make: Callable[[int], list[Record]], workers: int) -> Iterator[list[Record]]:
    """Yield make(0), make(1), ... without end, computed a little ahead by `workers` processes if they are several."""
    if workers <= 1:
        yield from map(make, itertools.count())
    # Processes are spawned, not forked, since the parent may have threads of Arrow.
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        ahead = collections.deque(pool.submit(make, number) for number in range(2 * workers))
        for number in itertools.count(2 * workers):
            yield ahead.popleft().result()
            ahead.append(pool.submit(make, number))
    finally:
        pool.shutdown(cancel_futures=True)
