"""What a run would take and what it could show, before anything of it runs: the flag `--dry_run` of `alignment.ablate`.

Memory, disk, time, the completions that each reward stage samples, and the smallest change of accuracy that its
questions and seeds detect. Answers and measurements that an earlier run left in the workdir, for example one seed of
fewer steps, take the place of assumptions. The weights are not loaded and nothing is written. `--machine` estimates for
one chip that is not at hand (`alignment/benchmarks/machines.py`).
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import pathlib
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from etils import epath
from ml_collections import ConfigDict

from alignment.arms import CEILINGS, Stage, get_arm, rewarded_stage, stage_order, start_arm
from alignment.benchmarks.fit.recipe import MARGIN, Verdict, available_bytes, model_size, plan_recipe
from alignment.benchmarks.flops import rollout_bytes, rollout_flops, update_work
from alignment.benchmarks.machine import matmul_rate, read_rate
from alignment.benchmarks.machines import GIB, MACHINES, Machine
from alignment.benchmarks.setting import Setting, Size
from alignment.common.files import is_remote, read_text
from alignment.common.manifest import MANIFEST
from alignment.config_checks import check_config
from alignment.data.batches import steps_in
from alignment.data.load import Data, load_data
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.evaluation.effects import headroom
from alignment.evaluation.statistics import detectable_change, planned_std
from alignment.evaluation.training_power import completions_needed
from alignment.models.config import Qwen2Config
from alignment.models.hf import resolve_folder
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.run.store import stage_folder
from alignment.run.variants import stage_config
from alignment.text.templates import TEMPLATES, cot_response
from alignment.text.tokenizer import encode_example, encode_prompt, load_tokenizer
from alignment.training.checks import check_grpo, check_questions, check_sft

SAMPLE = 64  # records whose lengths stand for all
# Hidden size up to which holds: the share of the machine's matrix product rate at which an update works, and a rollout,
# for time that nothing has measured. From the nano base and SmolLM2-135M on two CPU cores; a guess elsewhere.
SHARES = ((256, 0.2, 0.07), (math.inf, 0.3, 0.15))
READ_SHARE = 0.5  # of the rate of reading memory, at which a rollout reads the weights; a guess
HUB_BYTES = 2  # of a weight in the checkpoints that are published, in bfloat16
REPORT_BYTES = 2**26  # of curves, answers and the report; a guess
COPIES = 3  # of an adapter in a checkpoint: its arrays and the two moments of AdamW
FEW_STEPS = 5


class Lengths(NamedTuple):
    """Mean tokens of a prompt and of a response."""

    prompt: int
    response: int


class StageEstimate(NamedTuple):
    """What one stage of one seed takes."""

    stage: Stage
    steps: int
    completions: int  # that it samples; 0 in a supervised stage
    seconds: float | None  # a seed; None for a model of unknown size
    measured: bool  # the seconds are of steps that an earlier run did
    finished: tuple[int, ...]  # seeds that are in the workdir


def describe_plan(config: ConfigDict, workdir: str, machine: str = "") -> Iterator[str]:
    """Yield the estimates of a run as lines of text, on this machine or on one chip of a named `machine`.

    Raises:
      UserError: what the configuration, the data or the number of devices alone show to be wrong.
    """
    check_config(config)
    stages, folder = stage_order(config.arms), epath.Path(workdir)
    devices = choose_devices(config.parallel.mode, config.parallel.devices).count
    on_policy = [stage for stage in stages if stage.on_policy]
    supervised = any(stage.objective != "grpo" for stage in stages)
    if supervised:
        check_sft(config.sft, devices)
    for stage in on_policy:
        check_grpo(stage_config(config, stage).grpo, devices)
    data = load_data(config.data, training=[*(["rl"] if on_policy else []), *(["sft"] if supervised else [])])
    for stage in on_policy:
        check_questions(stage_config(config, stage).grpo, len(data.rl))
    chip = MACHINES[machine] if machine else machine_at_hand(config.model.dtype)
    yield memory_line(plan_recipe(config, chip.memory), machine)
    yield disk_line(config, stages, folder, machine)
    estimates = estimate_stages(config, stages, data, folder, chip)
    yield from time_lines(config, estimates, evaluation_seconds(config, data, chip), machine)
    yield from power_lines(config, len(data.eval), {estimate.stage.name: estimate for estimate in estimates}, folder)


def machine_at_hand(dtype: str) -> Machine:
    """Return what this machine has and does at this moment, measured in a few seconds."""
    return Machine("", available_bytes(), matmul_rate(dtype), read_rate())


def memory_line(verdict: Verdict | None, machine: str = "") -> str:
    """Return what the part of a run that needs most memory needs of what there is, or of what a named machine has."""
    if verdict is None:
        return "memory: unknown for a model of unknown size; download it and name its folder"
    most = verdict.largest
    remedy = f"does not fit in {MARGIN:.0%} of that; python -m alignment.doctor says what to lower"
    needs = f"{most.part} needs {most.bytes / GIB:.1f} of {verdict.available / GIB:.1f} GiB"
    if machine:
        needs += f" of one {machine}, as the compiler of this machine plans it"
    return f"memory: {needs}: {'fits' if verdict.fits else remedy}"


def disk_line(config: ConfigDict, stages: Sequence[Stage], folder: epath.Path, machine: str = "") -> str:
    """Return what a run writes into its workdir, what its weights take in the Hub's cache, and what is free here."""
    size = model_size(config.model.path)
    if size is None:
        return "disk: unknown for a model of unknown size; download it and name its folder"
    model = Setting("update", size[0], dtype=config.model.dtype, tied=size[1]).config
    parts = [f"about {workdir_bytes(config, stages, model) / GIB:.1f} GiB in the workdir"]
    if config.model.path and not pathlib.Path(config.model.path).exists():
        weights = HUB_BYTES * sum(math.prod(each.shape) for each in model.parameters)
        parts.append(f"{weights / GIB:.1f} GiB of weights in the Hub's cache, unless they are there")
    if not machine and not is_remote(folder):
        present = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        parts.append(f"{shutil.disk_usage(present).free / GIB:.1f} GiB are free")
    return f"disk: {'; '.join(parts)}"


