"""The registry of sources that are read from a file or the Hub.

A source is a function from a place (`alignment.data.places`) to what was loaded. A new one is a file in this folder and
a line in `SOURCES`. Generated vignettes come from no file: they are the entries of `GENERATED_SCOPES`, handled by
`alignment.data.load`.
"""

from __future__ import annotations

from collections.abc import Callable

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
from alignment.data.door import Loaded
from alignment.record import Record
from alignment.text.lookup import lookup

Source = Callable[[str], Loaded]

# Sources that are generated, with the scope of the knowledge base they are made of.
GENERATED_SCOPES = {"vignettes": "core", "vignettes_full": "full"}
SOURCES: dict[str, Source] = {
    "medqa": medqa.load,
    "medmcqa": medmcqa.load,
    "pubmedqa": pubmedqa.load,
    "mediq": mediq.load,
    "medxpertqa": medxpertqa.load,
    "mmlu": mmlu.load,
    "medical_o1_sft": medical_o1_sft.load,
    "medical_o1_verifiable": medical_o1_verifiable.load,
    "medreason": medreason.load,
    "kqa": kqa.load,
    "medcalc": medcalc.load,
    "records": records.load,
}


def every_source() -> tuple[str, ...]:
    """Return the names of all sources, read and generated."""
    return (*GENERATED_SCOPES, *SOURCES)


def read_source(name: str, path: str) -> Loaded:
    """Return what the source `name` makes of `path`: its records, every refused row with its reason, and counts.

    Raises:
      UserError: no such source; the file cannot be read, or too many of its rows are refused (`door.read_records`).
    """
    return lookup(SOURCES, name, "source")(path)


def load_source(name: str, path: str) -> tuple[list[Record], tuple[str, ...]]:
    """Return the records of `read_source` and its notes for the report, which count what was left out."""
    loaded = read_source(name, path)
    return loaded.records, loaded.notes
