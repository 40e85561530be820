"""Sampling completions of prompts from a base model with adapters."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.parallel.data_parallel import Devices
from alignment.rollout.base_model import BaseModel, load_base_model
from alignment.rollout.groups import Group, join_groups, trim
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Layout, Policy, Requests, Stats, StopCondition, stream_groups
from alignment.text.padding import pad_right

MERGES = ("none", "float32")


@dataclasses.dataclass(frozen=True)
class Sampler:
    """A base model on devices, and how its rollouts are laid out there."""

    base: BaseModel
    devices: Devices
    layout: Layout = Layout()
    merge: str = "none"  # how training rollouts merge the adapters into the base, one of `MERGES`

    def with_params(self, params: dict) -> Sampler:
        """The same sampler on other weights, such as a base with merged adapters."""
        return dataclasses.replace(self, base=dataclasses.replace(self.base, params=params))

    def with_sequences(self, sequences: int) -> Sampler:
        """The same sampler decoding at most `sequences` sequences at a time."""
        return dataclasses.replace(self, layout=dataclasses.replace(self.layout, sequences=sequences))

    def with_min_groups(self, groups: int) -> Sampler:
        """The same sampler with a cache for at least `groups` groups, so that fewer of them compile nothing new."""
        return dataclasses.replace(self, layout=dataclasses.replace(self.layout, min_groups=groups))


def load_sampler(config: ConfigDict, devices: Devices) -> Sampler:
    """Load the base that `config.model` names and lay its rollouts out as `config.rollout` says.

    Raises:
      UserError: what `load_base_model` raises, or a value of `config.rollout` that is out of range.
    """
    section = config.rollout
    if section.merge not in MERGES:
        raise UserError(f"--config.rollout.merge={section.merge} is unknown; use one of {', '.join(MERGES)}")
    layout = Layout(section.sequences, section.samples_per_slot, section.chunk, section.cache_dtype)
    return Sampler(load_base_model(config, devices), devices, layout, section.merge)


def stream(
    sampler: Sampler,
    stack: Stack,
    prompts: Sequence[Sequence[int]],
    keys: jax.Array,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig,
    stop: Sequence[str] = (),
    stats: Stats | None = None,
) -> Iterator[tuple[int, Group]]:
    """Sample a completion for every key [P, G] and yield each prompt's group as soon as it is complete.

    Args:
      sampler: the base, its devices and the layout; stack: the adapters on it.
      prompts: P prompts as token ids; keys: [P, G] of `completion_keys`.
      max_new_tokens: the length limit Lc.
      sampling: the distribution; only ids that have a token are sampled.
      stop: texts that end a completion, which keeps them.
      stats: is added to.

    Yields:
      The prompt's index and its `Group`, with P = 1.
    """
    base, devices = sampler.base, sampler.devices
    find_stop = partial(_find_stop, base.tokenizer, tuple(stop)) if stop else None
    return stream_groups(
        Policy(base.params, devices.replicate(stack), base.config),
        Requests(*pad_right(prompts, base.pad_id), keys, max_new_tokens),
        dataclasses.replace(sampling, token_ranges=base.token_ranges),
        StopCondition(base.stop_ids, base.pad_id, find_stop),
        layout=sampler.layout,
        devices=devices,
        stats=stats,
    )


def _find_stop(tokenizer: Any, stop: tuple[str, ...], ids: np.ndarray) -> int | None:
    """How many of `ids` to keep where their text holds one of `stop`: up to the token that completes the first."""

    def holds_stop(count: int) -> bool:
        text = tokenizer.decode(ids[:count])
        return any(part in text for part in stop)

    if not holds_stop(len(ids)):
        return None
    return bisect.bisect_left(range(1, len(ids) + 1), True, key=holds_stop) + 1


def complete(
    sampler: Sampler, stack: Stack, prompts: Sequence[Sequence[int]], keys: jax.Array, **options: Any
) -> Group:
    """All completions of `stream` together, trimmed to the bucket of the longest."""
    groups = dict(stream(sampler, stack, prompts, keys, **options))
    return trim(join_groups(groups[index] for index in range(len(prompts))))
