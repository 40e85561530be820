"""Measure what an update costs, part by part, beside plain implementations of the same work.

    python -m alignment.bench --suite=update --size=512,8,8,2,1536,32768 --against=plain --json

The suites: `update` is one whole GRPO update, `logprob` the log-probabilities of its tokens, `attention` one layer's
attention, `sft` a supervised step, each forward and backward on a random model with full-length prompts and
completions; `grpo` is a whole step, rollout and update, `decode` the rollout alone, `load` a rollout of completions
of very different lengths, and `ending` one of them all at once. Cases are compiled and warmed up first and then run in
turns, so that other load on the machine affects all of them alike. docs/performance.md defines every figure and shows
what was measured; --table prints its tables and the README's from the committed docs/bench.csv.

    python -m alignment.bench --suite=fit --csv=docs/fit.csv

runs nothing. It compiles the update of Qwen2.5 from 0.5B to 7B for one chip of each TPU generation, without a TPU, and
prints which batches fit. It needs Python 3.12 and libtpu.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from alignment.benchmarks import machine
from alignment.benchmarks.fit import entry as fit
from alignment.benchmarks.measure import measure, no_kept_programs
from alignment.benchmarks.registry import build_suite, suite_names
from alignment.benchmarks.results import append_csv, as_json, make_rows, read_csv, text_lines
from alignment.benchmarks.setting import DTYPES, SHAPES, Setting, parse_size
from alignment.benchmarks.tables import markdown, steps_markdown
from alignment.common.entry_point import run_entry_point
from alignment.errors import UserError
from alignment.parallel.compilation import return_compiler_memory

COMMITTED = "docs/bench.csv"


def run(args: argparse.Namespace) -> None:
    """Print the tables, or measure, print the rows and append them to `--csv`."""
    if args.suite == "fit":
        fit.run(args)
        return
    if args.table:
        rows = read_csv(args.csv or COMMITTED)
        print(markdown(rows), steps_markdown(rows), sep="\n", end="")
        return
    if not args.suite:
        raise UserError(f"--suite is missing; write --suite={'|'.join((*suite_names(), 'fit'))}")
    if args.csv:
        append_csv(args.csv, ())  # a file that cannot be written is refused before the work
    return_compiler_memory()  # as every training run does
    rows = bench(make_setting(args), tuple(name for name in args.against.split(",") if name))
    for row in rows:
        row["note"] = args.note
    print(json.dumps(as_json(rows)) if args.json else "\n".join(text_lines(rows)))
    if args.csv:
        append_csv(args.csv, rows)


def bench(setting: Setting, against: tuple[str, ...] = ()) -> list[dict]:
    """Measure one suite at one setting and return its rows; the machine's rate is the higher of before and after."""
    description = machine.describe() | {"load": machine.load()}
    suite = build_suite(setting, against)
    rate = machine.matmul_rate(setting.dtype)
    with no_kept_programs():
        measured = measure(suite.cases, setting.repeats)
    rate = max(rate, machine.matmul_rate(setting.dtype))
    bandwidth = machine.read_rate() if suite.useful_bytes else None
    return make_rows(setting, suite, measured, rate, description, bandwidth)


def make_setting(args: argparse.Namespace) -> Setting:
    """Return the setting that the flags describe."""
    names = ("suite", "prompts", "group", "prompt_len", "new_tokens", "dtype", "repeats", "implementation")
    return Setting(size=parse_size(args.size), **{name: getattr(args, name) for name in names})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise UserError(f"{message}; --help lists the flags")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser. It is not that of the other commands, which need ml-collections."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = _Parser("python -m alignment.bench", description=__doc__, formatter_class=formatter, allow_abbrev=False)
    add, sizes = parser.add_argument, "hidden,layers,heads,kv_heads,intermediate,vocab"
    add("--suite", default="", metavar="NAME", help=f"what to measure: {', '.join(suite_names())}; or fit")
    sizes += f", or {', '.join(SHAPES)} (default: %(default)s)"
    add("--size", default="256,4,4,2,768,4096", metavar="N,N,N,N,N,N", help=sizes)
    add("--prompts", type=int, default=Setting.prompts, metavar="P", help="prompts a batch (default: %(default)s)")
    add("--group", type=int, default=Setting.group, metavar="G", help="completions a prompt (default: %(default)s)")
    add("--prompt_len", type=int, default=Setting.prompt_len, metavar="N", help="tokens (default: %(default)s)")
    add("--new_tokens", type=int, default=Setting.new_tokens, metavar="N", help="a completion (default: %(default)s)")
    add("--dtype", default=Setting.dtype, help=f"of the weights: {' or '.join(DTYPES)} (default: %(default)s)")
    add("--repeats", type=int, default=Setting.repeats, metavar="N", help="rounds after the warm-up (default: 3)")
    add("--implementation", default="auto", help="of the kernel under test (default: what serves on this device)")
    add(
        "--against",
        default="",
        metavar="CASES",
        help="plain; update: unshared, unfused; decode, load, ending: whole; decode: top_p; load: static; fit: "
        "pallas_head, no_remat",
    )
    add("--json", action="store_true", help="print one line of JSON")
    add("--csv", default="", metavar="PATH", help="append one row a case to this file; with --table, read it")
    add("--note", default="", metavar="TEXT", help="stored beside the figures")
    add("--table", action="store_true", help=f"print the tables of docs/performance.md from --csv ({COMMITTED})")
    fit.add_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return run_entry_point(
        lambda: run(make_parser().parse_args(argv)), "nothing of an unfinished measurement is written"
    )


if __name__ == "__main__":
    sys.exit(main())
