"""Answering the evaluation records with one arm, unless its responses are in the workdir."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath
from ml_collections import ConfigDict

from alignment.adapters.stack import Stack, make_stack
from alignment.arms import Arm, rewarded_stage
from alignment.common.files import read_text, write_text
from alignment.common.fingerprint import fingerprint
from alignment.common.manifest import MANIFEST, seal
from alignment.common.progress import say, warn
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.benchmark_scores import summarise_options
from alignment.evaluation.curves import read_curve
from alignment.evaluation.decoupling import decoupling
from alignment.evaluation.generate import answer_samples, sampling_of
from alignment.evaluation.option_likelihood import Score
from alignment.evaluation.protocols import read_scores, stream_items
from alignment.evaluation.sampled import summarise_samples
from alignment.evaluation.stability import stability
from alignment.evaluation.training_power import training_power
from alignment.rollout.sampler import Sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.run.setup import Run
from alignment.run.stage import Loras, merged_params
from alignment.run.store import arm_folder, claim, describe_corruption, read_responses, stage_folder, write_responses
from alignment.run.variants import stage_config
from alignment.text.parser import Response
from alignment.training.monitor import MonitorConfig, monitor_summary
from alignment.training.rollout import reward_config_of


class Decoding(NamedTuple):
    """One way in which an arm answers one part of the data."""

    folder: str  # of its files, below the arm's; "" is the arm's
    role: str  # "eval" or "dev"
    count: int  # responses a record
    sampling: SamplingConfig


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One arm at one seed: its results row, its responses to the evaluation records, the curve of its reward stage."""

    row: dict[str, Any]
    responses: list[Response]  # [N] greedy, or as config.eval says
    curve: list[dict[str, float]]
    samples: list[list[Response]] = dataclasses.field(default_factory=list)  # [N][k]; empty without samples


def run_arm(run: Run, arm: Arm, seed: int, loras: Loras, label: str) -> Outcome:
    """Return an arm's outcome, answering evaluation and development records unless that was done before."""
    answered = {
        decoding.folder: answers(run, arm, seed, loras, decoding, label)
        for decoding in decodings(run.config)
        if getattr(run.data, decoding.role)
    }
    responses, samples = [single for (single,) in answered[""]], answered.get("samples", [])
    stage = rewarded_stage(arm)
    curve = read_curve(stage_folder(run.workdir, stage, seed) / "metrics.jsonl") if stage else []
    row = make_row(run, arm, seed, responses, curve) | summarise_samples(samples, run.data.eval) | {"dev": None}
    row |= summarise_options(option_scores(run, arm, seed, loras, label), run.data.eval)
    if run.data.dev:
        greedy = [single for (single,) in answered["dev"]]
        row["dev"] = summarise(greedy, run.data.dev)
        row["dev"] |= summarise_samples(answered.get("dev_samples", []), run.data.dev)
    return Outcome(row, responses, curve, samples)


def decodings(config: ConfigDict) -> list[Decoding]:
    """The decodings that `config.eval` asks for: one answer a record, and k samples where it says so.

    Samples are drawn without filters, from the distribution that training samples from.
    """
    section = config.eval
    single = sampling_of(section)
    chosen = [Decoding("", "eval", 1, single), Decoding("dev", "dev", 1, single)]
    if section.samples:
        sampling = SamplingConfig(section.sample_temperature or config.grpo.temperature)
        chosen += [Decoding("samples", "eval", section.samples, sampling)]
        chosen += [Decoding("dev_samples", "dev", section.samples, sampling)]
    return chosen


def answers(run: Run, arm: Arm, seed: int, loras: Loras, decoding: Decoding, label: str) -> list[list[Response]]:
    """Return an arm's responses [N][count] by one decoding, from the workdir where they are stored undamaged."""
    folder, records = run.workdir / arm_folder(arm, seed) / decoding.folder, getattr(run.data, decoding.role)
    label = f"{label} ({decoding.folder})" if decoding.folder else label

    def write(path: epath.Path) -> None:
        write_responses(path, records, generate(run, arm, loras, decoding, label))

    settings = arm_settings(run, arm, loras, decoding)
    return read_responses(make_once(folder / "responses.jsonl", settings, label, write), records, run.base.template)


