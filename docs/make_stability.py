"""Make docs/results/stability/README.md: over which range of learning rates each arm learns without harm.

    python -m alignment.ablate --config=configs/stability_map.py --workdir=runs/stability
    python docs/make_stability.py --workdir=runs/stability --machine="2 cores of ..., 58 minutes"

The first command runs the sweep. The second copies results.json and verdicts.json beside the page, and writes the page
and its picture; without `--workdir` both are made of the copies.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from result_pages import RESULTS as PAGES
from result_pages import interval, make_parser, read_json

from alignment.common.entry_point import run_entry_point
from alignment.common.files import write_json
from alignment.common.tables import markdown_table
from alignment.errors import UserError
from alignment.evaluation import map_tables
from alignment.evaluation.plots import colours, map_image
from alignment.evaluation.report import RESULTS, VERDICTS
from alignment.evaluation.stability_map import ArmMap, Point, arm_maps, best_labels, map_points
from alignment.evaluation.statistics import over_seeds
from alignment.evaluation.tables import NONE, percent, points
from alignment.evaluation.verdicts import with_verdicts

FOLDER = PAGES / "stability"
MACHINE, PICTURE = "machine.json", "map.png"
REMEDY = "run configs/stability_map.py to its end and name its folder by --workdir"

PAGE = """# The stability map: the range of rates at which an arm learns

The arms of configs/stability_map.py on the planted task of the [positive control](../control/README.md), which is known
to be learnable. Research only, not for patient care, and no statement about larger models. Made by
`python docs/make_stability.py` from results.json and verdicts.json in this folder; do not edit. {machine}

    python -m alignment.ablate --config=configs/stability_map.py --workdir=runs/stability

An arm *holds* at a rate and seed where a verdict says *learned* for its greedy or its sampled answers, none says
*harmed*, and its training neither collapsed nor ended harmed. Its **width**, the number that stands for its stability,
is the longest range of neighbouring rates at which it holds, counted in rates, which are a factor of two apart; + marks
a range that reaches an end of the grid and may go on. The interval is Student's t over seeds, the score of the best
rate the sampled accuracy on the development questions. Rule and width are a reconstruction: no source paper says when a
method counts as stable.

{widths}

{differences}

![Accuracy and strict format of each arm against the rate and against the KL that a step moves]({picture})

A dot is a seed, hollow where the arm does not hold; lines join the means over seeds. A step of one rate is not the same
distance in both arms, so the right side shows the same against the KL between the policy that sampled last and the
start, divided by the steps.

## At each arm's best rate

Best rates are chosen on the development questions; what follows is on the held-out ones, {questions} of them, at
{seeds} seeds. Changes against the start arm are in points with the 95 % bootstrap interval over questions, seeds
averaged.

{best}

{pairs}

## Every rate

Means over seeds; verdicts seed by seed.

{every}
"""


def page(rows: Sequence[Mapping], verdicts: Sequence[Mapping], machine: str) -> str:
    """Return the page as Markdown, of results.json, verdicts.json and the sentence on the machine.

    Raises:
      UserError: no arm was run at enough rates.
    """
    mapped = map_points(with_verdicts(rows, verdicts))
    if not mapped:
        raise UserError("no arm of this run has three rates or more; run configs/stability_map.py")
    maps = arm_maps(mapped)
    return PAGE.format(
        machine=machine,
        picture=PICTURE,
        widths=markdown_table(map_tables.WIDTH_HEAD, map_tables.width_rows(maps)),
        differences=markdown_table(map_tables.DIFFERENCE_HEAD, map_tables.difference_rows(maps)) if maps[1:] else "",
        questions=max(row["n"] for row in rows),
        seeds=len({row["seed"] for row in rows}),
        best=best_table(verdicts, best_labels(mapped, maps)),
        pairs=pair_table(mapped, maps),
        every=markdown_table(map_tables.MAP_HEAD, map_tables.map_rows(mapped)),
    )


def best_table(verdicts: Sequence[Mapping], labels: Sequence[str]) -> str:
    """Return the verdicts over all seeds on each arm at its best rate."""
    lines = [
        [
            f"`{verdict['arm']}`",
            verdict["decoding"],
            percent(verdict["start_accuracy"]),
            points(verdict["change"]),
            interval(verdict["ci95"]) or NONE,
            f"{verdict['seeds_up']} of {verdict['seeds']}",
            verdict["verdict"],
        ]
        for verdict in verdicts
        if verdict["arm"] in labels and verdict["seed"] is None
    ]
    return markdown_table(("arm", "answers", "start", "change", "95 %", "seeds up", "verdict"), lines)


def pair_table(mapped: Sequence[Point], maps: Sequence[ArmMap]) -> str:
    """Return the first arm minus each other at their best rates, paired by seed, in points with an interval."""
    at_best = {
        entry.arm: {p.seed: p.row for p in mapped if (p.arm, p.rate) == (entry.arm, entry.best_rate)} for entry in maps
    }
    lines = []
    for entry in maps[1:]:
        for key in ("sampled_accuracy", "accuracy"):
            first, second = at_best[maps[0].arm], at_best[entry.arm]
            seeds = [s for s in first if s in second and None not in (first[s].get(key), second[s].get(key))]
            gap = over_seeds([first[seed][key] - second[seed][key] for seed in seeds])
            ends = interval(gap["ci"]) or NONE
            lines.append([maps[0].arm, entry.arm, key.replace("_", " "), points(gap["mean"]), ends])
    head = ("first", "second", "by", "first minus second", "95 % over seeds")
    return markdown_table(head, lines) if lines else ""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page; return the exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Copy what the page needs of a run, and write page and picture."""
    args = make_parser(__doc__, FOLDER).parse_args(argv)
    out, source = Path(args.out), Path(args.workdir or args.out)
    rows, verdicts = (read_json(source / name, REMEDY) for name in (RESULTS, VERDICTS))
    machine = args.machine if args.workdir else read_json(source / MACHINE, REMEDY)
    text = page(rows, verdicts, machine)
    out.mkdir(parents=True, exist_ok=True)
    for name, content in ((RESULTS, rows), (VERDICTS, verdicts), (MACHINE, machine)):
        write_json(out / name, content)
    mapped = map_points(with_verdicts(rows, verdicts))
    (out / PICTURE).write_bytes(map_image(mapped, colours(dict.fromkeys(point.arm for point in mapped))))
    (out / "README.md").write_text(text, encoding="utf-8")
    print(f"written: {out / 'README.md'}")


if __name__ == "__main__":
    sys.exit(main())
