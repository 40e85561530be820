"""Run a set of alignment arms over seeds, compare them and write the report.

    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo
    python -m alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=runs/0.5b --config.arms=base,modular
    python -m alignment.ablate --config=configs/demo.py --workdir=runs/demo --controls=random,noop --dry_run

Writes results.json (one row per arm and seed), verdicts.json (whether each rewarded arm learned), hypotheses.json (the
answers to what config.preregistration names), report.html and recipe.py (every leaf of the configuration as run, for
`--config=`) into the workdir and prints the table, the verdicts, the answers, the alignment matrix of every rewarded
arm and a proposal for the next round (next_round/<arm>.py). After an interruption the same command resumes: finished
stages and arms are not run again, and arms or seeds may be added.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence

from alignment import cli
from alignment.arms import ARMS, CEILINGS, CONTROLS, controls_of, get_arm, stage_order, start_arm, with_controls
from alignment.benchmarks.machines import MACHINES
from alignment.dry_run import describe_plan
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.evaluation.preregistration import Registration, load_registration
from alignment.evaluation.report import Report, write_report
from alignment.evaluation.results import audit_outcomes, pick_traces
from alignment.evaluation.results import outcomes as correct_by_id
from alignment.evaluation.sampled import sampled_outcomes
from alignment.next_round import next_round
from alignment.parallel.compilation import set_up_compilation
from alignment.parallel.distributed import start
from alignment.run.arm import Outcome
from alignment.run.plan import execute
from alignment.run.setup import Run, describe_run, open_run
from alignment.run.store import lock_workdir, record_registration, stage_folder, write_recipe


def ablate(args: argparse.Namespace) -> None:
    """Run every arm at every seed and write the report; with `--dry_run` print what that would take instead."""
    if args.controls:
        with args.config.unlocked():
            args.config.arms = with_controls(args.config.arms, filter(None, args.controls.split(",")))
    registration = load_registration(args.config.preregistration, ARMS)
    set_up_compilation()
    if args.dry_run:
        for line in describe_plan(args.config, args.workdir, args.machine):
            print(line, flush=True)
        return
    if args.machine:
        raise UserError(f"--machine={args.machine}: only an estimate can be for another machine; add --dry_run")
    cli.apply_profile(args)
    with lock_workdir(args.workdir) as lock:
        run = open_run(args.config, args.workdir, lock)
        if registration is not None:
            registration = record_registration(run.workdir, registration, ARMS)
        outcomes = execute(run)
        matrices, proposals = next_round(run, outcomes)
        write_recipe(run.workdir, run.config)
        table = write_report(run.workdir, report_of(run, outcomes, matrices, registration))
    print(proposals, table, sep="\n")
    print(f"report: {run.workdir / 'report.html'}")


def report_of(
    run: Run,
    outcomes: Sequence[Outcome],
    matrices: Mapping[str, list[dict]],
    registration: Registration | None = None,
) -> Report:
    """Return what the report shows of the outcomes of a run, the matrices of its arms and its hypotheses."""
    seeds = run.config.seeds
    curves: dict[str, dict[int, list]] = {}
    correct: dict[str, dict[int, dict[str, bool]]] = {}
    sampled: dict[str, dict[int, dict[str, float]]] = {}
    registered = {hypothesis.metric for hypothesis in registration.hypotheses} if registration else set()
    audited: dict[str, dict] = {metric: {} for metric in ("auditability", "strict_rate") if metric in registered}
    for outcome in outcomes:
        arm, seed = outcome.row["arm"], outcome.row["seed"]
        correct.setdefault(arm, {})[seed] = correct_by_id(outcome.responses, run.data.eval)
        for metric, by_arm in audited.items():
            by_arm.setdefault(arm, {})[seed] = audit_outcomes(outcome.responses, run.data.eval, metric)
        if outcome.samples:
            sampled.setdefault(arm, {})[seed] = sampled_outcomes(outcome.samples, run.data.eval)
        if outcome.curve:
            curves.setdefault(arm, {})[seed] = outcome.curve
    for stage in stage_order(run.config.arms):
        if not stage.on_policy:
            folders = {seed: stage_folder(run.workdir, stage, seed) for seed in seeds}
            curves[stage.name] = {seed: read_curve(folder / "metrics.jsonl") for seed, folder in folders.items()}
    first = {
        outcome.row["arm"]: outcome.responses for outcome in outcomes if outcome.row["seed"] == run.config.seeds[0]
    }
    return Report(
        rows=[outcome.row for outcome in outcomes],
        curves=curves,
        traces=pick_traces(run.data.eval, first),
        notes=run.data.notes,
        meta=describe_run(run) | {"command": "python -m alignment.ablate " + shlex.join(sys.argv[1:])},
        outcomes=correct,
        samples=sampled,
        matrices=matrices,
        start_arms={arm: start_arm(get_arm(arm)) for arm in run.config.arms},
        ceilings=CEILINGS,
        controls=controls_in(run.config.arms),
        registration=registration,
        question_scores=audited,
    )


def controls_in(labels: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return {arm: {name of a control: its label}} of the arms whose controls are among the labels."""
    named = {label: {name: arm for name, arm in controls_of(label).items() if arm in labels} for label in labels}
    return {label: controls for label, controls in named.items() if controls}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags beside --config and --workdir."""
    cli.add_profile(parser)
    text = "add controls to every arm that has them, of " + ", ".join(CONTROLS)
    parser.add_argument("--controls", default="", metavar="NAME,...", help=text)
    text = (
        "print memory, disk, time, completions and test power of the run, from what the workdir holds, and run nothing"
    )
    parser.add_argument("--dry_run", action="store_true", help=text)
    text = "with --dry_run: estimate for one chip that is not at hand"
    parser.add_argument("--machine", default="", choices=("", *MACHINES), help=text)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    return cli.main(ablate, description=__doc__, add_flags=add_flags, start=start, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
