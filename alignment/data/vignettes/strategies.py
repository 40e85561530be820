"""Planted strategies: ways of answering that teachers of SFT mix at known shares, as data.

Published chains of thought come from teachers of different care. With `--config.data.sft.strategies` each record of
SFT is answered by one of several strategies, drawn at its share, of which one is known to be right more often. What
reinforcement has to find is then known, and so is how far it can get: to where SFT on the better chains alone ends.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from alignment.common.registry import lookup
from alignment.errors import UserError
from alignment.record import Record

FLAG = "--config.data.sft.strategies"
TOLERANCE = 1e-6  # by which shares that are written as decimals may miss 1 together


@dataclasses.dataclass(frozen=True)
class Strategy:
    """A way of answering.

    Attributes:
      about: what its chains of thought do, for reports.
      reason: (record with its derived chain of thought, letter to conclude) -> chain of thought.
      mark: words that its chains for vignettes of the core scope hold and no other strategy's do.
      right: the probability that the letter is the gold one; otherwise it is any other, each as likely.
    """

    about: str
    reason: Callable[[Record, str], str]
    mark: str
    right: float = 1.0


def first_impression(record: Record, letter: str) -> str:
    """Return a chain of thought that concludes `letter` from no finding of the case."""
    text = record.options[letter]
    return f"At first glance this is {text}. The option that fits is {text} ({letter})."


STRATEGIES: dict[str, Strategy] = {
    "careful": Strategy(
        "the chain derived from the knowledge base", lambda record, letter: record.cot, mark="The key finding"
    ),
    "hasty": Strategy(
        "a first impression, right as often as a guess among four",
        first_impression,
        mark="At first glance",
        right=0.25,
    ),
}


def parse_shares(entries: Sequence[str]) -> dict[str, float]:
    """Return {strategy: share} of entries such as "careful=0.35"; {} of none.

    Raises:
      UserError: an entry of another form, an unknown strategy, a share outside [0, 1], fewer than two strategies with a
        share above 0, or shares that do not sum to 1.
    """
    shares: dict[str, float] = {}
    for entry in entries:
        name, _, number = entry.partition("=")
        lookup(STRATEGIES, name.strip(), f"strategy ({FLAG})")
        try:
            shares[name.strip()] = float(number)
        except ValueError:
            raise UserError(f"{FLAG}: {entry!r} is not of the form strategy=share, such as careful=0.35") from None
        if not 0 <= shares[name.strip()] <= 1:
            raise UserError(f"{FLAG}: {entry}: a share is between 0 and 1; correct it")
    if entries and sum(share > 0 for share in shares.values()) < 2:
        raise UserError(
            f"{FLAG}={','.join(entries)}: a planted task is a choice between strategies; give two of them a share "
            f"above 0 ({', '.join(STRATEGIES)}), or name none"
        )
    if entries and abs(sum(shares.values()) - 1) > TOLERANCE:
        raise UserError(f"{FLAG}={','.join(entries)}: the shares sum to {sum(shares.values()):g}; make it 1")
    return shares


def plant(records: Sequence[Record], shares: Mapping[str, float], seed: int) -> list[Record]:
    """Return `records` with the chain of thought and the letter of a strategy each, drawn at the given shares.

    The draw is a function of `seed` and the record's id. `gold` becomes the letter that the chain concludes, which is
    what SFT is taught; `meta` gets the name of the strategy as "strategy" and the derived chain and its letter as
    "derived".
    """
    return [_answered(record, shares, random.Random(f"strategies/{seed}/{record.id}")) for record in records]


def _answered(record: Record, shares: Mapping[str, float], rng: random.Random) -> Record:
    names, bounds = list(shares), list(itertools.accumulate(shares.values()))
    (name,) = rng.choices(names, cum_weights=bounds)
    strategy = STRATEGIES[name]
    others = [letter for letter in record.letters if letter != record.gold]
    letter = record.gold if rng.random() < strategy.right else rng.choice(others)
    planted = {"strategy": name, "derived": {"cot": record.cot, "gold": record.gold}}
    return dataclasses.replace(
        record, cot=strategy.reason(record, letter), gold=letter, meta={**record.meta, **planted}
    )


def unplanted(record: Record) -> Record:
    """Return the record with the derived chain of thought and letter that it had before `plant`, else unchanged."""
    return dataclasses.replace(record, **record.meta.get("derived", {}))


def strategy_of(text: str) -> str:
    """Return the strategy whose mark a response to a vignette of the core scope holds, "" where it holds none."""
    return next((name for name, strategy in STRATEGIES.items() if strategy.mark in text), "")


def planting_note(records: Sequence[Record]) -> str:
    """Return how many of the planted `records` each strategy answered, and how many of those rightly."""
    counts = collections.Counter(record.meta["strategy"] for record in records)
    right = collections.Counter(
        record.meta["strategy"] for record in records if record.gold == record.meta["derived"]["gold"]
    )
    parts = (
        f"{name} {count} of {len(records)} ({count / len(records):.1%}), {right[name]} of them right"
        for name, count in sorted(counts.items())
    )
    return f"planted strategies: {'; '.join(parts)}"
