"""Write a data set as Parquet with a data card, from a configuration alone.

    python -m alignment.build_data --config=configs/data_vignettes.py
    python -m alignment.build_data --config=configs/data_vignettes.py --config.vignettes.count=2000 --config.out=small

--config.builder names the kind of data set. The folder --config.out appears when it is complete. The same configuration
writes rows of the same hash, whatever the number of processes.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable

from ml_collections import ConfigDict

from alignment import cli
from alignment.common.lock import locked
from alignment.common.registry import lookup
from alignment.config import default_data_set
from alignment.data.card import Product
from alignment.data.mixture import build_mixture
from alignment.data.product import check_out, write_product
from alignment.data.vignette_shards import build_vignettes
from alignment.traces.build import build_traces

# A new kind of data set is a function from the configuration to a `Product`, and a line here.
BUILDERS: dict[str, Callable[[ConfigDict], Product]] = {
    "vignettes": build_vignettes,
    "mixture": build_mixture,
    "traces": build_traces,
}


def run(args: argparse.Namespace) -> None:
    """Build what the configuration names, write it, and print where it is and what hash its rows have."""
    config = args.config
    build = lookup(BUILDERS, config.builder, "builder --config.builder")
    command = "python -m alignment.build_data " + shlex.join(sys.argv[1:] if args.argv is None else args.argv)
    folder = check_out(config.out)
    # The lock lies beside the folder, which changes its name at the end.
    with locked(folder.with_name(f".{folder.name}.lock"), f"--config.out={config.out}"):
        manifest = write_product(build(config), config.out, config.to_dict(), command)
    for split, facts in manifest["splits"].items():
        print(f"{config.out}/{facts['file']}: {facts['rows']} {split} rows, SHA-256 of contents {facts['rows_sha256']}")


def main(argv: list[str] | None = None) -> int:
    """The entry point; returns the exit status."""

    def build(args: argparse.Namespace) -> None:
        args.argv = argv
        run(args)

    return cli.main(build, description=__doc__, defaults=default_data_set, needs_workdir=False, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
