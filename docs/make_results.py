"""Make docs/results.md of finished ablations: every variant with its seeds and intervals.

    python docs/make_results.py --commands                       prints the command of every variant
    python docs/make_results.py --runs=runs --machine="2 CPU cores of ..., Python 3.11, jax 0.10.2"

reads <runs>/<config>/<variant>/results.json and verdicts.json and writes the page; a variant that was not run is listed
as such.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from alignment.common.entry_point import run_entry_point
from alignment.common.tables import markdown_table
from alignment.evaluation.stability import is_harmed
from alignment.evaluation.statistics import over_seeds
from alignment.evaluation.tables import NONE, number, percent, percent_interval, points

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ("losses", "rewards_ablation", "quark", "crpo")
HEAD = ("variant", "arm", "accuracy", "by seed", "against {}", "strict format", "auditability", "reward change")
HEAD += ("KL peak", "collapsed", "hacking alarms")
LATER = ("harmed", "sampled accuracy", "verdict")  # which older runs have not; left out where no variant has them

PAGE = """# Results of the ablations

What the ablation configs leave on the embedded nano base: research only, not for patient care, and no statement about
larger models. Made by `python docs/make_results.py` from `results.json`; do not edit. {machine}

Accuracy is on the same held-out vignettes for every variant (chance 25 %). Means over seeds with the 95 % interval of
Student's t, which holds the spread between seeds and nothing else, cut at 0 and 100 %; *against* is the mean difference
to the reference variant at equal seeds, in points, with its interval: where that spans 0, no difference is shown. No
correction is made for the number of variants. Reward change and KL peak depend on the variant's own reward and are not
compared across rows. A verdict, where a run has one, compares an arm with the one that its reward stage started from;
nothing is claimed about a variant that was not powered. [metrics.md](metrics.md) defines every value and the rule.

{tables}"""


def load(config: str) -> ModuleType:
    """Import `configs/<config>.py`, which has VARIANTS and REFERENCE."""
    spec = importlib.util.spec_from_file_location(config, ROOT / "configs" / f"{config}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(runs: str = "runs") -> list[str]:
    """Return the command of every variant of every config."""
    return [
        f"python -m alignment.ablate --config=configs/{config}.py:{variant} --workdir={runs}/{config}/{variant}"
        for config in CONFIGS
        for variant in load(config).VARIANTS
    ]


def page(runs: Path, machine: str) -> str:
    """Return the whole page as Markdown."""
    return PAGE.format(machine=machine, tables="\n".join(section(config, runs / config) for config in CONFIGS))


def section(config: str, folder: Path) -> str:
    """Return the heading and the table of one config."""
    module = load(config)
    results = {variant: read(folder / variant / "results.json") for variant in module.VARIANTS}
    verdicts = {variant: read(folder / variant / "verdicts.json") for variant in module.VARIANTS}
    lines = [[*(cell.format(f"`{module.REFERENCE}`") for cell in HEAD), *LATER]]
    for variant, rows in results.items():
        arms = dict.fromkeys(row["arm"] for row in rows)
        for arm in arms:
            cells = line(variant, arm, of(rows, arm), of(results[module.REFERENCE], arm))
            lines.append([*cells, verdict_cell(verdicts[variant], arm)])
        lines += [] if rows else [[f"`{variant}`", "not run", *[""] * (len(lines[0]) - 2)]]
    columns = [column for column in zip(*lines, strict=True) if column[0] not in LATER or {*column[1:]} - {NONE, ""}]
    head, *body = zip(*columns, strict=True)
    table = markdown_table(head, body)
    title, _, _ = module.__doc__.partition(":")
    return f"## {title}\n\nConfig: `configs/{config}.py`.\n\n{table}\n"


def read(path: Path) -> list[dict]:
    """Return the rows of a results.json, [] where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def of(rows: Sequence[Mapping], arm: str) -> list[Mapping]:
    """Return the rows of one arm by seed."""
    return sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["seed"])


def line(variant: str, arm: str, rows: Sequence[Mapping], reference: Sequence[Mapping]) -> list[str]:
    """Return the cells of one variant and arm."""
    judged = [row for row in rows if row["collapsed"] is not None]
    alarms = [f"{name} ({row['seed']})" for row in rows for name, seen in (row["watch"] or {}).items() if seen["since"]]
    return [
        f"`{variant}`",
        f"`{arm}`",
        spread([row["accuracy"] for row in rows]),
        ", ".join(f"{100 * row['accuracy']:.1f}" for row in rows),
        NONE if rows == reference else difference(rows, reference),
        spread([row["strict_rate"] for row in rows]),
        spread([row["auditability"] for row in rows]),
        mean(rows, "reward_change"),
        mean(rows, "kl_peak"),
        f"{sum(row['collapsed'] for row in judged)} of {len(judged)}" if judged else NONE,
        ", ".join(alarms) or ("none" if judged else NONE),
        f"{sum(map(is_harmed, judged))} of {len(judged)}" if any("harmed" in row for row in judged) else NONE,
        spread([row["sampled_accuracy"] for row in rows if row.get("sampled_accuracy") is not None]),
    ]


def verdict_cell(verdicts: Sequence[Mapping], arm: str) -> str:
    """Return the verdicts on an arm over all seeds, such as "greedy: learned (+5.2)"; a dash where there are none."""
    overall = [verdict for verdict in verdicts if verdict["arm"] == arm and verdict["seed"] is None]
    return ", ".join(f"{row['decoding']}: {row['verdict']} ({points(row['change'])})" for row in overall) or NONE


def spread(values: Sequence[float]) -> str:
    """Return the mean over seeds of shares, with its interval where there is one."""
    interval = over_seeds(values)
    ends = percent_interval([min(max(end, 0.0), 1.0) for end in interval["ci"] or ()])
    return percent(interval["mean"]) + (f" ({ends})" if ends else "")


def difference(rows: Sequence[Mapping], reference: Sequence[Mapping]) -> str:
    """Return the mean difference of accuracy at equal seeds, in points."""
    other = {row["seed"]: row["accuracy"] for row in reference}
    interval = over_seeds([100 * (row["accuracy"] - other[row["seed"]]) for row in rows if row["seed"] in other])
    if interval["mean"] is None:
        return NONE
    return f"{interval['mean']:+.1f}" + (
        f" ({interval['ci'][0]:+.1f} to {interval['ci'][1]:+.1f})" if interval["ci"] else ""
    )


def mean(rows: Sequence[Mapping], name: str) -> str:
    """Return the mean over seeds of a number that some rows lack."""
    return number(over_seeds([row[name] for row in rows if row[name] is not None])["mean"])


def main(argv: Sequence[str] | None = None) -> int:
    """Print the commands, or write the page; return the exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Print the commands, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", action="store_true", help="print the command of every variant and stop")
    parser.add_argument("--runs", default="runs", help="folder of the runs (default: runs)")
    parser.add_argument("--machine", default="", help="a sentence on where and with what the runs were made")
    parser.add_argument("--out", default=str(ROOT / "docs" / "results.md"), help="default: docs/results.md")
    args = parser.parse_args(argv)
    if args.commands:
        print("\n".join(commands(args.runs)))
        return
    Path(args.out).write_text(page(Path(args.runs), args.machine), encoding="utf-8")
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(main())