def workdir_bytes(config: ConfigDict, stages: Sequence[Stage], model: Qwen2Config) -> float:
    """Return the bytes of a workdir at its fullest: every finished adapter, and the checkpoints of the largest stage.

    Adapters are stored in float32. One checkpoint more than are kept is there while it is written.
    """
    width = model.num_hidden_layers * sum(fan_in + fan_out for fan_in, fan_out in model.linear_shapes.values())
    ranks = [sum(config.adapters[name].rank for name in stage.adapter_configs) for stage in stages] or [0]
    checkpoints = (config.checkpoint.keep + 1) * COPIES * max(ranks)
    return REPORT_BYTES + 4 * width * (len(config.seeds) * sum(ranks) + checkpoints)


# ---------------------------------------------------------------------------------------------------------------- time


def estimate_stages(
    config: ConfigDict, stages: Sequence[Stage], data: Data, folder: epath.Path, machine: Machine
) -> list[StageEstimate]:
    """Return what every stage takes, by arithmetic or, on the machine at hand, from steps that an earlier run did."""
    lengths, size = mean_lengths(config, data), model_size(config.model.path)
    estimates = []
    for stage in stages:
        variant, seeds = stage_config(config, stage), config.seeds
        grpo, sft = variant.grpo, variant.sft
        steps = grpo.steps if stage.on_policy else steps_in(len(data.sft) - sft.holdout, sft.batch_size, sft.epochs)
        completions = steps * grpo.prompts * grpo.group_size if stage.on_policy else 0
        step_s = None if machine.label else measured_step(folder, stage, seeds)
        measured = step_s is not None
        if step_s is None and size is not None:
            step_s = step_seconds(variant, stage, lengths, size, machine)
        finished = tuple(seed for seed in seeds if (stage_folder(folder, stage, seed) / MANIFEST).exists())
        seconds = None if step_s is None else steps * step_s
        estimates.append(StageEstimate(stage, steps, completions, seconds, measured, finished))
    return estimates


