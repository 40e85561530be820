"""Turning rows into records: every row is built, validated and counted, or refused with its file, row and reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from alignment.data.locations import Location, parse_location
from alignment.data.rows import Row, scan_rows
from alignment.errors import UserError
from alignment.record import Record, validate

SHOWN = 3  # refusals that a note spells out; `Loaded.refused` holds them all


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The result of reading a file; every row is a record, refused, repeated, or set aside by `keep`."""

    records: list[Record]
    refused: tuple[str, ...] = ()  # one message a row: file, row, reason
    repeated: int = 0  # rows equal to an earlier one
    aside: int = 0  # records of other splits than the one to keep
    notes: tuple[str, ...] = ()  # for the report

    @property
    def rows(self) -> int:
        """How many rows there were."""
        return len(self.records) + len(self.refused) + self.repeated + self.aside


def read_records(path: str, build: Callable[[Row], Record], notes: tuple[str, ...] = ()) -> Loaded:
    """Return the records that `build` makes of the rows of `path` (a location, see `alignment.data.locations`).

    A row is refused where `build` or `validate` raises a `UserError`, or where its id already stands for another
    record; one equal to an earlier row is taken once. A record gets the split of the location unless it has one.

    Raises:
      UserError: the file cannot be read, more than `refuse` of its rows (5 % unless the location says otherwise) are
        refused, or none is left.
    """
    return admit(scan_rows(path), build, parse_location(path), notes)


def admit(
    rows: Iterable[Row], build: Callable[[Row], Record], location: Location, notes: tuple[str, ...] = ()
) -> Loaded:
    """Return what `build` makes of `rows`; see `read_records`. For sources that must see all rows first."""
    first: dict[str, tuple[Record, str]] = {}
    refused: list[str] = []
    repeated = 0
    for row in rows:
        try:
            if row.error:
                raise UserError(row.error)
            record = validate(build(row), row.where, equal_options=location.equal_options == "keep")
        except UserError as error:
            refused.append(str(error))
            continue
        record = record if record.split else dataclasses.replace(record, split=location.stated_split)
        known, where = first.setdefault(record.id, (record, row.where))
        if known is record:
            continue
        if known == record:
            repeated += 1
        else:
            refused.append(f"{row.where}: id {record.id!r} stands for two different records, the first at {where}")
    return _loaded([record for record, _ in first.values()], refused, repeated, location, notes)


def _loaded(
    records: list[Record], refused: list[str], repeated: int, location: Location, notes: tuple[str, ...]
) -> Loaded:
    total = len(records) + len(refused) + repeated
    if len(refused) > location.refuse * total:
        raise UserError(
            f"{refused[0]} ({len(refused)} of {total} rows are refused, more than the {location.refuse:.0%} allowed: "
            f"is this the right source? Where it is, allow more with {location.path}?refuse=SHARE)"
        )
    chosen = [record for record in records if location.keep in ("", record.split)]
    if not chosen:
        splits = ", ".join(sorted({record.split or "none stated" for record in records}))
        raise UserError(f"{location.path}: no record has the split {location.keep!r}; found: {splits}")
    aside = len(records) - len(chosen)
    if refused:
        more = f"; and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        notes += (f"{len(refused)} of {total} row(s) refused: {'; '.join(refused[:SHOWN])}{more}",)
    if equal := [record.id for record in chosen if record.equal_options]:
        notes += (f"{len(equal)} record(s) with two options of equal text are scored as they are: {', '.join(equal)}",)
    if repeated:
        notes += (f"{repeated} repeated row(s) left out",)
    if aside:
        notes += (f"{aside} record(s) of other splits than {location.keep!r} set aside",)
    return Loaded(chosen, tuple(refused), repeated, aside, notes)
