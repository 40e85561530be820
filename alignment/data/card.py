"""The data card of a written data set: a README.md with the YAML head that the Hugging Face Hub reads."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from alignment.common.tables import markdown_table

if TYPE_CHECKING:
    from alignment.data.parquet import Tally
    from alignment.record import Record

USE = (
    "Research on training and evaluating language models. **Not for patient care**: no clinician has checked the rows, "
    "and neither they nor a model trained on them may inform a decision about a patient."
)
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclasses.dataclass(frozen=True)
class Product:
    """What a builder makes; `splits` are read once, in order, while they are written."""

    title: str
    summary: str  # what it is and how it was made, a paragraph
    licence: tuple[str, ...]  # of the whole, as the Hub names licences: "apache-2.0"
    limits: tuple[str, ...]  # one sentence for each limit
    splits: Mapping[str, Iterable[Record]]
    sizes: Mapping[str, int]  # rows of each split, for the progress bar
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)  # reports: name -> text


def card(product: Product, tallies: Mapping[str, Tally], command: str) -> str:
    """Return the card: YAML head, summary, intended use, counts, distributions, limits and command."""
    contents = [(split, f"{tally.rows:,}", f"`{tally.fingerprint}`") for split, tally in tallies.items()]
    reports = f" Beside the rows: {', '.join(f'`{name}`' for name in product.files)}." if product.files else ""
    path = f"<this folder>/{next(iter(tallies))}.parquet"
    parts = [
        f"---\n{_head(product, tallies)}\n---\n\n# {product.title}\n\n{product.summary}",
        f"## Intended use\n\n{USE}",
        "## Contents\n\n" + markdown_table(("split", "rows", "SHA-256 of the rows' contents"), contents),
        *_counts(tallies),
        f"## Lengths in words\n\n{_lengths(tallies)}",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in product.limits),
        f"## How it was made\n\n    {command}\n\n"
        "The same command writes rows of the same hash; `manifest.json` holds the configuration. Train on it with\n"
        f"`--config.data.sft.source=records --config.data.sft.path={path}`.{reports}",
    ]
    return "\n\n".join(parts)


def _head(product: Product, tallies: Mapping[str, Tally]) -> str:
    from huggingface_hub import DatasetCardData  # late, because it takes a while

    rows = sum(tally.rows for tally in tallies.values())
    size = next((name for limit, name in SIZES if rows < limit), "1M<n<10M")
    files: list[dict[str, Any]] = [{"split": split, "path": f"{split}.parquet"} for split in tallies]
    data = DatasetCardData(
        pretty_name=product.title,
        license=list(product.licence),
        language=["en"],
        task_categories=["question-answering", "multiple-choice"],
        tags=["medical", "reasoning", "research only"],
        size_categories=[size],
        configs=[{"config_name": "default", "data_files": files}],
    )
    return data.to_yaml()


def _counts(tallies: Mapping[str, Tally]) -> Iterator[str]:
    titles = {"source": "Sources", "licence": "Licences", "family": "Families", "gold": "Gold letters"}
    for name, title in titles.items():
        total: collections.Counter[str] = sum((tally.counts[name] for tally in tallies.values()), collections.Counter())
        if set(total) - {"none"}:
            rows = [
                (value, *(f"{tally.counts[name][value]:,}" for tally in tallies.values())) for value in sorted(total)
            ]
            yield f"## {title}\n\n{markdown_table((name, *tallies), rows)}"


def _lengths(tallies: Mapping[str, Tally]) -> str:
    rows = [
        (
            f"{split}: {name}",
            f"{len(lengths):,}",
            *(f"{value:.0f}" for value in np.percentile(lengths, [0, 50, 95, 100])),
        )
        for split, tally in tallies.items()
        for name, lengths in tally.lengths.items()
        if lengths
    ]
    return markdown_table(("text", "rows", "least", "median", "95th percentile", "most"), rows)
