"""`alignment.bench --suite=fit`: its flags, and the run that compiles or prints the tables."""

from __future__ import annotations

import argparse
import json
import os

from alignment.benchmarks.fit import compiler
from alignment.benchmarks.fit.grid import CHIPS, SIZES, check_ways, make_grid
from alignment.benchmarks.fit.results import COLUMNS, text_line
from alignment.benchmarks.fit.search import MOST, Known, run_grid
from alignment.benchmarks.fit.tables import markdown
from alignment.benchmarks.results import append_csv, read_csv
from alignment.errors import UserError

COMMITTED = "docs/fit.csv"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this suite."""
    add = parser.add_argument_group("fit", "what fits a TPU, by its compiler; no TPU is needed").add_argument
    add("--chips", default=",".join(CHIPS), metavar="NAMES", help="(default: %(default)s)")
    add("--sizes", default=",".join(SIZES), metavar="NAMES", help="of Qwen2.5 (default: %(default)s)")
    add("--groups", default="8,16", metavar="N,N", help="completions a prompt (default: %(default)s)")
    add("--lengths", default="512,1024", metavar="N,N", help="of prompts and completions (default: %(default)s)")
    add(
        "--most",
        type=int,
        default=MOST,
        metavar="P",
        help="prompts to try at most, a power of two (default: %(default)s)",
    )
    add("--again", action="store_true", help="compile also what --csv has")
    add("--whole", action="store_true", help="compile what fits to the end: minutes a program, and more figures")


def run(args: argparse.Namespace) -> None:
    """Print the tables, or compile the programs that --csv lacks, print their rows and append them to it."""
    if args.table:
        print(markdown(read_csv(args.csv or COMMITTED, COLUMNS)), end="")
        return
    programs = make_grid(args.chips, args.sizes, args.groups, args.lengths)
    against = tuple(name for name in args.against.split(",") if name)
    check_ways(against)
    if args.most < 1 or args.most.bit_count() != 1:
        raise UserError(f"--most={args.most}: write a power of two; only those are tried")
    stored = []
    if args.csv:
        append_csv(args.csv, (), COLUMNS)  # a file that cannot be written is refused before the work
        stored = read_csv(args.csv, COLUMNS) if os.path.getsize(args.csv) else []
    compiler.check_compiler()
    stages = {"planned": compiler.plan, "compiled": compiler.compile_whole}
    known = Known(stages, compiler.versions(), () if args.again else stored, args.csv)
    rows = run_grid(programs, against, known, args.most, args.whole)
    print(json.dumps(rows) if args.json else "\n".join(map(text_line, rows)))