def mean_lengths(config: ConfigDict, data: Data) -> Lengths:
    """Return mean lengths of the first records, or the limits for a model whose tokenizer is not on this machine.

    A completion is taken to be as long as a response of SFT, or as the limit where there is none.
    """
    limits = Lengths(config.prompt.max_tokens, config.grpo.max_new_tokens)
    if config.model.path and not pathlib.Path(config.model.path).exists():
        return limits
    tokenizer, template = load_tokenizer(resolve_folder(config.model.path)), TEMPLATES[config.prompt.template]
    prompts = [len(encode_prompt(tokenizer, record, template)) for record in data.eval[:SAMPLE]]

    def response(record: Record) -> int:
        return sum(encode_example(tokenizer, record, template, cot_response(record, template))[1])

    responses = [response(record) for record in data.sft[:SAMPLE]]
    lengths = round(statistics.mean(prompts)), round(statistics.mean(responses)) if responses else limits.response
    return Lengths(*map(min, lengths, limits))


def measured_step(folder: epath.Path, stage: Stage, seeds: Sequence[int]) -> float | None:
    """Return the median seconds of the steps of a stage in the workdir, of any seed; None where there are few.

    The first step of a stage compiles, and the next ones may.
    """
    rows = itertools.chain(*(read_curve(stage_folder(folder, stage, seed) / "metrics.jsonl")[1:] for seed in seeds))
    seconds = [row["time/step"] for row in rows if "time/step" in row]
    return statistics.median(seconds) if len(seconds) >= FEW_STEPS else None


def step_seconds(config: ConfigDict, stage: Stage, lengths: Lengths, size: Any, machine: Machine) -> float:
    """Return the seconds of one step by its operations, at the share of a machine's best that updates reach."""
    grpo, sft, model = config.grpo, config.sft, {"dtype": config.model.dtype, "tied": size[1]}
    supervised = Setting("update", size[0], sft.batch_size, 1, *lengths, **model)
    rate = shares(size[0])[0] * machine.products
    if not stage.on_policy:
        return update_work(supervised).total / rate
    reward = Setting("update", size[0], grpo.prompts, grpo.group_size, *lengths, **model)
    updates = grpo.epochs * update_work(reward).total
    if stage.objective == "joint":
        updates += grpo.epochs * grpo.minibatches * update_work(supervised).total
    return updates / rate + rollout_seconds(reward, config.rollout.sequences, machine)


def shares(size: Size) -> tuple[float, float]:
    """Return the shares of the matrix product rate at which an update and a rollout of a model of this size work."""
    return next((update, rollout) for hidden, update, rollout in SHARES if size.hidden <= hidden)


def rollout_seconds(setting: Setting, sequences: int, machine: Machine) -> float:
    """Return the seconds of sampling all completions of a setting, `sequences` at once (0: all).

    It is bound by operations, or by reading the weights once for every token of those that are sampled at once.
    """
    waves = max(1.0, setting.prompts * setting.group / (sequences or math.inf))
    wave = dataclasses.replace(setting, prompts=math.ceil(setting.prompts / waves))
    reading = waves * rollout_bytes(wave) / (READ_SHARE * machine.reads)
    return max(reading, rollout_flops(setting) / (shares(setting.size)[1] * machine.products))


def evaluation_seconds(config: ConfigDict, data: Data, machine: Machine) -> float | None:
    """Return the seconds in which one arm answers at one seed; None for a model of unknown size."""
    size, lengths = model_size(config.model.path), mean_lengths(config, data)
    if size is None:
        return None
    questions, answers = len(data.eval) + len(data.dev), 1 + config.eval.samples
    setting = Setting("update", size[0], questions, answers, *lengths, dtype=config.model.dtype, tied=size[1])
    return rollout_seconds(setting, config.rollout.sequences, machine)


