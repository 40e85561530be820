"""Records as Parquet: one row a record, read back by the source `records`.

`options` is a struct of the letters A to J, null where a record has fewer; `meta` is JSON text, because its fields
differ from source to source. Rows are hashed as records, so the hash tells nothing of the file, its compression or the
version that wrote it.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alignment.common.files import naming
from alignment.data.ids import record_bytes
from alignment.errors import UserError
from alignment.record import Record

LETTERS = "ABCDEFGHIJ"
GROUP = 4096  # rows written at a time, and held in memory
TEXTS = ("context", "facts", "must_have")


@dataclasses.dataclass
class Tally:
    """What a file of records holds, counted while it is written."""

    rows: int = 0
    fingerprint: str = ""  # SHA-256 of all fields of all records in order: `ids.fingerprint`
    counts: dict[str, collections.Counter] = dataclasses.field(
        default_factory=lambda: {name: collections.Counter() for name in COUNTED}
    )
    lengths: dict[str, list[int]] = dataclasses.field(default_factory=lambda: {"question": [], "cot": []})  # words


COUNTED = {
    "source": lambda record: record.source,
    "licence": lambda record: record.licence or "not stated",
    "family": lambda record: str(record.meta.get("family", "")) or "none",
    "gold": lambda record: record.gold or "no letter",
}


def write_parquet(path: Path, records: Iterable[Record]) -> Tally:
    """Write `records` to `path`, a row group at a time, and return what was counted.

    Raises:
      UserError: a record cannot be held: options that are not the first letters in order, or more than ten.
    """
    import pyarrow as pa  # late, because it takes a while
    import pyarrow.parquet as pq

    tally, digest = Tally(), hashlib.sha256()
    counted = _counted(records, tally, digest)
    with pq.ParquetWriter(path, schema(), compression="zstd") as writer:
        while group := list(itertools.islice(counted, GROUP)):
            with naming(path):
                writer.write_table(pa.Table.from_pylist([_row(record) for record in group], schema=schema()))
    tally.fingerprint = digest.hexdigest()
    return tally


def schema() -> Any:
    """The Arrow schema of a file of records; a column an attribute of `Record`."""
    import pyarrow as pa

    special = {
        "options": pa.struct([(letter, pa.string()) for letter in LETTERS]),
        "limits": pa.list_(pa.float64()),
        **{name: pa.list_(pa.string()) for name in TEXTS},
    }
    names = [field.name for field in dataclasses.fields(Record)]
    return pa.schema([(name, special.get(name, pa.string())) for name in names])


def _row(record: Record) -> dict[str, Any]:
    letters = tuple(record.options)
    if letters != tuple(LETTERS[: len(letters)]):
        raise UserError(
            f"record {record.id!r}: options {', '.join(letters)}; Parquet holds the first {len(LETTERS)} letters in "
            "order: name the options A, B, ... or leave the record out"
        )
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(Record)}
    fields |= {name: list(fields[name]) for name in TEXTS}
    fields["limits"] = None if record.limits is None else list(record.limits)
    fields["options"] = dict(record.options) or None
    return fields | {"meta": json.dumps(dict(record.meta), ensure_ascii=False)}


def _counted(records: Iterable[Record], tally: Tally, digest: Any) -> Iterator[Record]:
    for record in records:
        tally.rows += 1
        digest.update(record_bytes(record))
        for name, value in COUNTED.items():
            tally.counts[name][value(record)] += 1
        tally.lengths["question"].append(len(" ".join((*record.context, record.question)).split()))
        if record.cot:
            tally.lengths["cot"].append(len(record.cot.split()))
        yield record
