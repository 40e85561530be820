"""Run a set of alignment arms over seeds, compare them and write the report.

    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo
    python -m alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=runs/0.5b --config.arms=base,modular

Leaves results.json (one row an arm and seed) and report.html in the workdir, and prints the same table, with the
alignment matrix of every rewarded arm and a proposal for the next round (next_round/<arm>.py). The same command goes on
where it was after an interruption; finished stages and arms are not run again, and arms or seeds may be added.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping

from alignment import cli
from alignment.arms import before_reward, get_arm, stage_order
from alignment.evaluation.curves import read_curve
from alignment.evaluation.report import write_report
from alignment.evaluation.results import outcomes, pick_traces
from alignment.next_round import next_round
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.distributed import start
from alignment.run.arm import Outcome
from alignment.run.plan import execute
from alignment.run.setup import Run, describe_run, open_run
from alignment.run.store import lock_workdir, stage_folder


def ablate(args: argparse.Namespace) -> None:
    """Run every arm at every seed and write the report."""
    set_up_compilation()
    cli.apply_profile(args)
    with lock_workdir(args.workdir) as lock:
        run = open_run(args.config, args.workdir, lock)
        found = execute(run)
        matrices, said = next_round(run, found)
        table = report(run, found, matrices)
    print(said, table, sep="\n")
    print(f"report: {run.workdir / 'report.html'}")


def report(run: Run, found: list[Outcome], matrices: Mapping[str, list[dict]]) -> str:
    """Write results.json and report.html from the outcomes and matrices by arm; return the table as text."""
    seeds = run.config.seeds
    command = "python -m alignment.ablate " + shlex.join(sys.argv[1:])
    curves: dict[str, dict] = {}
    right: dict[str, dict] = {}
    for outcome in found:
        arm, seed = outcome.row["arm"], outcome.row["seed"]
        right.setdefault(arm, {})[seed] = outcomes(outcome.responses, run.data.eval)
        if outcome.curve:
            curves.setdefault(arm, {})[seed] = outcome.curve
    for stage in stage_order(run.config.arms):
        if not stage.on_policy:
            curves[stage.name] = {
                seed: read_curve(stage_folder(run.workdir, stage, seed) / "metrics.jsonl") for seed in seeds
            }
    shown = {outcome.row["arm"]: outcome.responses for outcome in found if outcome.row["seed"] == seeds[0]}
    return write_report(
        run.workdir,
        [outcome.row for outcome in found],
        curves,
        pick_traces(run.data.eval, shown),
        run.data.notes,
        describe_run(run) | {"command": command},
        right,
        matrices,
        {arm: before_reward(get_arm(arm)) for arm in run.config.arms},
    )


def main(argv: list[str] | None = None) -> int:
    """The front door; returns the exit status."""
    return cli.main(ablate, description=__doc__, add_flags=cli.add_profile, start=start, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
