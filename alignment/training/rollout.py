"""Sampling and scoring one rollout: P questions with G completions each, from the policy in training.

A group of completions is parsed and scored on the host as soon as its last completion ends, while the device samples
the other groups. Only channels that need the device (`needs="device"`) are scored when sampling is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.compose import merge
from alignment.adapters.stack import Stack, push
from alignment.data.batches import batch_indices
from alignment.objectives.advantages import has_zero_variance
from alignment.record import Record
from alignment.reward_model.features import group_features
from alignment.reward_model.model import make_reward_function
from alignment.rewards.combine import RewardConfig, Rewards, RewardState, make_reward_config
from alignment.rewards.registry import ScoreBatch, needs_device
from alignment.rewards.score import score_channels
from alignment.rollout.base_model import completion_ids, encode_prompts, parse_completions
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import Sampler, stream, trim
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Group, Stats, join_groups
from alignment.text.parser import Response
from alignment.training.losses import TRAINABLE
from alignment.training.prompts import cached_prompts
from alignment.training.state import Frozen, TrainState

TIMES = ("time/data_wait", "time/rollout", "time/reward", "time/device_wait")


class Rollout(NamedTuple):
    """P questions with G completions each and their raw rewards; lists of P * G run prompt by prompt."""

    questions: list[Record]  # [P]
    group: Group  # tokens, masks, log-probs [P, G, Lc] and truncated [P, G]
    responses: list[Response]  # [P * G], parsed once
    channels: dict[str, np.ndarray]  # raw rewards by channel, [P * G]; NaN where one does not apply
    metrics: dict[str, float]


class RolloutContext(NamedTuple):
    """What all rollouts of a stage share."""

    sampler: Sampler
    frozen: Frozen
    config: ConfigDict  # config.grpo
    reward_config: RewardConfig
    reward_model: Callable[[np.ndarray], np.ndarray] | None = None  # features [N, D] -> rewards [N]
    prompts: Mapping[str, list[int]] = MappingProxyType({})  # encoded, by record id; others are encoded when needed
    seed: int = 0  # of the run, for channels that draw their rewards


def make_context(
    sampler: Sampler, frozen: Frozen, config: ConfigDict, records: Sequence[Record], cache: str, seed: int
) -> RolloutContext:
    """Encode the prompts of `records` (`cache` is the folder of earlier encodings) and resolve the reward's names."""
    prompts = cached_prompts(sampler.base, records, cache)
    return RolloutContext(
        sampler,
        frozen,
        config,
        reward_config_of(config),
        make_reward_function(config, sampler.base),
        {record.id: prompt for record, prompt in zip(records, prompts, strict=True)},
        seed,
    )


def reward_config_of(config: ConfigDict) -> RewardConfig:
    """Return how rewards are computed from `config.grpo`; raises `UserError` for what cannot work."""
    return make_reward_config(
        config.reward,
        config.channels,
        config.normaliser,
        config.weighting,
        config.hard_safety,
        config.weights.to_dict(),
        config.std_floor,
    )


def draw_questions(records: Sequence[Record], count: int, step: int, seed: int) -> list[Record]:
    """Return the `count` questions of step `step`, a function of (seed, step) alone."""
    return [records[index] for index in batch_indices(len(records), count, step, seed)]


def sample_and_score(
    context: RolloutContext, state: TrainState, questions: Sequence[Record], step: int, attempt: int = 0
) -> Rollout:
    """Sample G completions a question from the current policy and score them.

    The noise is a function of the state's key, `step`, `attempt` and the prompt. The cache has the size of a whole
    step's, however few questions there are, so that replacing groups compiles nothing.
    """
    config, stats, base = context.config, Stats(), context.sampler.base
    start = time.perf_counter()
    prompts = [context.prompts.get(record.id) or encode_prompts(base, [record])[0] for record in questions]
    data_wait = time.perf_counter() - start
    keys = completion_keys(state.key, step, [prompt_hash(prompt) for prompt in prompts], config.group_size, attempt)
    params, stack = sampling_policy(context, state)
    sampler = context.sampler.with_params(params).with_min_groups(config.prompts)
    kwargs = {"max_new_tokens": config.max_new_tokens, "sampling": SamplingConfig(config.temperature)}
    parts, start, reward_time = {}, time.perf_counter(), 0.0
    for index, group in stream(sampler, stack, prompts, keys, stats=stats, **kwargs):
        score_start = time.perf_counter()
        with jax.profiler.TraceAnnotation("score a group"):
            responses = parse_completions(base, group, [questions[index]])
            rollout = Rollout([questions[index]], group, responses, {}, {})
            parts[index] = rollout._replace(channels=score_completions(context, rollout, step))
        reward_time += time.perf_counter() - score_start
    rollout = join([parts[index] for index in range(len(questions))])
    if any(map(needs_device, context.reward_config.weights)):
        chunks = config.minibatches * config.micro_batches
        features = group_features(base, context.sampler.devices, rollout.group, chunks)
        channels = rollout.channels | score_completions(context, rollout, step, features)
        rollout = rollout._replace(channels={name: channels[name] for name in context.reward_config.weights})
    times = dict(zip(TIMES, (data_wait, time.perf_counter() - start, reward_time, stats.wait_s), strict=True))
    metrics = times | {"rollout/utilisation": stats.utilisation, "rollout/completions": float(len(rollout.responses))}
    return rollout._replace(metrics=metrics)


