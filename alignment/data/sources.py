"""The registry of sources that are read from a file or the Hub.

A source is a function from a location (`alignment.data.locations`) to what was loaded. A new one is a file in this
folder with a function that makes a record of a row, and a line in `SOURCES`. Generated vignettes are read from no file:
they are the entries of `GENERATED_SCOPES`, handled by `alignment.data.load`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from alignment.common.registry import lookup
from alignment.data import (
    kqa,
    medcalc,
    medical_o1_sft,
    medical_o1_verifiable,
    mediq,
    medmcqa,
    medqa,
    medreason,
    medxpertqa,
    mmlu,
    pubmedqa,
    records,
)
from alignment.data.ingest import Loaded, read_records
from alignment.data.rows import Row
from alignment.record import Record

Source = Callable[[str], Loaded]


def from_rows(build: Callable[[Row], Record]) -> Source:
    """Return the source that makes a record of every row with `build`; it raises what `read_records` raises."""
    return functools.partial(read_records, build=build)


# Sources that are generated, with the scope of the knowledge base they are made of.
GENERATED_SCOPES = {"vignettes": "core", "vignettes_full": "full"}
SOURCES: dict[str, Source] = {
    "medqa": from_rows(medqa.build_record),
    "medmcqa": medmcqa.load,
    "pubmedqa": pubmedqa.load,
    "mediq": from_rows(mediq.build_record),
    "medxpertqa": from_rows(medxpertqa.build_record),
    "mmlu": from_rows(mmlu.build_record),
    "medical_o1_sft": from_rows(medical_o1_sft.build_record),
    "medical_o1_verifiable": from_rows(medical_o1_verifiable.build_record),
    "medreason": from_rows(medreason.build_record),
    "kqa": from_rows(kqa.build_record),
    "medcalc": from_rows(medcalc.build_record),
    "records": from_rows(records.build_record),
}


def every_source() -> tuple[str, ...]:
    """Return the names of all sources, read and generated."""
    return (*GENERATED_SCOPES, *SOURCES)


def read_source(name: str, path: str) -> Loaded:
    """Return what the source `name` makes of `path`: its records, every refused row with its reason, and counts.

    Raises:
      UserError: no such source; the file cannot be read, or too many of its rows are refused (`ingest.read_records`).
    """
    return lookup(SOURCES, name, "source")(path)


def load_source(name: str, path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of `read_source` and its notes for the report, which count what was left out."""
    loaded = read_source(name, path)
    return loaded.records, loaded.notes
