"""A rollout as the suites `decode`, `grpo` and `load` run it: random prompts of full length, no end token."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from alignment.adapters.stack import push
from alignment.benchmarks.setting import Setting
from alignment.rollout.groups import Group
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import ALL_AT_ONCE, Layout, Policy, Requests, Stats, StopCondition, sample_groups
from alignment.training.losses import TRAINABLE
from alignment.training.state import Frozen, TrainState

PLAIN = SamplingConfig()
NO_STOP = StopCondition(stop_ids=(-1,), pad_id=0)  # every completion has its full length


class Generated(NamedTuple):
    """One rollout, its duration and its statistics."""

    group: Group
    seconds: float
    stats: Stats


def make_rollout(
    setting: Setting,
    *,
    shared: bool = True,
    sampling: SamplingConfig = PLAIN,
    layout: Layout = ALL_AT_ONCE,
    limits: np.ndarray | None = None,
) -> Callable[[TrainState, Frozen, dict, int], Generated]:
    """Return `run(state, frozen, batch, step)`, which continues `batch.prompts` [P, Lp] with the policy of `state`.

    Without `shared` every sample runs its prompt separately. `limits` [P, G] are the lengths, in tokens, at which
    completions end.
    """

    def run(state: TrainState, frozen: Frozen, batch: dict, step: int) -> Generated:
        stats, began = Stats(), time.perf_counter()
        prompts, mask = np.asarray(batch.prompts), np.asarray(batch.prompt_mask)
        keys = jax.random.split(jax.random.fold_in(state.key, step), (len(prompts), setting.group))
        ends = limits
        if not shared:
            prompts, mask = (np.repeat(each, setting.group, axis=0) for each in (prompts, mask))
            keys, ends = keys.reshape(-1, 1), None if limits is None else limits.reshape(-1, 1)
        policy = Policy(frozen.params, push(frozen.under, TRAINABLE, state.lora), setting.config)
        requests = Requests(prompts, mask, keys, setting.new_tokens, ends)
        group = sample_groups(policy, requests, sampling, NO_STOP, layout=layout, stats=stats)
        return Generated(group, time.perf_counter() - began, stats)

    return run
