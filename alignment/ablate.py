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
from alignment.experiment import (
    Experiment,
    Outcome,
    describe_run,
    lock_workdir,
    open_experiment,
    run_experiment,
    stage_folder,
)
from alignment.next_round import next_round
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.distributed import start


def run(args: argparse.Namespace) -> None:
    """Run every arm at every seed and write the report."""
    set_up_compilation()
    cli.apply_profile(args)
    with lock_workdir(args.workdir) as lock:
        experiment = open_experiment(args.config, args.workdir, lock)
        found = run_experiment(experiment)
        matrices, said = next_round(experiment, found)
        table = report(experiment, found, matrices)
    print(said, table, sep="\n")
    print(f"report: {experiment.workdir / 'report.html'}")


def report(experiment: Experiment, found: list[Outcome], matrices: Mapping[str, list[dict]]) -> str:
    """Write results.json and report.html from the outcomes and matrices by arm; return the table as text."""
    seeds = experiment.config.seeds
    command = "python -m alignment.ablate " + shlex.join(sys.argv[1:])
    curves: dict[str, dict] = {}
    right: dict[str, dict] = {}
    for outcome in found:
        arm, seed = outcome.row["arm"], outcome.row["seed"]
        right.setdefault(arm, {})[seed] = outcomes(outcome.responses, experiment.data.eval)
        if outcome.curve:
            curves.setdefault(arm, {})[seed] = outcome.curve
    for stage in stage_order(experiment.config.arms):
        if not stage.on_policy:
            curves[stage.name] = {
                seed: read_curve(stage_folder(experiment, stage, seed) / "metrics.jsonl") for seed in seeds
            }
    shown = {outcome.row["arm"]: outcome.responses for outcome in found if outcome.row["seed"] == seeds[0]}
    return write_report(
        experiment.workdir,
        [outcome.row for outcome in found],
        curves,
        pick_traces(experiment.data.eval, shown),
        experiment.data.notes,
        describe_run(experiment) | {"command": command},
        right,
        matrices,
        {arm: before_reward(get_arm(arm)) for arm in experiment.config.arms},
    )


def main(argv: list[str] | None = None) -> int:
    """The front door; returns the exit status."""
    return cli.main(run, description=__doc__, add_flags=cli.add_profile, start=start, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
