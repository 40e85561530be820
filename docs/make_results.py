"""Make the pages of docs/results that compare arms of one run, and their index docs/results.md.

    python -m alignment.ablate --config=configs/losses.py --workdir=runs/losses
    python docs/make_results.py --page=losses --workdir=runs/losses --machine="2 cores of ..., 24 minutes"

The first command runs what a page is about; every page has its own. The second copies what the page needs of the run
to docs/results/losses/rows.json, and writes docs/results/losses/README.md and the index. Without `--page` all pages
are written again of their copies. A page that was not run has none, and the index says so.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import result_pages
from result_pages import (
    RESULTS,
    above_zero,
    compare,
    difference_table,
    of_arm,
    read_json,
    seed_table,
    spread,
    table,
    verdict_table,
)

from alignment.arms import get_arm, rewarded_stage
from alignment.common.entry_point import run_entry_point
from alignment.common.files import write_json
from alignment.common.tables import markdown_table
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.evaluation.plots import colours, curve_image
from alignment.evaluation.stability import is_harmed
from alignment.evaluation.statistics import over_seeds
from alignment.evaluation.tables import NONE, number, percent

ROWS, PICTURE = "rows.json", "curves.png"
# Of a row of results.json, of a verdict, and of a row of metrics.jsonl: what a page shows.
USED = ("arm", "seed", "n", "samples", "accuracy", "sampled_accuracy", "strict_rate", "auditability", "reward_change")
USED += ("kl_final", "completions", "collapsed", "harmed", "signal_share", "completions_needed")
JUDGED = ("arm", "start", "seed", "decoding", "verdict", "reason", "start_accuracy", "change", "ci95", "p_holm")
JUDGED += ("seeds", "seeds_up", "headroom_won")
CURVES = ("reward/mean", "completion/strict", "kl/mean")


class Page(NamedTuple):
    """What a page is made of: a config, its runs as sub-folders of the workdir ("" for the workdir itself)."""

    config: str
    asks: str  # the question, for the index
    reference: str  # what others are compared with: a name in `COMPARED` of the config, or an arm or its variant
    runs: tuple[str, ...] = ("",)
    by_seed: bool = False  # whether it shows every seed
    curves: str | None = None  # the run whose curves are drawn


PAGES = {
    "losses": Page("losses", "Do the losses of the GRPO family learn, at the constants of their papers?", "grpo"),
    "rewards_ablation": Page("rewards_ablation", "What does each part of Quark's reward do?", "full"),
    "quark": Page("quark", "Quark's reward against simpler ones, its weighting against a static one", "static"),
    "crpo": Page("crpo", "CRPO against GRPO, with and without a cold start", "grpo"),
    "plain_rl": Page(
        "plain_rl",
        "Does reinforcement learn where no strategies are planted, given enough completions?",
        "modular",
        runs=("sweep", "confirm"),
        by_seed=True,
        curves="confirm",
    ),
    "demo": Page("demo", "Do the reward stages of the demonstration learn at five seeds?", "modular", by_seed=True),
}
OTHERS = {
    "control": "Does reinforcement find the better of two planted strategies, and gain nothing by chance?",
    "stability": "Over which range of rates does each arm learn without harm?",
}

UNRUN = "not run yet"

TEXT = """# {title}

{about}

Research only, not for patient care, and no statement about larger models. Made by `python docs/make_results.py` from
rows.json in this folder; do not edit. {machine}

{commands}

{sections}
"""

VERDICTS = """## Verdicts{run}

**{summary}.**

