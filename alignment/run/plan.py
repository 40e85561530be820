"""A whole run: every stage the arms need, once a seed, then every arm's answers; resumable at any point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ml_collections import ConfigDict

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
    config, outcomes = run.config, []
    tasks = _numbered(config)
    for seed in config.seeds:
        loras: Loras = {}
        for stage in stage_order(config.arms):
            loras[stage.name] = run_stage(run, stage, seed, loras, label=next(tasks))
        outcomes += [run_arm(run, get_arm(name), seed, loras, label=next(tasks)) for name in config.arms]
    return outcomes


def _numbered(config: ConfigDict) -> Iterator[str]:
    names = [*(stage.name for stage in stage_order(config.arms)), *(f"evaluate {arm}" for arm in config.arms)]
    tasks = [(seed, name) for seed in config.seeds for name in names]
    for index, (seed, name) in enumerate(tasks, start=1):
        yield f"[{index}/{len(tasks)}] seed {seed} {name}"
