"""The update of a GRPO stage: every optimiser step that a rollout serves, compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.adapters.stack import Stack, push
from alignment.common.interrupts import commit_step
from alignment.data.tokens import Examples
from alignment.metric_schema import reduce_steps
from alignment.parallel.data_parallel import compile_step, place_frozen
from alignment.record import Record
from alignment.rollout.base_model import BaseModel
from alignment.training.batches import GrpoBatch, minibatch
from alignment.training.controls import choose_tokens, hold_entropy, reset_reference
from alignment.training.drift import LogProbs, Texts, is_measured, make_drift
from alignment.training.losses import TRAINABLE, completion_log_probs, make_grpo_loss, make_sft_loss
from alignment.training.mismatch import mismatch
from alignment.training.options import TrainingOptions
from alignment.training.power import step_and_measure
from alignment.training.sft import sft_batch
from alignment.training.state import Frozen, TrainState
from alignment.training.step import Term, make_step

Update = Callable[[TrainState, GrpoBatch, int], tuple[TrainState, dict[str, float]]]


class GrpoData(NamedTuple):
    """What a GRPO stage learns from."""

    questions: Sequence[Record]
    examples: Examples | None = None  # of the joint stage's second loss: L_GRPO + joint_weight * L_SFT on one adapter
    texts: Texts = Texts()  # that no stage trains on: their loss is measured


def make_update(
    base: BaseModel,
    options: TrainingOptions,
    frozen: Frozen,
    data: GrpoData,
    config: ConfigDict,
    optimizer: optax.GradientTransformation,
    start: Lora,
    seed: int,
) -> Update:
    """Return the function (state, batch, step) -> (state, metrics) that runs every optimiser step of one rollout.

    A rollout serves `epochs` passes of `minibatches` optimiser steps each. `start` is the adapter before the stage,
    against which its change is measured, and `seed` decides the order of `data.examples`.
    """
    grpo, passes = config.grpo, config.grpo.epochs * config.grpo.minibatches
    terms = make_terms(base, options, config, joint=data.examples is not None)
    run = compile_step(lambda axis: make_step(terms, optimizer, axis), options.devices)
    placed = place_frozen(frozen, options.devices)
    log_probs = make_log_probs(base, options, frozen, grpo)
    drift = make_drift(base, options, frozen, start, data.texts, grpo, log_probs) if grpo.power_every else None

    def update(state: TrainState, batch: GrpoBatch, step: int) -> tuple[TrainState, dict[str, float]]:
        commit_step()
        measured, measurements = is_measured(grpo, step), {}
        if passes > 1:  # with a single pass the policy that sampled is the current one
            batch = batch.replace(old_log_prob=log_probs(push(frozen.under, TRAINABLE, state.lora), batch))
        batch = choose_tokens(batch, grpo, np.random.default_rng((seed, step)))
        if grpo.target_entropy:
            state, batch = hold_entropy(state, batch, grpo)
        rows = []
        for index in range(passes):
            batches = {"grpo": minibatch(batch, index % grpo.minibatches, grpo.minibatches)}
            if data.examples is not None:
                sizes, number = (base.pad_id, options.devices.count), step * passes + index
                batches["sft"] = sft_batch(*sizes, data.examples, config.sft, number, seed)
            if index == 0 and measured:
                state, metrics, measurements = step_and_measure(run, state, placed, batches)
            else:
                state, metrics = run(state, placed, batches)
            rows.append(jax.device_get(metrics))
        row = reduce_steps(rows)
        row = {name: value for name, value in row.items() if not name.startswith(("tokens/", "count/"))}
        if grpo.target_entropy:
            row["entropy/weight"] = float(batch.entropy_weight[0])
        if measured:
            moved = drift(state.lora, batch, step)
            moved["time/measure"] += measurements["time/measure"]
            measurements |= moved
        if grpo.reference_reset and (step + 1) % grpo.reference_reset == 0:
            state = reset_reference(state, optimizer)
        return state, mismatch(row) | measurements

    return update


def make_log_probs(base: BaseModel, options: TrainingOptions, frozen: Frozen, grpo: ConfigDict) -> LogProbs:
    """Return the function (adapters, batch) -> log-probs [P, G, Lc] of its completions, without a gradient."""
    log_probs = jax.jit(completion_log_probs, static_argnames=("config", "temperature", "logprob", "token_ranges"))
    chunks = grpo.minibatches * grpo.micro_batches
    kwargs = {"config": base.config, "temperature": grpo.temperature, "logprob": options.logprob}
    kwargs["token_ranges"] = base.token_ranges

    def of_policy(stack: Stack, batch: GrpoBatch) -> jax.Array:
        parts = (options.devices.shard(minibatch(batch, index, chunks)) for index in range(chunks))
        return jnp.concatenate([log_probs(frozen.params, stack, part, **kwargs).log_prob for part in parts])

    return of_policy


def make_terms(base: BaseModel, options: TrainingOptions, config: ConfigDict, joint: bool) -> tuple[Term, ...]:
    """Return the losses of a stage: GRPO, and the supervised one where the stage is joint."""
    grpo = config.grpo
    loss = make_grpo_loss(
        base.config,
        temperature=grpo.temperature,
        remat=options.remat,
        loss=grpo.loss,
        logprob=options.logprob,
        token_ranges=base.token_ranges,
        **loss_constants(grpo),
    )
    terms = (Term("grpo", loss, micro_batches=grpo.micro_batches),)
    if joint:
        sft = make_sft_loss(base.config, options.remat, options.logprob)
        terms += (Term("sft", sft, weight=grpo.joint_weight, micro_batches=config.sft.micro_batches),)
    return terms


def loss_constants(grpo: ConfigDict) -> dict[str, Any]:
    """Return the constants of the policy loss in `config.grpo`."""
    names = ("clip_low", "clip_high", "dual_clip", "beta", "kl_target", "kl", "kl_correction", "group_size")
    names += ("entropy_bonus", "target_entropy", "importance", "importance_cap", "importance_floor")
    names += ("covariance_weight",)
    return {name: grpo[name] for name in names} | {"max_tokens": grpo.max_new_tokens}
