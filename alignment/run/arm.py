"""Answering the evaluation records with one arm, unless its responses are in the workdir."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from alignment.adapters.stack import Stack, make_stack
from alignment.arms import Arm, rewarded_stage
from alignment.common.fingerprint import fingerprint
from alignment.common.manifest import MANIFEST, seal
from alignment.common.progress import say, warn
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.curves import read_curve
from alignment.evaluation.generate import answer
from alignment.evaluation.stability import stability
from alignment.run.setup import Run
from alignment.run.stage import Loras, merged_params
from alignment.run.store import arm_folder, claim, describe_corruption, read_responses, stage_folder, write_responses
from alignment.run.variants import stage_config
from alignment.text.parser import Response
from alignment.training.monitor import MonitorConfig, monitor_summary
from alignment.training.rollout import reward_config_of


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One arm at one seed: its results row, its greedy responses and the curve of its rewarded stage."""

    row: dict[str, Any]
    responses: list[Response]
    curve: list[dict[str, float]]


def run_arm(run: Run, arm: Arm, seed: int, loras: Loras, label: str) -> Outcome:
    """Return an arm's outcome, answering the evaluation records unless that was done before."""
    folder = run.workdir / arm_folder(arm, seed)
    known = claim(folder / "arm.json", arm_settings(run, arm, loras))
    stored = folder / "responses.jsonl"
    reason = describe_corruption(folder) if known else f"{folder / 'arm.json'} was damaged or missing"
    if reason is None:
        say(f"{label}: done before")
    else:
        if stored.exists() or (folder / MANIFEST).exists():
            warn(f"{reason}; answering again")
        write_responses(stored, run.data.eval, generate(run, arm, loras, label))
        seal(folder, ("arm.json", "responses.jsonl"))
    responses = read_responses(stored, run.data.eval, run.base.template)
    stage = rewarded_stage(arm)
    curve = read_curve(stage_folder(run.workdir, stage, seed) / "metrics.jsonl") if stage else []
    return Outcome(make_row(run, arm, seed, responses, curve), responses, curve)


def generate(run: Run, arm: Arm, loras: Loras, label: str) -> list[Response]:
    """Answer the evaluation records greedily with the arm's policy."""
    sampler = run.sampler
    sampler = sampler.with_params(merged_params(sampler.base, sampler.devices, arm.merged, loras))
    return answer(sampler, served_stack(arm, loras), run.data.eval, run.config.eval, label=label)


def served_stack(arm: Arm, loras: Loras) -> Stack:
    """The adapters attached when an arm answers."""
    return make_stack({name: loras[name] for name in arm.serves})


def arm_settings(run: Run, arm: Arm, loras: Loras) -> dict[str, Any]:
    """Everything that decides an arm's answers, as JSON."""
    config = run.config
    served = dict.fromkeys((*arm.merged, *arm.serves))
    return json.loads(
        json.dumps(
            {
                "arm": dataclasses.asdict(arm),
                "base": run.base.fingerprint,
                "model": {"dtype": config.model.dtype},
                "prompt": config.prompt.to_dict(),
                "eval": config.eval.to_dict(),
                "data": run.data.fingerprints["eval"],
                "adapters": {name: fingerprint(loras[name].modules) for name in served},
            }
        )
    )


def make_row(
    run: Run, arm: Arm, seed: int, responses: Sequence[Response], curve: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """One row of results.json: accuracy, auditability and stability of an arm at a seed."""
    records, stage = run.data.eval, rewarded_stage(arm)
    rewarded = reward_config_of(stage_config(run.config, stage).grpo).weights if stage else ()
    left_out = {role: list(ids) for role, ids in run.data.left_out.items()}
    row = {"arm": arm.name, "seed": seed, "about": arm.about, "left_out": left_out}
    row |= summarise(responses, records)
    row |= audit(responses, records, rewarded=tuple(rewarded))
    return row | stability(curve) | monitor_summary(curve, MonitorConfig(**run.config.watch))
