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
from alignment.evaluation.effects import paired_change
from alignment.evaluation.statistics import holm, over_seeds
from alignment.evaluation.tables import NONE, p_value, percent, percent_interval, points

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
DECODINGS = {"greedy": "", "sampled": "samples"}  # and the folder of their answers below the arm's


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


def read_scores(workdir: Path, arm: str, seed: int, below: str = "") -> dict[str, float]:
    """Return {question: share of its answers that are right} of an arm; `below` is the folder of the decoding.

    Raises:
      UserError: the answers are missing.
    """
    folders = [workdir / name / "arms" / arm / below for name in (f"seed{seed}", "untrained")]
    path = next((folder / "responses.jsonl" for folder in folders if folder.exists()), folders[0] / "responses.jsonl")
    if not path.exists():
        raise UserError(f"{path} is missing; finish the run, with --config.eval.samples above 0")
    right: dict[str, list[bool]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        right.setdefault(answer["id"], []).append(answer["letter"] == answer["gold"])
    return {question: sum(answers) / len(answers) for question, answers in right.items()}


def compare(workdir: Path, rows: Sequence[Mapping], reference: str) -> list[dict[str, Any]]:
    """Return how each arm differs from `reference` on the same questions and seeds, by both decodings.

    `p_holm` is adjusted for all of these rows.
    """
    seeds = {arm: [row["seed"] for row in of_arm(rows, arm)] for arm in dict.fromkeys(row["arm"] for row in rows)}
    differences = []
    for decoding, below in DECODINGS.items():
        scores = {arm: {seed: read_scores(workdir, arm, seed, below) for seed in seeds[arm]} for arm in seeds}
        for arm in seeds:
            change = paired_change(scores[arm], scores.get(reference, {})) if arm != reference else None
            if change is not None:
                differences.append({"arm": arm, "decoding": decoding} | change._asdict())
    for entry, adjusted in zip(differences, holm([entry["p"] for entry in differences]), strict=True):
        entry["p_holm"] = adjusted
    return sorted(differences, key=lambda entry: [*seeds].index(entry["arm"]))


def difference_table(differences: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """Return what `compare` returns as a table, with intervals over questions and over seeds."""
    lines = []
    for entry in differences:
        changes = entry["seed_changes"]
        lines.append(
            [
                f"`{names.get(entry['arm'], entry['arm'])}`",
                entry["decoding"],
                points(entry["difference"]),
                interval(entry["ci95"]) or NONE,
                interval(over_seeds(changes)["ci"]) or NONE,
                f"{sum(change > 0 for change in changes)} of {len(changes)}",
                p_value(entry["p_holm"]),
            ]
        )
    head = ("name", "answers", "difference", "95 % over questions", "95 % over seeds", "seeds above", "p (Holm)")
    return table(head, lines)


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


def above_zero(verdicts: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """Return a line for each arm and decoding with the number of seeds whose paired interval lies above zero."""
    intervals: dict[tuple[str, str], list] = {}
    for verdict in verdicts:
        if verdict["seed"] is not None:
            key = (names.get(verdict["arm"], verdict["arm"]), verdict["decoding"])
            intervals.setdefault(key, []).append(verdict["ci95"])
    lines = [
        f"- {sum(bool(ends) and ends[0] > 0 for ends in of_seeds)} of {len(of_seeds)} seeds for `{arm}`, {decoding}"
        for (arm, decoding), of_seeds in intervals.items()
    ]
    return "\n".join(lines)


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that no line has a value in, "None." without lines."""
    if not lines:
        return "None."
    columns = zip(head, *lines, strict=True)
    head, *lines = zip(*(column for column in columns if {*column[1:]} - {NONE, ""}), strict=True)
    return markdown_table(head, lines)


def of_arm(rows: Sequence[Mapping], arm: str) -> list[Mapping]:
    """Return the rows of one arm by seed."""
    return sorted((row for row in rows if row["arm"] == arm), key=lambda row: row["seed"])
