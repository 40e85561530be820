"""Splitting by question, so that no question trains one stage and tests another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from alignment.data.ids import normalised_question, question_rank
from alignment.errors import UserError
from alignment.record import Record


def split_by_question(records: Sequence[Record], counts: Mapping[str, int], seed: int) -> dict[str, list[Record]]:
    """Deal `records` to the parts named by `counts`, whole questions at a time.

    Questions are ordered by a seeded hash of their normalised text, so the parts do not depend on the order of the
    file. `counts` gives how many questions a part asks for, 0 for all it can get; see `shares`. The first part keeps
    its questions when only the later counts change within the size of the file.

    Raises:
      UserError: there are fewer questions than parts.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[normalised_question(record)].append(record)
    ordered = sorted(groups, key=lambda question: question_rank(question, seed))
    parts, start = {}, 0
    for part, size in zip(counts, shares(len(ordered), list(counts.values())), strict=True):
        parts[part] = [record for question in ordered[start : start + size] for record in groups[question]]
        start += size
    return parts


def shares(total: int, counts: Sequence[int]) -> list[int]:
    """Return how many of `total` questions each part gets; they add up to `total` and none is empty.

    Parts that name a count get it, those that ask for all (0) share the rest, and what nobody asked for goes to the
    last part. Where the counts do not fit, parts are proportional to what they ask for, 0 standing for everything.
    shares(10, [2, 3]) is [2, 8]; shares(10, [4, 0, 0]) is [4, 3, 3]; shares(10, [20, 20]) is [5, 5].
    """
    if total < len(counts):
        raise UserError(f"{total} question(s) cannot be split into {len(counts)} parts; give a larger file")
    rest, open_parts = total - sum(counts), counts.count(0)
    if rest >= open_parts:
        wanted = [count or rest // open_parts for count in counts]
    else:
        requested = [count or total for count in counts]
        wanted = [max(1, total * count // sum(requested)) for count in requested]
    sizes: list[int] = []
    for index, count in enumerate(wanted[:-1], start=1):
        sizes.append(min(count, total - sum(sizes) - (len(counts) - index)))  # one is left for each part to come
    return [*sizes, total - sum(sizes)]


def drop_questions(records: Sequence[Record], taken: Collection[str]) -> list[Record]:
    """Return the records whose normalised question is not in `taken`."""
    return [record for record in records if normalised_question(record) not in taken]


def questions(records: Sequence[Record]) -> set[str]:
    """Return the normalised questions of `records`."""
    return {normalised_question(record) for record in records}
