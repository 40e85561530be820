"""Stage 2: group-relative policy optimisation (GRPO, Shao et al. 2024, 2402.03300) of an adapter.

One step is one line through the house, read off `one_step` below:

    records -> prompts -> rollout -> responses -> scores -> advantages -> update
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.adapters.stack import Stack, push
from alignment.common.interrupts import commit_step
from alignment.common.progress import warn
from alignment.data.batches import batch_indices
from alignment.data.tokens import Examples
from alignment.errors import UserError
from alignment.metric_schema import reduce_steps
from alignment.models.packing import pack_cells
from alignment.objectives.advantages import ADVANTAGES, has_zero_variance
from alignment.objectives.family import get_loss
from alignment.objectives.policy import LossConfig, mask_truncated
from alignment.parallel.data_parallel import compile_step, place_frozen
from alignment.record import Record
from alignment.reward_model.model import make_reward_function
from alignment.rewards.combine import Rewards, combine, init_rewards
from alignment.rollout.base_model import BaseModel
from alignment.rollout.groups import Group
from alignment.rollout.sampler import Sampler
from alignment.training.calibration import (
    LAST_STEP,
    calibrated,
    calibration_batches,
    calibration_digest,
    check_calibration,
    reward_config_of,
)
from alignment.training.collect import Collected, Collector, collect, refill
from alignment.training.loop import Session, run_loop
from alignment.training.losses import TRAINABLE, completion_log_probs, make_grpo_loss, make_sft_loss
from alignment.training.mismatch import mismatch
from alignment.training.monitor import MonitorConfig, MonitorState, init_monitor, new_alarms, update_monitor
from alignment.training.options import TrainingOptions
from alignment.training.prompts import cached_prompts
from alignment.training.sft import sft_batch
from alignment.training.state import Frozen, TrainState, init_state, make_optimizer, make_schedule
from alignment.training.step import Term, make_step


class Joint(NamedTuple):
    """The second loss of the `joint_mono` arm: L_GRPO + weight * L_SFT over one adapter."""

    examples: Examples
    section: ConfigDict  # config.sft: batch size, micro-batches, batching
    weight: float
    seed: int  # of the data order


def train_grpo(
    sampler: Sampler,
    options: TrainingOptions,
    frozen: Frozen,
    lora: Lora,
    records: Sequence[Record],
    section: ConfigDict,
    session: Session,
    key: jax.Array,
    monitor_config: MonitorConfig,
    joint: Joint | None = None,
) -> Lora:
    """Train `lora` on verifiable rewards and return it.

    Args:
      sampler: the base and how it samples; options: devices, recomputation and log-prob implementation.
      frozen: the adapters under the trainable one, and the KL reference.
      lora: the adapter to train.
      records: the questions.
      section: `config.grpo`.
      session: where checkpoints and metrics go.
      key: the stage's key; every sampling key descends from it.
      monitor_config: `config.watch`, of the monitor of reward hacking.
      joint: adds a supervised term to every optimiser step.
    """
    prompts = cached_prompts(sampler.base, records, session.cache)
    updates = section.steps * section.epochs * section.minibatches
    optimizer, schedule = make_optimizer(section, updates), make_schedule(section, updates)
    update = make_update(sampler.base, options, frozen, section, optimizer, joint)
    reward_config = reward_config_of(section)
    by_id = {record.id: prompt for record, prompt in zip(records, prompts, strict=True)}
    collector = Collector(sampler, frozen, section, reward_config, make_reward_function(section, sampler.base), by_id)
    advantage = ADVANTAGES[reward_config.normaliser.advantage or get_loss(section.loss).advantage]
    prepare = make_calibration(collector, lora, records, session)

    def one_step(state: TrainState, step: int) -> tuple[TrainState, dict[str, float]]:
        state, began = prepare(state, step), time.perf_counter()
        reward = partial(combine, reward_config, state=state.rewards, step=step + 1, progress=step / section.steps)
        asked = [records[index] for index in batch_indices(len(records), section.prompts, step, session.seed)]
        rolled = refill(collector, state, collect(collector, state, asked, step), records, step, session.seed, reward)
        rewards, reward_state = reward(raw=rolled.channels, groups=len(asked))
        advantages = advantage(jnp.asarray(rewards.combined), reward_config.std_floor)
        label = f"{session.label}, step {step + 1}"
        monitored, monitor = monitor_rollout(rolled, state.monitor, monitor_config, label)
        learning_rate, start = float(schedule(state.step)), time.perf_counter()
        commit_step()
        state, metrics = update(state.replace(rewards=(), monitor=()), rolled.group, advantages, step)
        now = time.perf_counter()
        row = metrics | describe(rolled, rewards, advantages) | monitored | {"time/update": now - start}
        rate = {"learning_rate": learning_rate, "tokens_per_s": float(rolled.group.mask.sum()) / (now - began)}
        return state.replace(rewards=reward_state, monitor=monitor), row | rate

    state = init_state(lora, optimizer, key, init_rewards(reward_config), init_monitor())
    return run_loop(session, state, section.steps, one_step).lora


def make_calibration(
    collector: Collector, lora: Lora, records: Sequence[Record], session: Session
) -> Callable[[TrainState, int], TrainState]:
    """Return what precedes a step: the first takes the statistics of the rewards, the others check their hash."""
    section, reward_config = collector.section, collector.reward_config
    batches = calibration_batches(section, records, session.seed) if reward_config.normaliser.calibrated else []
    digest = calibration_digest(session.hashes, lora, [records[index].id for chosen in batches for index in chosen])

    def sample(state: TrainState, chosen: Sequence[int], index: int) -> dict[str, np.ndarray]:
        return collect(collector, state, [records[index] for index in chosen], LAST_STEP - index).channels

    def prepare(state: TrainState, step: int) -> TrainState:
        if not batches:
            return state
        if step == 0:
            return state.replace(rewards=calibrated(reward_config, state, digest, batches, sample))
        check_calibration(state, digest)
        return state

    return prepare


def check_sizes(section: ConfigDict, devices: int) -> None:
    """Raise `UserError` where sizes do not fit together, or the schedule, the loss or a constant of it is wrong."""
    make_schedule(section, 1)
    get_loss(section.loss)
    LossConfig(**constants_of(section))
    parts = section.minibatches * section.micro_batches * devices
    if section.prompts < 1 or section.prompts % parts:
        raise UserError(
            f"--config.grpo.prompts={section.prompts} must be a multiple of minibatches x micro_batches x devices "
            f"({section.minibatches} x {section.micro_batches} x {devices})"
        )


def check_records(section: ConfigDict, records: int) -> None:
    """Raise `UserError` where there are fewer records than prompts of a rollout."""
    if records < section.prompts:
        raise UserError(
            f"{records} question(s) for --config.grpo.prompts={section.prompts}; lower it or give more data"
        )


def monitor_rollout(
    rolled: Collected, state: MonitorState, config: MonitorConfig, label: str
) -> tuple[dict[str, float], MonitorState]:
    """Look for reward hacking in a rollout; an alarm is logged once, when a symptom has lasted long enough."""
    lengths = rolled.group.mask.sum(axis=-1)
    records = [record for record in rolled.records for _ in range(lengths.shape[1])]
    metrics, state = update_monitor(rolled.responses, records, lengths.ravel(), state, config)
    for name in new_alarms(state, config):
        warn(f"{label}: reward hacking? {name} in {metrics[f'watch/{name}']:.0%} of the completions")
    return metrics, state


def make_update(
    base: BaseModel,
    options: TrainingOptions,
    frozen: Frozen,
    section: ConfigDict,
    optimizer: Any,
    joint: Joint | None,
) -> Callable[[TrainState, Group, jax.Array, int], tuple[TrainState, dict[str, float]]]:
    """Return the function that spends one rollout: `epochs` passes of `minibatches` optimiser steps each."""
    terms = make_terms(base, options, section, joint)
    run = compile_step(lambda axis: make_step(terms, optimizer, axis), options.devices)
    placed = place_frozen(frozen, options.devices)
    passes = section.epochs * section.minibatches
    log_probs = jax.jit(completion_log_probs, static_argnames=("config", "temperature", "logprob", "token_ranges"))
    chunks = section.minibatches * section.micro_batches

    def sampling_log_probs(stack: Stack, batch: Mapping[str, jax.Array]) -> jax.Array:
        parts = (options.devices.shard(slice_rows(batch, index, chunks)) for index in range(chunks))
        given = {"config": base.config, "temperature": section.temperature, "logprob": options.logprob}
        given["token_ranges"] = base.token_ranges
        return jnp.concatenate([log_probs(frozen.params, stack, part, **given).log_prob for part in parts])

    def update(
        state: TrainState, group: Group, advantages: jax.Array, step: int
    ) -> tuple[TrainState, dict[str, float]]:
        batch = group_batch(group, advantages, section.mask_truncated)
        if passes > 1:  # with a single pass the sampling policy is the current one
            batch["old_log_prob"] = sampling_log_probs(push(frozen.under, TRAINABLE, state.lora), batch)
        rows = []
        for index in range(passes):
            part = slice_rows(batch, index % section.minibatches, section.minibatches)
            batches = {"grpo": part}
            if joint:
                sizes, number = (base.pad_id, options.devices.count), step * passes + index
                batches["sft"] = sft_batch(*sizes, joint.examples, joint.section, number, joint.seed)
            state, metrics = run(state, placed, batches)
            rows.append(jax.device_get(metrics))
        row = reduce_steps(rows)
        return state, mismatch({name: value for name, value in row.items() if not name.startswith("tokens/")})

    return update


def make_terms(base: BaseModel, options: TrainingOptions, section: ConfigDict, joint: Joint | None) -> tuple[Term, ...]:
    """The losses of a stage: GRPO, and the supervised one where the stage is joint."""
    loss = make_grpo_loss(
        base.config,
        temperature=section.temperature,
        remat=options.remat,
        loss=section.loss,
        logprob=options.logprob,
        token_ranges=base.token_ranges,
        **constants_of(section),
    )
    terms = (Term("grpo", loss, micro_batches=section.micro_batches),)
    if joint:
        sft = make_sft_loss(base.config, options.remat, options.logprob)
        terms += (Term("sft", sft, weight=joint.weight, micro_batches=joint.section.micro_batches),)
    return terms


def constants_of(section: ConfigDict) -> dict[str, Any]:
    """The constants of the policy loss in `config.grpo`."""
    names = ("clip_low", "clip_high", "dual_clip", "beta", "kl", "kl_correction", "entropy_bonus", "importance_cap")
    return {name: section[name] for name in names} | {"max_tokens": section.max_new_tokens}


def group_batch(group: Group, advantages: jax.Array, drop_truncated: bool = False) -> dict[str, jax.Array]:
    """The arrays of a rollout that the loss reads, with advantages [P, G]; every leading axis is P.

    `drop_truncated` masks the completions that met the token limit.
    """
    mask = np.asarray(group.mask)
    if drop_truncated:
        mask = mask_truncated(mask, np.asarray(group.truncated))
    return {
        "prompts": jnp.asarray(group.prompts),
        "prompt_mask": jnp.asarray(group.prompt_mask),
        "completions": jnp.asarray(group.completions),
        "mask": jnp.asarray(mask),
        "cells": jnp.asarray(pack_cells(mask)),
        "log_prob": jnp.asarray(group.log_prob),
        "advantages": advantages,
    }


def slice_rows(batch: Mapping[str, jax.Array], index: int, parts: int) -> dict[str, jax.Array]:
    """Mini-batch `index` of `parts`: a run of prompts with all their completions."""
    size = batch["prompts"].shape[0] // parts
    return {name: value[index * size : (index + 1) * size] for name, value in batch.items()}


def describe(rolled: Collected, rewards: Rewards, advantages: jax.Array) -> dict[str, float]:
    """The metrics of a rollout: rewards by channel, lengths, truncation, format, zero-variance groups, times.

    A channel's mean is over the completions it applies to; one that applies to none is left out of the row.
    """
    group, lengths = rolled.group, rolled.group.mask.sum(axis=-1)
    applying = {name: values[~np.isnan(values)] for name, values in rolled.channels.items()}
    row = {f"reward/{name}": float(np.mean(values)) for name, values in applying.items() if values.size}
    row |= {f"reward/{name}": float(getattr(rewards.plain, name)()) for name in ("mean", "std", "min", "max")}
    row |= {f"completion/length_{name}": float(getattr(lengths, name)()) for name in ("mean", "min", "max")}
    return (row | rewards.metrics | rolled.metrics) | {
        "completion/truncated": float(group.truncated.mean()),
        "completion/strict": float(np.mean([response.strict for response in rolled.responses])),
        "groups/zero_variance": float(has_zero_variance(rewards.combined).mean()),
        "advantage/std": float(advantages.std()),
    }