def option_scores(run: Run, arm: Arm, seed: int, loras: Loras, label: str) -> list[dict[str, Score]]:
    """Return an arm's option likelihoods of the evaluation records [N], stored as answers are.

    [] unless `config.eval.likelihood`.
    """
    if not run.config.eval.likelihood:
        return []
    records, label = run.data.eval, f"{label} (likelihood)"

    def write(path: epath.Path) -> None:
        sampler, stack = served(run, arm, loras)
        items = dict(stream_items("likelihood", sampler, stack, records, run.config, label))
        rows = ({"id": record.id} | items[index] for index, record in enumerate(records))
        write_text(path, "".join(json.dumps(row) + "\n" for row in rows))

    settings = arm_settings(run, arm, loras, Decoding("likelihood", "eval", 0, SamplingConfig(0.0)))
    settings["eval"] = {"merge": run.config.eval.merge}
    path = make_once(run.workdir / arm_folder(arm, seed) / "likelihood" / "options.jsonl", settings, label, write)
    return [read_scores(json.loads(line)) for line in read_text(path).splitlines()]


def make_once(
    path: epath.Path, settings: Mapping[str, Any], label: str, write: Callable[[epath.Path], None]
) -> epath.Path:
    """Return `path` after `write` has made it, unless it is there, undamaged, by the same settings."""
    folder = path.parent
    known = claim(folder / "arm.json", settings)
    reason = describe_corruption(folder) if known else f"{folder / 'arm.json'} was damaged or missing"
    if reason is None:
        say(f"{label}: done before")
    else:
        if path.exists() or (folder / MANIFEST).exists():
            warn(f"{reason}; answering again")
        write(path)
        seal(folder, ("arm.json", path.name))
    return path


def generate(run: Run, arm: Arm, loras: Loras, decoding: Decoding, label: str) -> list[list[Response]]:
    """Answer the records of a decoding with the arm's policy."""
    sampler, stack = served(run, arm, loras)
    sampler = sampler.with_min_groups(len(run.data.eval))  # so that fewer development records compile nothing new
    records, draw = getattr(run.data, decoding.role), (decoding.count, decoding.sampling)
    return answer_samples(sampler, stack, records, run.config.eval, *draw, label=label)


def served(run: Run, arm: Arm, loras: Loras) -> tuple[Sampler, Stack]:
    """Return what an arm answers with: the base with merged adapters, and the adapters attached to it.

    With `config.eval.merge` all are merged, into float32.
    """
    all_merged = run.config.eval.merge == "float32"
    merged = (*arm.merged, *arm.serves) if all_merged else arm.merged
    params = merged_params(run.base, run.sampler.devices, merged, loras)
    if all_merged:
        params = jax.tree.map(lambda leaf: leaf.astype("float32"), params)  # of the base, where no adapter is merged
    return run.sampler.with_params(params), make_stack({name: loras[name] for name in arm.serves if name not in merged})


def arm_settings(run: Run, arm: Arm, loras: Loras, decoding: Decoding) -> dict[str, Any]:
    """Everything that decides an arm's answers by one decoding, as JSON."""
    config = run.config
    section = {name: value for name, value in config.eval.to_dict().items() if name != "likelihood"}
    section |= {"samples": decoding.count, "sample_temperature": decoding.sampling.temperature}
    if not decoding.folder.endswith("samples"):  # whose answers do not depend on what is sampled beside them
        section = {name: value for name, value in section.items() if name not in ("samples", "sample_temperature")}
    served = dict.fromkeys((*arm.merged, *arm.serves))
    return json.loads(
        json.dumps(
            {
                "arm": dataclasses.asdict(arm),
                "base": run.base.fingerprint,
                "model": {"dtype": config.model.dtype},
                "prompt": config.prompt.to_dict(),
                "eval": section,
                "data": run.data.fingerprints[decoding.role],
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
    row |= stability(curve) | training_power(curve) | decoupling(curve)
    return row | monitor_summary(curve, MonitorConfig(**run.config.watch))
