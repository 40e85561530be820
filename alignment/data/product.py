"""Writing a data set: what a builder returns, and how its folder appears complete or not at all.

<out>/README.md       the data card, in the Hugging Face layout, so that `datasets.load_dataset(out)` reads the folder
<out>/<split>.parquet one file a split, read back by the source `records`
<out>/manifest.json   configuration, versions, rows and the hash of the rows of every split
<out>/...             reports that the builder adds
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignment.common.files import write_text
from alignment.common.progress import each
from alignment.data.card import Product, card
from alignment.data.parquet import write_parquet
from alignment.errors import UserError

MANIFEST = "manifest.json"


def check_out(out: str) -> Path:
    """Return the folder to write; raises `UserError` if it holds something else or is not on this machine."""
    if not out or "://" in out:
        raise UserError(f"--config.out={out}: name a folder on this machine; copy the finished one from there")
    folder = Path(out).resolve()
    if folder.exists() and not (folder / MANIFEST).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--config.out={out} exists and holds no {MANIFEST} of a data set; choose another folder")
    return folder


def write_product(product: Product, out: str, config: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Write `product` under its final name only when it is complete; return its manifest.

    An older data set of this kind under the name is replaced. Interrupted, the name holds what it held before.

    Raises:
      UserError: what `check_out` raises, or a record cannot be written.
    """
    folder = check_out(out)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        manifest = _fill(unfinished, product, config, command)
        # The older folder is removed only when the new one has its name.
        before = folder.with_name(f".{folder.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        if folder.exists():
            os.replace(folder, before)
        os.replace(unfinished, folder)
        shutil.rmtree(before, ignore_errors=True)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _fill(folder: Path, product: Product, config: Mapping[str, Any], command: str) -> dict[str, Any]:
    tallies = {
        split: write_parquet(folder / f"{split}.parquet", each(records, split, "record", product.sizes[split]))
        for split, records in product.splits.items()
    }
    packages = ("clinical-alignment", "datasets", "pyarrow")
    manifest = {
        "command": command,
        "config": config,
        "splits": {
            split: {"file": f"{split}.parquet", "rows": tally.rows, "rows_sha256": tally.fingerprint}
            for split, tally in tallies.items()
        },
        "versions": {"python": sys.version.split()[0]} | {name: _version(name) for name in packages},
        "use": "research only, not for patient care",
    }
    texts = {**product.files, "README.md": card(product, tallies, command), MANIFEST: json.dumps(manifest, indent=1)}
    for name, text in texts.items():
        write_text(folder / name, text + "\n")
    return manifest


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return ""
