"""Seeded multiple-choice vignettes whose truth and chain of thought come from the knowledge base.

There are two scopes. The embedded nano base was trained on the core, which is frozen: five families on the core of the
knowledge base (`core.py`). The full scope uses the whole knowledge base and has one file for each family (`families/`).
It draws four options as a set, then the right one of them, then a case for it, so that the options alone give nothing
away. All four share the findings shown except the key ones, so that without these the stem gives nothing away either.
"""

from __future__ import annotations

from collections.abc import Sequence

from alignment.data.vignettes import core, full
from alignment.data.vignettes.core import EVAL_SHARE, FAMILIES, LETTERS, SHOWN, SPLITS, split_of
from alignment.data.vignettes.families import families as _registered
from alignment.data.vignettes.solver import fitting_letters
from alignment.errors import UserError
from alignment.record import Record

__all__ = ["EVAL_SHARE", "FAMILIES", "LETTERS", "SCOPES", "SHOWN", "SPLITS", "every_family", "families_of", "generate"]
__all__ += ["right_letters", "split_of"]

SCOPES = ("core", "full")


def families_of(scope: str) -> tuple[str, ...]:
    """Return the families of `scope`; raises `UserError` where there is no such scope."""
    if scope not in SCOPES:
        raise UserError(f"vignettes: unknown scope {scope!r}; use one of {', '.join(SCOPES)}")
    return FAMILIES if scope == "core" else tuple(_registered())


def every_family() -> tuple[str, ...]:
    """Return the families of all scopes."""
    return tuple(dict.fromkeys(family for scope in SCOPES for family in families_of(scope)))


def generate(
    count: int,
    seed: int,
    split: str,
    families: Sequence[str] | None = None,
    start_id: str = "vignette",
    scope: str = "core",
) -> list[Record]:
    """Return `count` records of `split`, all questions different; the same arguments give the same records.

    Args:
      count: how many.
      seed: of the generator.
      split: "train" or "eval"; the two share no case (what is asked about, with the findings shown).
      families: question families to draw from, uniformly: of `families_of(scope)`, or None for all of them.
      start_id: prefix of the ids, which hash the question and its options.
      scope: "core" or "full".

    Raises:
      UserError: unknown split, scope or family, or more records are asked for than there are different questions.
    """
    families = families_of(scope) if families is None else families
    if scope == "core":
        return core.generate(count, seed, split, families, start_id)
    core.check(count, split, families, families_of(scope))
    return full.generate(count, seed, split, families, start_id)


def right_letters(record: Record) -> list[str]:
    """Return every letter of a generated record that the knowledge base makes right, re-derived from its `meta`."""
    if record.meta.get("scope") == "full":
        return fitting_letters(record)
    return core.right_letters(record)