def time_lines(
    config: ConfigDict, estimates: Sequence[StageEstimate], arm_seconds: float | None, machine: str = ""
) -> Iterator[str]:
    """Yield the time of the run and of each of its stages; stages that are finished take none."""
    left = [(len(config.seeds) - len(estimate.finished)) * (estimate.seconds or 0.0) for estimate in estimates]
    if arm_seconds is None or any(estimate.seconds is None for estimate in estimates):
        yield "time: unknown for a model of unknown size; download it and name its folder"
    else:
        evaluation = len(config.arms) * len(config.seeds) * arm_seconds
        device = (
            f"one {machine}, by the rates of its maker"
            if machine
            else f"{os.cpu_count()} cores and {jax.local_devices()[0].device_kind}"
        )
        yield (
            f"time: about {minutes(sum(left) + evaluation)} on {device}, of which the "
            f"evaluation takes {minutes(evaluation)}, without compiling and if nothing else runs there"
        )
    for estimate, seconds in zip(estimates, left, strict=True):
        seeds = len(config.seeds)
        parts = [f"{seeds} x {estimate.steps} steps"]
        parts += [f"{estimate.completions:,} completions a seed"] if estimate.completions else []
        parts += [f"about {minutes(seconds)}{' as measured' if estimate.measured else ''}"] if estimate.seconds else []
        parts += [f"{len(estimate.finished)} of {seeds} seeds finished"] if estimate.finished else []
        yield f"  {estimate.stage.name}: {', '.join(parts)}"


def minutes(seconds: float) -> str:
    """Return a time as text: seconds, minutes or hours, whichever reads best."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


# --------------------------------------------------------------------------------------------------------------- power


def power_lines(
    config: ConfigDict, questions: int, estimates: Mapping[str, StageEstimate], folder: epath.Path
) -> Iterator[str]:
    """Yield what the questions and seeds can detect, and for every rewarded arm what an earlier run says of it."""
    seeds, samples = len(config.seeds), config.eval.samples
    changes = [f"{detectable_points(questions, seeds):.1f} points greedy"]
    changes += [f"{detectable_points(questions, seeds, samples):.1f} points sampled"] if samples else []
    yield (
        f"test power: {questions:,} questions and {seeds} seed{'' if seeds == 1 else 's'} detect a change of "
        f"{' or '.join(changes)} with power 0.8, where half of the answers are right"
    )
    rows = recorded_rows(folder)
    for label in config.arms:
        stage = rewarded_stage(get_arm(label))
        if stage is not None:
            yield f"  {label}: {'; '.join(arm_power(config, label, questions, estimates[stage.name], rows))}"


def detectable_points(questions: int, seeds: int, samples: int = 1, accuracy: float = 0.5) -> float:
    """Return the change in points that is detected with power 0.8 from a start of this accuracy, all independent."""
    return 100 * detectable_change(planned_std(seeds, samples, accuracy), questions)


def arm_power(
    config: ConfigDict, label: str, questions: int, estimate: StageEstimate, rows: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return what the recorded rows say of the power of one arm: from its start, and from its gradient."""
    start = start_arm(get_arm(label))
    starts, ceilings, measured = (
        [row for row in rows if row["arm"] == name] for name in (start, CEILINGS.get(start), label)
    )
    parts = [f"{estimate.completions:,} completions"]
    accuracy = mean_of(starts, "accuracy")
    if accuracy is None:
        parts.append(f"its start {start or 'is no arm and'} has not answered, so that its headroom is unknown")
    else:
        parts += start_power(accuracy, start, questions, len(config.seeds))
        names = ("samples", "majority_at_k", "sampled_accuracy")
        room = headroom(accuracy, mean_of(ceilings, "accuracy"), {name: mean_of(starts, name) for name in names})
        parts += [f"headroom {100 * room.value:.1f} points ({room.basis})"] if room else []
    needed = completions_needed(mean_of(measured, "completions_per_half"), mean_of(measured, "signal_share"))
    if needed is not None:
        verdict = "enough" if estimate.completions >= needed else "too few"
        parts.append(f"its gradient needed {needed:,.0f} completions when it was measured: {verdict}")
    return parts


def start_power(accuracy: float, start: str, questions: int, seeds: int) -> list[str]:
    """Return what change from the accuracy of a start arm is detected, or that there is no headroom."""
    try:
        change = detectable_points(questions, seeds, accuracy=accuracy)
    except UserError as error:
        return [f"start {start}: {error}"]
    return [f"from {accuracy:.1%} of {start} a change of {change:.1f} points is detected"]


def recorded_rows(folder: epath.Path) -> list[dict[str, Any]]:
    """Return the rows of results.json in the workdir; [] where there is none that can be read."""
    try:
        rows = json.loads(read_text(folder / "results.json"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict) and "arm" in row] if isinstance(rows, list) else []


def mean_of(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the mean of a value over the rows that have it."""
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.mean(values) if values else None
