"""Make docs/configuration.md, the page of every leaf of the configuration, from alignment/config.py.

    python docs/make_configuration.py

A test compares the committed page with the declarations.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignment.common.declaration import Leaf, describe_range, flatten, heading
from alignment.common.entry_point import run_entry_point
from alignment.config import DATA_SET, EXPERIMENT, GROUPS
from alignment.config_checks import names_of, show

OUT = Path(__file__).resolve().parent / "configuration.md"

PAGE = """# Configuration

This page lists every leaf of the configuration: its type, its default, the values that it takes, and what it sets. A
leaf is set in a file (`--config=FILE.py`, such as `configs/demo.py`) or on the command line
(`--config.grpo.steps=30`), which wins over the file. The headings are those of `--help`; they are no part of the names.
`--print_config` prints all leaves of a command as a file that `--config` reads. The page is made by
`python docs/make_configuration.py` from `alignment/config.py`; do not edit it.

A list is written with commas (`--config.seeds=0,1,2`), and its choices or range are those of its items. Every number
is finite.

## Experiments

Leaves of `alignment.ablate` and `alignment.train`. `alignment.doctor` and `alignment.feedback` read some of them, which
their `--help` lists.

{experiment}

## Data sets

Leaves of `alignment.build_data`.

{data_set}
"""


def section(tree: Mapping[str, Any]) -> str:
    """Return the leaves of a tree of declarations as Markdown, one table under each heading."""
    groups: dict[str, list[str]] = {}
    for name, declared in flatten(tree).items():
        groups.setdefault(heading(name, declared), []).append(row(name, declared))
    head = "| leaf | type | default | values | what it sets |\n|---|---|---|---|---|"
    return "\n\n".join(f"### {group}: {GROUPS[group]}\n\n{head}\n" + "\n".join(rows) for group, rows in groups.items())


def row(name: str, declared: Leaf) -> str:
    """Return one leaf as a row of its table."""
    default = f"`{show(declared.default)}`" if declared.default != "" else "empty"
    values = describe_range(declared, names_of(declared.registry))
    return f"| `{name}` | {type_name(declared.default)} | {default} | {values} | {declared.help} |"


def type_name(default: Any) -> str:
    """Return the type of a leaf in words, such as "list of int"."""
    if isinstance(default, tuple):
        return f"list of {type(default[0]).__name__ if default else 'str'}"
    return type(default).__name__


def page() -> str:
    """Return the whole page as Markdown."""
    return PAGE.format(experiment=section(EXPERIMENT), data_set=section(DATA_SET))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the entry point; return its exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="default: docs/configuration.md")
    args = parser.parse_args(argv)
    args.out.write_text(page(), encoding="utf-8")
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
