"""A whole run: every stage the arms need, once a seed, then every arm's answers; resumable at any point."""

from __future__ import annotations

import dataclasses

from alignment.arms import get_arm, stage_order
from alignment.run.arm import Outcome, run_arm
from alignment.run.setup import Run
from alignment.run.stage import Loras, run_stage
from alignment.run.store import lock_workdir


def execute(run: Run) -> list[Outcome]:
    """Run what is not yet done of every seed and arm; return the outcomes, seed by seed."""
    if run.lock is None:
        with lock_workdir(str(run.workdir)) as lock:
            return execute(dataclasses.replace(run, lock=lock))
    stages, arms = stage_order(run.config.arms), [get_arm(name) for name in run.config.arms]
    names = [*(stage.name for stage in stages), *(f"evaluate {arm.name}" for arm in arms)]
    tasks = [f"seed {seed} {name}" for seed in run.config.seeds for name in names]
    labels = (f"[{number}/{len(tasks)}] {task}" for number, task in enumerate(tasks, start=1))
    outcomes = []
    for seed in run.config.seeds:
        loras: Loras = {}
        for stage in stages:
            loras[stage.name] = run_stage(run, stage, seed, loras, next(labels))
        outcomes += [run_arm(run, arm, seed, loras, next(labels)) for arm in arms]
    return outcomes
