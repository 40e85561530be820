"""What the pages of docs/results share: their command line, the configs that they are about, and their table cells."""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from alignment.common.tables import markdown_table
from alignment.errors import UserError
from alignment.evaluation.statistics import over_seeds
from alignment.evaluation.tables import NONE, p_value, percent, percent_interval, points

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"


def make_parser(about: str, out: Path) -> argparse.ArgumentParser:
    """Return the parser of a page: --workdir, --machine and --out, with the module docstring `about` as its help."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", default="", help="a finished run; without one, the copies of an earlier one")
    parser.add_argument("--machine", default="", help="a sentence on where, with what and in which time it ran")
    parser.add_argument("--out", default=str(out), help=f"default: {out.relative_to(ROOT)}")
    return parser


def load_config(name: str) -> ModuleType:
    """Import configs/<name>.py."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "configs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_json(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file of a run.

    Raises:
      UserError: it is missing; the message ends in `remedy`.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; {remedy}")
    return json.loads(path.read_text(encoding="utf-8"))


def interval(limits: Sequence[float] | None) -> str:
    """Return the limits of an interval of shares in points, "" without any."""
    return " to ".join(map(points, limits or ()))


def spread(values: Sequence[float]) -> str:
    """Return the mean over seeds of shares, with its interval (Student's t, cut at 0 and 1) where there is one."""
    mean = over_seeds(values)
    ends = percent_interval([min(max(end, 0.0), 1.0) for end in mean["ci"] or ()])
    return percent(mean["mean"]) + (f" ({ends})" if ends else "")


def difference(rows: Sequence[Mapping], reference: Sequence[Mapping], key: str) -> str:
    """Return the mean difference of the share `key` at equal seeds, in points, with its interval over seeds."""
    other = {row["seed"]: row.get(key) for row in reference}
    pairs = [(row.get(key), other.get(row["seed"])) for row in rows]
    gap = over_seeds([one - two for one, two in pairs if None not in (one, two)])
    ends = interval(gap["ci"])
    return points(gap["mean"]) + (f" ({ends})" if ends else "")


def verdict_table(verdicts: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """Return the verdicts over all seeds as a table, and below it why an arm was harmed or not powered.

    Args:
      verdicts: of verdicts.json.
      names: arm -> what the page calls it.
    """
    head = ("name", "answers", "start", "change (95 %)", "seeds up", "headroom won", "p (Holm)", "verdict")
    lines, reasons = [], []
    for verdict in verdicts:
        if verdict["seed"] is not None:
            continue
        name, ends = f"`{names.get(verdict['arm'], verdict['arm'])}`", interval(verdict["ci95"])
        lines.append(
            [
                name,
                verdict["decoding"],
                f"`{verdict['start']}`, {percent(verdict['start_accuracy'])}",
                points(verdict["change"]) + (f" ({ends})" if ends else ""),
                f"{verdict['seeds_up']} of {verdict['seeds']}",
                percent(verdict["headroom_won"]),
                p_value(verdict["p_holm"]),
                verdict["verdict"],
            ]
        )
        if verdict["verdict"] in ("harmed", "not powered"):
            reasons.append(f"- {name}, {verdict['decoding']}, is *{verdict['verdict']}*: {verdict['reason']}.")
    return "\n".join([table(head, lines), *([""] if reasons else []), *reasons, ""])


def seed_table(verdicts: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """Return for each seed and arm the change and whether its paired interval lies above zero, by both decodings."""
    lines = [
        [
            str(verdict["seed"]),
            f"`{names.get(verdict['arm'], verdict['arm'])}`",
            verdict["decoding"],
            percent(verdict["start_accuracy"]),
            points(verdict["change"]),
            interval(verdict["ci95"]) or NONE,
            "yes" if verdict["ci95"] and verdict["ci95"][0] > 0 else "no",
        ]
        for verdict in sorted(verdicts, key=lambda verdict: verdict["seed"] or 0)
        if verdict["seed"] is not None
    ]
    return markdown_table(("seed", "name", "answers", "start", "change", "95 %", "above zero"), lines)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that no line has a value in."""
    columns = zip(head, *lines, strict=True)
    head, *lines = zip(*(column for column in columns if {*column[1:]} - {NONE, ""}), strict=True)
    return markdown_table(head, lines)


def of_arm(rows: Sequence[Mapping], arm: str) -> list[Mapping]:
    """Return the rows of one arm by seed."""
    return sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["seed"])
