"""What a GRPO step learns from: completions of the current policy, read and scored while the device samples on."""

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
from alignment.objectives.advantages import has_zero_variance
from alignment.record import Record
from alignment.reward_model.features import group_features
from alignment.rewards.combine import RewardConfig, Rewards, RewardState
from alignment.rewards.registry import ScoreBatch, needs_device
from alignment.rewards.score import score_channels
from alignment.rollout.base_model import completion_ids, encode_prompts, parse_completions
from alignment.rollout.groups import Group, join_groups, trim
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import Sampler, stream
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Stats
from alignment.text.parser import Response
from alignment.training.losses import TRAINABLE
from alignment.training.state import Frozen, TrainState

TIMES = ("time/data_wait", "time/rollout", "time/reward", "time/device_wait")


class Collected(NamedTuple):
    """P prompts with G completions each, and what became of them; lists run over P x G, prompt by prompt."""

    records: list[Record]  # [P]
    group: Group
    responses: list[Response]  # [P * G]
    channels: dict[str, np.ndarray]  # by name [P * G]: raw rewards
    metrics: dict[str, float]


class Collector(NamedTuple):
    """What stays the same over a stage."""

    sampler: Sampler
    frozen: Frozen
    section: ConfigDict  # config.grpo
    reward_config: RewardConfig
    reward_model: Callable[[np.ndarray], np.ndarray] | None = None  # features [N, D] -> rewards [N]
    prompts: Mapping[str, list[int]] = MappingProxyType({})  # by record; one that is not there is encoded when asked


def collect(collector: Collector, state: TrainState, asked: Sequence[Record], step: int, attempt: int = 0) -> Collected:
    """Sample G completions a question from the current policy, with noise of this step and attempt alone; score them.

    A group is read and scored as soon as its last completion ends, while the device samples the others.
    """
    section, stats = collector.section, Stats()
    asking, base, known = time.perf_counter(), collector.sampler.base, collector.prompts
    prompts = [known[record.id] if record.id in known else encode_prompts(base, [record])[0] for record in asked]
    waited = time.perf_counter() - asking
    keys = completion_keys(state.key, step, [prompt_hash(prompt) for prompt in prompts], section.group_size, attempt)
    params, stack = serving_policy(collector, state)
    given = {"max_new_tokens": section.max_new_tokens, "sampling": SamplingConfig(section.temperature)}
    parts, began, scoring = {}, time.perf_counter(), 0.0
    # A cache for a whole step, however few questions are asked, so that a refill compiles nothing.
    sampler = collector.sampler.with_params(params).with_min_groups(section.prompts)
    for index, group in stream(sampler, stack, prompts, keys, stats=stats, **given):
        start = time.perf_counter()
        with jax.profiler.TraceAnnotation("score a group"):
            parts[index] = _scored(collector, [asked[index]], group, step)
        scoring += time.perf_counter() - start
    whole = join([parts[index] for index in range(len(asked))])
    if any(
        map(needs_device, collector.reward_config.weights)
    ):  # their features need the device, which is free only now
        chunks = section.minibatches * section.micro_batches
        features = group_features(base, collector.sampler.devices, whole.group, chunks)
        channels = whole.channels | judge(collector, whole.group, whole.responses, whole.records, step, features)
        whole = whole._replace(channels={name: channels[name] for name in collector.reward_config.weights})
    times = dict(zip(TIMES, (waited, time.perf_counter() - began, scoring, stats.wait_s), strict=True))
    return whole._replace(metrics=times | {"rollout/utilisation": stats.utilisation})