{questions} held-out questions, {seeds}; sampled answers are {samples} a question at the temperature of
training. *Change* is in points over the arm that the reward stage started from, with the 95 % bootstrap interval over
questions of the differences averaged over seeds; p is of a sign-flip test over questions, adjusted for the rows of this
table (Holm). The verdict follows by the rule in [metrics.md](../../metrics.md#verdicts). Nothing is claimed about an
arm that was not powered.

{verdicts}
## Against `{reference}`{run}

Differences in points to `{reference}` on the same questions and seeds. The interval over questions says what these
trained arms do on other questions; the one over seeds (Student's t) what training again would give. Where either spans
0, no difference is shown. p is as above, adjusted for the rows of this table.

{differences}

## Arms{run}

Means over seeds with the 95 % interval of Student's t, which holds the spread between seeds and nothing else. Reward
change and KL depend on an arm's own reward and are not compared across rows.

{arms}"""

SEEDS = """
## By seed{run}

The paired 95 % bootstrap interval over the questions of one seed lies above zero at:

{above}

{seeds}"""

SWEEP = """## The sweep

One seed, scored on {questions} questions of the development split, which no other number of this page has seen.

{table}
Best by sampled accuracy: {best}.
"""

PICTURED = """
![Reward, strict format and KL of each arm over the steps]({picture})
"""

INDEX = """# Results

What the experiments of `configs/` leave on the embedded nano base: research only, not for patient care, and no
statement about larger models. Each page has its command, its numbers and its verdicts by the rule in
[metrics.md](metrics.md#verdicts). This index is made by `python docs/make_results.py`; do not edit.

{table}
{earlier}"""

EARLIER = """
Numbers of the task without planted strategies, of the code of commit `83b178c`, are in
[results/earlier.md](results/earlier.md). Those runs could not have shown a difference; the pages above replace them.
"""


def collect(page: Page, workdir: Path) -> dict[str, Any]:
    """Return {run: {"rows", "verdicts", "differences", "curves"}} of a finished workdir, with what the page shows.

    Raises:
      UserError: a run is missing or not finished.
    """
    runs = {}
    for run in page.runs:
        folder = workdir / run
        remedy = f"run configs/{page.config}.py{f':{run}' if run else ''} to its end and name its folder by --workdir"
        rows = read_json(folder / "results.json", remedy)
        kept_rows = [
            {name: row.get(name) for name in USED} | ({"dev": shown_of(row["dev"])} if row.get("dev") else {})
            for row in rows
        ]
        verdicts = read_json(folder / "verdicts.json", remedy)
        verdicts = [{name: verdict[name] for name in JUDGED} for verdict in verdicts]
        curves = read_curves(folder, rows) if page.curves == run else {}
        differences = [] if any(row.get("dev") for row in rows) else compare(folder, rows, reference_of(page, rows))
        runs[run] = {"rows": kept_rows, "verdicts": verdicts, "differences": differences, "curves": curves}
    return runs


def reference_of(page: Page, rows: Sequence[Mapping]) -> str:
    """Return the arm of a run that the others are compared with; the reference's own name where the run has none."""
    compared = getattr(result_pages.load_config(page.config), "COMPARED", {})
    variants = (row["arm"] for row in rows if row["arm"].partition("@")[0] == page.reference)
    return compared.get(page.reference) or next(variants, page.reference)


def shown_of(row: Mapping) -> dict[str, Any]:
    """Return of the row of an arm's development answers what a page shows."""
    return {name: row.get(name) for name in ("n", "accuracy", "sampled_accuracy", "strict_rate")}


def read_curves(folder: Path, rows: Sequence[Mapping]) -> dict[str, dict[str, list]]:
    """Return {arm: {seed: metric rows of its reward stage}}, with the metrics of `CURVES` alone."""
    curves: dict[str, dict[str, list]] = {}
    for row in rows:
        stage = rewarded_stage(get_arm(row["arm"]))
        if stage is not None:
            curve = read_curve(folder / f"seed{row['seed']}" / stage.name / "metrics.jsonl")
            thinned = [{name: round(step[name], 4) for name in ("step", *CURVES) if name in step} for step in curve]
            curves.setdefault(row["arm"], {})[str(row["seed"])] = thinned
    return curves


def make_page(name: str, stored: Mapping) -> str:
    """Return a page as Markdown, of what `collect` returns with the sentence on the machine."""
    page = PAGES[name]
    module = result_pages.load_config(page.config)
    title, about, commands = parts_of(module.__doc__, name)
    sections = [section(page, run, module, stored["runs"][run]) for run in page.runs]
    sections += [PICTURED.format(picture=PICTURE)] if page.curves else []
    parts = {"title": title, "about": about, "machine": stored["machine"], "commands": "\n".join(commands)}
    return re.sub(r"\n{3,}", "\n\n", TEXT.format(**parts, sections="\n".join(sections)))


def parts_of(docstring: str, page: str) -> tuple[str, str, list[str]]:
    """Return the title of a config's docstring, what the config is in words, and the commands of its page, indented."""
    title, _, rest = docstring.partition(".\n")
    about = rest.partition("What it is:")[2].partition("Expected result:")[0].strip()
    making = re.search(rf"`(python docs/make_results\.py --page={page} --workdir=(\S+))`", rest)
    commands = re.findall(r"^    python -m alignment\.ablate(?:.*\\\n)*.*", rest, re.MULTILINE)
    commands = [command for command in commands if f" --workdir={making[2]}" in command]
    return title, about[:1].upper() + about[1:], [*commands, f"    {making[1]}"]


def section(page: Page, run: str, module: Any, stored: Mapping) -> str:
    """Return the sections about one run: a sweep on development questions, or verdicts, arms and seeds."""
    rows, verdicts = stored["rows"], stored["verdicts"]
    if any(row.get("dev") for row in rows):
        best = ", ".join(f"`{arm}`" for arm in best_of_sweep(rows))
        return SWEEP.format(questions=max(row["dev"]["n"] for row in rows), table=sweep_table(rows), best=best)
    names = {label: name for name, label in getattr(module, "COMPARED", {}).items()}
    seeds = len({row["seed"] for row in rows})
    shown = f": {run}" if run else ""
    text = VERDICTS.format(
        run=shown,
        summary=counted(verdicts),
        questions=max(row["n"] for row in rows),
        seeds=f"{seeds} seed{'s' if seeds > 1 else ''}",
        samples=max(row["samples"] or 0 for row in rows),
        verdicts=verdict_table(verdicts, names),
        reference=page.reference,
        differences=difference_table(stored["differences"], names),
        arms=arm_table(rows, names),
    )
    return text + (
        SEEDS.format(run=shown, above=above_zero(verdicts, names), seeds=seed_table(verdicts, names))
        if page.by_seed
        else ""
    )


def arm_table(rows: Sequence[Mapping], names: Mapping[str, str]) -> str:
    """Return the table of the arms: accuracy by both decodings, and how training went."""
    lines = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = of_arm(rows, arm)
        judged = [row for row in mine if row["collapsed"] is not None]
        label = f"`{names[arm]}`: `{arm}`" if arm in names else f"`{arm}`"
        cells = [label]
        for key in ("accuracy", "sampled_accuracy"):
            values = [row[key] for row in mine if row[key] is not None]
            cells += [spread(values), ", ".join(f"{100 * value:.1f}" for value in values)]
        cells += [spread([row[key] for row in mine]) for key in ("strict_rate", "auditability")]
        cells += [mean(mine, "reward_change"), mean(mine, "kl_final"), mean(mine, "completions_needed")]
        cells += [f"{sum(row['collapsed'] for row in judged)}, {sum(map(is_harmed, judged))}" if judged else NONE]
        lines.append(cells)
    accuracy = [f"{decoding}{column}" for decoding in ("greedy", "sampled") for column in ("", ", by seed")]
    head = ("arm", *accuracy, "strict format", "auditability", "reward change", "KL at the end", "N*")
    return table((*head, "collapsed, harmed seeds"), lines) + "\n"


def best_of_sweep(rows: Sequence[Mapping]) -> list[str]:
    """Return the variant of each arm whose sampled accuracy on the development questions is highest."""
    score = {row["arm"]: row["dev"]["sampled_accuracy"] or 0.0 for row in rows if "@" in row["arm"]}
    arms = dict.fromkeys(label.partition("@")[0] for label in score)
    return [max((label for label in score if label.partition("@")[0] == arm), key=score.get) for arm in arms]


def sweep_table(rows: Sequence[Mapping]) -> str:
    """Return the table of a sweep, on the development questions; the best sampled accuracy of each arm is bold."""
    lines, best = [], best_of_sweep(rows)
    for row in rows:
        sampled = percent(row["dev"]["sampled_accuracy"])
        completions = NONE if row["completions"] is None else f"{row['completions']:,.0f}"
        cells = [f"`{row['arm']}`", completions, f"**{sampled}**" if row["arm"] in best else sampled]
        lines.append([*cells, percent(row["dev"]["accuracy"]), percent(row["dev"]["strict_rate"])])
    return markdown_table(("arm", "completions", "sampled", "greedy", "strict format"), lines) + "\n"


def mean(rows: Sequence[Mapping], name: str) -> str:
    """Return the mean over seeds of a number that some rows lack."""
    return number(over_seeds([row[name] for row in rows if row.get(name) is not None])["mean"])


def draw(stored: Mapping, run: str) -> bytes:
    """Return the curves of a run as a PNG."""
    curves = stored["runs"][run]["curves"]
    return curve_image(curves, colours(curves), CURVES)


def index(results: Path) -> str:
    """Return docs/results.md: every page with its question and its verdicts, or that it was not run."""
    lines = []
    for name, asks in OTHERS.items():
        is_there = (results / name / "README.md").exists()
        lines.append(
            [f"[{name}](results/{name}/README.md)" if is_there else name, asks, "on the page" if is_there else UNRUN]
        )
    for name, page in PAGES.items():
        path = results / name / ROWS
        if path.exists():
            verdicts = json.loads(path.read_text(encoding="utf-8"))["runs"][page.runs[-1]]["verdicts"]
            lines.append([f"[{name}](results/{name}/README.md)", page.asks, counted(verdicts)])
        else:
            lines.append([name, page.asks, UNRUN])
    earlier = EARLIER if (results / "earlier.md").exists() else ""
    return INDEX.format(table=markdown_table(("page", "question", "verdicts on its arms"), lines), earlier=earlier)


def counted(verdicts: Sequence[Mapping]) -> str:
    """Return how many arms got each verdict over all seeds, such as "greedy: 3 learned, 1 harmed"."""
    overall = [verdict for verdict in verdicts if verdict["seed"] is None]
    parts = []
    for decoding in dict.fromkeys(verdict["decoding"] for verdict in overall):
        counts = collections.Counter(verdict["verdict"] for verdict in overall if verdict["decoding"] == decoding)
        parts.append(f"{decoding}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return "; ".join(parts) or NONE


def write(name: str, out: Path) -> None:
    """Write a page and its picture, of the copy of its run below `out`."""
    folder = out / "results" / name
    stored = json.loads((folder / ROWS).read_text(encoding="utf-8"))
    (folder / "README.md").write_text(make_page(name, stored), encoding="utf-8")
    if PAGES[name].curves:
        (folder / PICTURE).write_bytes(draw(stored, PAGES[name].curves))
    print(f"written: {folder / 'README.md'}")


def main(argv: Sequence[str] | None = None) -> int:
    """Write the pages; return the exit status."""
    return run_entry_point(lambda: run(argv), "nothing was written")


def run(argv: Sequence[str] | None = None) -> None:
    """Copy what a page needs of a run, and write the pages of all copies and the index."""
    parser = result_pages.make_parser(__doc__, RESULTS.parent)
    parser.add_argument("--page", default="", choices=("", *PAGES), help="the page that --workdir is of")
    args = parser.parse_args(argv)
    out = Path(args.out)
    if bool(args.page) != bool(args.workdir):
        raise UserError("--page and --workdir belong together: name the page and its finished run, or neither")
    if args.page:
        stored = {"machine": args.machine, "runs": collect(PAGES[args.page], Path(args.workdir))}
        (out / "results" / args.page).mkdir(parents=True, exist_ok=True)
        write_json(out / "results" / args.page / ROWS, stored)
    for name in [args.page] if args.page else PAGES:
        if (out / "results" / name / ROWS).exists():
            write(name, out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.md").write_text(index(out / "results"), encoding="utf-8")
    print(f"written: {out / 'results.md'}")


if __name__ == "__main__":
    sys.exit(main())