def sampling_policy(context: RolloutContext, state: TrainState) -> tuple[dict, Stack]:
    """Return the base parameters and the adapters that the current policy samples with.

    Unmerged by default. `--config.rollout.merge=float32` folds the adapters into a float32 copy of the base, which
    decodes without them; the update still works on the unmerged policy, and `sampler/...` says how far the two differ.
    """
    params, stack = context.frozen.params, push(context.frozen.under, TRAINABLE, state.lora)
    if context.sampler.merge != "float32":
        return params, stack
    return merge(jax.tree.map(lambda leaf: leaf.astype("float32"), params), stack), Stack()


def score_completions(
    context: RolloutContext, rollout: Rollout, step: int, features: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Score every completion on the channels that need the device if `features` are passed, else on the others.

    Args:
      context: names the channels.
      rollout: its responses are scored.
      step: of training, from 0.
      features: [P * G, D] of the frozen base.

    Returns:
      {name: raw values [P * G]}.
    """
    batch = ScoreBatch(
        responses=rollout.responses,
        records=[record for record in rollout.questions for _ in range(rollout.group.mask.shape[1])],
        token_ids=completion_ids(context.sampler.base, rollout.group),
        progress=step / context.config.steps,
        max_tokens=context.config.max_new_tokens,
        draw=(context.seed, step),
        features=features,
        reward_model=context.reward_model,
    )
    names = [name for name in context.reward_config.weights if needs_device(name) == (features is not None)]
    return score_channels(batch, names)


def replace_zero_variance_groups(
    context: RolloutContext,
    state: TrainState,
    rollout: Rollout,
    combined: tuple[Rewards, RewardState],
    combine_rewards: Callable[[Mapping[str, np.ndarray], int], tuple[Rewards, RewardState]],
    records: Sequence[Record],
    seed_and_step: tuple[int, int],
) -> tuple[Rollout, Rewards, RewardState]:
    """Replace groups without variance of rewards, which have no gradient, by groups of other questions.

    Dynamic sampling of DAPO (Yu et al. 2025, 2503.14476, section 3.2) with a budget: `--config.grpo.refill` attempts,
    each with as many new questions as there are groups to replace. The questions of an attempt are a function of seed,
    step and attempt, and every new group with variance is used at once, so that a resume needs no further state. A
    group that no attempt replaces stays.

    Args:
      context: of the stage.
      state: the current policy.
      rollout: of this step.
      combined: its rewards and the reward state after it.
      combine_rewards: (channels, number of groups) -> rewards and reward state.
      records: the questions of the stage.
      seed_and_step: of the data order, and the step from 0.
    """
    (rewards, reward_state), replaced, step = combined, 0, seed_and_step[1]
    flat = has_zero_variance(rewards.combined)
    zero_variance_before = float(flat.mean())
    for attempt in range(1, context.config.refill + 1):
        used = {record.id for record in rollout.questions}
        order = np.random.default_rng((*seed_and_step, attempt)).permutation(len(records)) if flat.any() else ()
        questions = [records[index] for index in order if records[index].id not in used][: int(flat.sum())]
        if not questions:
            break
        extra = sample_and_score(context, state, questions, step, attempt)
        useful = np.flatnonzero(~has_zero_variance(combine_rewards(extra.channels, len(questions))[0].combined))
        groups = np.arange(len(flat))
        groups[np.flatnonzero(flat)[: len(useful)]] = len(flat) + useful
        totals = {name: rollout.metrics[name] + extra.metrics[name] for name in (*TIMES, "rollout/completions")}
        metrics, replaced = rollout.metrics | totals, replaced + len(useful)
        rollout = select_groups(join([rollout, extra]), groups)._replace(metrics=metrics)
        rewards, reward_state = combine_rewards(rollout.channels, len(rollout.questions))
        flat = has_zero_variance(rewards.combined)
    counts = {"groups/refilled": replaced, "groups/zero_variance_before": zero_variance_before}
    return rollout._replace(metrics=rollout.metrics | counts), rewards, reward_state


def select_groups(rollout: Rollout, groups: np.ndarray) -> Rollout:
    """Return the rollout of these groups [P], in this order."""
    samples = rollout.group.mask.shape[1]
    rows = (groups[:, None] * samples + np.arange(samples)).ravel()
    return Rollout(
        questions=[rollout.questions[index] for index in groups],
        group=trim(jax.tree.map(lambda leaf: leaf[groups], rollout.group)),
        responses=[rollout.responses[index] for index in rows],
        channels={name: channel[rows] for name, channel in rollout.channels.items()},
        metrics=rollout.metrics,
    )


def join(parts: Sequence[Rollout]) -> Rollout:
    """Return one rollout of several, in their order, trimmed to the bucket of the longest completion."""
    return Rollout(
        questions=[record for part in parts for record in part.questions],
        group=trim(join_groups([part.group for part in parts])),
        responses=[response for part in parts for response in part.responses],
        channels={name: np.concatenate([part.channels[name] for part in parts]) for name in parts[0].channels},
        metrics={},
    )