def refill(
    collector: Collector,
    state: TrainState,
    first: Collected,
    records: Sequence[Record],
    step: int,
    seed: int,
    reward: Callable[..., tuple[Rewards, RewardState]],
) -> Collected:
    """Replace groups whose rewards are all equal, and so teach nothing, by groups of other questions.

    Dynamic sampling of DAPO (Yu et al. 2025, 2503.14476, section 3.2) with a budget: `--config.grpo.refill` attempts,
    each with as many new questions as groups are left to replace. What an attempt asks is a function of seed, step and
    attempt, and every new group that is used is used at once, so that a resume has nothing to remember. A group that no
    attempt could replace stays, without gradient.
    """
    flat, replaced, now = _flat(first, reward), 0, first
    for attempt in range(1, collector.section.refill + 1):
        asked = _fresh(records, now, int(flat.sum()), (seed, step, attempt))
        if not asked:
            break
        new = collect(collector, state, asked, step, attempt)
        useful, places = np.flatnonzero(~_flat(new, reward)), np.flatnonzero(flat)
        picks = np.arange(len(flat))
        picks[places[: len(useful)]] = len(flat) + useful
        times = {name: now.metrics[name] + new.metrics[name] for name in TIMES}
        now, replaced = _pick(join([now, new]), picks)._replace(metrics=now.metrics | times), replaced + len(useful)
        flat = _flat(now, reward)
    if not collector.section.refill:
        return first
    before = float(_flat(first, reward).mean())
    return now._replace(metrics=now.metrics | {"groups/refilled": replaced, "groups/zero_variance_before": before})


def _flat(collected: Collected, reward: Callable[..., tuple[Rewards, RewardState]]) -> np.ndarray:
    rewards, _ = reward(raw=collected.channels, groups=len(collected.records))
    return has_zero_variance(rewards.combined)


def _fresh(records: Sequence[Record], now: Collected, count: int, seed: tuple[int, ...]) -> list[Record]:
    """Up to `count` questions that this step has not asked, in an order that `seed` decides."""
    held = {record.id for record in now.records}
    order = np.random.default_rng(seed).permutation(len(records)) if count else ()
    return [records[index] for index in order if records[index].id not in held][:count]


def _pick(collected: Collected, groups: np.ndarray) -> Collected:
    """The collection of these groups [P], in this order."""
    samples = collected.group.mask.shape[1]
    rows = (groups[:, None] * samples + np.arange(samples)).ravel()
    return Collected(
        records=[collected.records[index] for index in groups],
        group=trim(jax.tree.map(lambda leaf: leaf[groups], collected.group)),
        responses=[collected.responses[index] for index in rows],
        channels={name: channel[rows] for name, channel in collected.channels.items()},
        metrics=collected.metrics,
    )


def serving_policy(collector: Collector, state: TrainState) -> tuple[dict, Stack]:
    """The base and the adapters that the current policy samples with.

    Unmerged by default. `--config.rollout.merge=float32` folds the adapters into a float32 copy of the base, which
    decodes without them; the update still works on the unmerged policy, and `sampler/...` says how far the two differ.
    """
    params, stack = collector.frozen.params, push(collector.frozen.under, TRAINABLE, state.lora)
    if collector.sampler.merge != "float32":
        return params, stack
    return merge(jax.tree.map(lambda leaf: leaf.astype("float32"), params), stack), Stack()


def _scored(collector: Collector, records: Sequence[Record], group: Group, step: int) -> Collected:
    responses = parse_completions(collector.sampler.base, group, records)
    channels = judge(collector, group, responses, records, step)
    return Collected(list(records), group, responses, channels, {})


def judge(
    collector: Collector,
    group: Group,
    responses: Sequence[Response],
    records: Sequence[Record],
    step: int,
    features: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Score every completion on the channels that need features, if features are passed, else on the other channels.

    Returns:
      {name: raw values [P * G]}.
    """
    section, samples = collector.section, group.mask.shape[1]
    names = [name for name in collector.reward_config.weights if needs_device(name) == (features is not None)]
    batch = ScoreBatch(
        responses=responses,
        records=[record for record in records for _ in range(samples)],
        token_ids=completion_ids(collector.sampler.base, group),
        progress=step / section.steps,
        max_tokens=section.max_new_tokens,
        features=features,
        reward_model=collector.reward_model,
    )
    return score_channels(batch, names)


def join(parts: Sequence[Collected]) -> Collected:
    """One collection of several, in their order, trimmed to the bucket of the longest completion."""
    return Collected(
        records=[record for part in parts for record in part.records],
        group=trim(join_groups([part.group for part in parts])),
        responses=[response for part in parts for response in part.responses],
        channels={name: np.concatenate([part.channels[name] for part in parts]) for name in parts[0].channels},
        metrics={},
    )
