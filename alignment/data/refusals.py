"""Leaving out and counting items that cannot be used; more of them than a share that can be set is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from alignment.errors import UserError

Item = TypeVar("Item")
Made = TypeVar("Made")
SHOWN = 3  # reasons that a note spells out


def make_all(items: Iterable[Item], make: Callable[[Item], Made]) -> tuple[list[Made], dict[int, str]]:
    """Return the results of `make` for all items where it raises no `UserError`, and {index: reason} of the others."""
    results, reasons = [], {}
    for index, item in enumerate(items):
        try:
            results.append(make(item))
        except UserError as error:
            reasons[index] = str(error)
    return results, reasons


def check_share(reasons: Sequence[str], total: int, share: float, remedy: str) -> None:
    """Let a few of `total` items be refused: the share of them, and always one unless the share is 0.

    Raises:
      UserError: more are refused, or all are; the line gives the first reason, the count and `remedy`.
    """
    allowed = max(1, int(share * total)) if share else 0
    if reasons and (len(reasons) > allowed or len(reasons) == total):
        raise UserError(f"{reasons[0]} ({len(reasons)} of {total} cannot be used, {allowed} are let pass; {remedy})")


def refusal_note(reasons: Sequence[str], total: int, what: str) -> str:
    """Return a sentence for output and report: how many of `total` were left out, and why the first of them were."""
    more = f"; and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return f"{len(reasons)} of {total} {what} left out, as they cannot be used: {'; '.join(reasons[:SHOWN])}{more}"
