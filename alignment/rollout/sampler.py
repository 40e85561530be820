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
from alignment.rollout.sampling import Sampling
from alignment.rollout.scheduler import Group, Layout, Stats, join_groups, stream_groups
from alignment.text.padding import bucket, pad_right

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

    def with_groups(self, groups: int) -> Sampler:
        """The same sampler with a cache for at least `groups` groups, so that fewer of them compile nothing new."""
        return dataclasses.replace(self, layout=dataclasses.replace(self.layout, groups=groups))


def load_sampler(config: ConfigDict, devices: Devices) -> Sampler:
    """Load the base that `config.model` names and lay its rollouts out as `config.rollout` says.

    Raises:
      UserError: what `load_base_model` raises, or a value of `config.rollout` that is out of range.
    """
    section = config.rollout
    if section.merge not in MERGES:
        raise UserError(f"--config.rollout.merge={section.merge} is unknown; use one of {', '.join(MERGES)}")
    layout = Layout(section.lanes, section.width, section.chunk, section.cache_dtype)
    return Sampler(load_base_model(config, devices), devices, layout, section.merge)


def stream(
    sampler: Sampler,
    stack: Stack,
    prompts: Sequence[Sequence[int]],
    keys: jax.Array,
    *,
    max_new_tokens: int,
    sampling: Sampling,
    stop: Sequence[str] = (),
    stats: Stats | None = None,
) -> Iterator[tuple[int, Group]]:
    """Sample a completion for every key [P, G] and yield each prompt's group as it is complete, with its index.

    Only ids that have a token are drawn. `stop` are texts that end a completion, which keeps them; the other arguments
    are those of `stream_groups`.
    """
    base, devices = sampler.base, sampler.devices
    tokens, mask = pad_right(prompts, base.pad_id)
    return stream_groups(
        base.params,
        devices.replicate(stack),
        tokens,
        mask,
        keys,
        config=base.config,
        sampling=dataclasses.replace(sampling, token_ranges=base.token_ranges),
        max_new_tokens=max_new_tokens,
        stop_ids=base.stop_ids,
        pad_id=base.pad_id,
        layout=sampler.layout,
        find_stop=partial(_find_stop, base.tokenizer, tuple(stop)) if stop else None,
        shard=devices.shard,
        devices=len(devices.devices),
        stats=stats,
    )


def _find_stop(tokenizer: Any, stop: tuple[str, ...], ids: np.ndarray) -> int | None:
    """How many of `ids` to keep where their text holds one of `stop`: up to the token that completes the first."""
    if not any(text in tokenizer.decode(ids) for text in stop):
        return None
    return (
        bisect.bisect_left(
            range(1, len(ids) + 1), True, key=lambda count: any(text in tokenizer.decode(ids[:count]) for text in stop)
        )
        + 1
    )


def complete(
    sampler: Sampler, stack: Stack, prompts: Sequence[Sequence[int]], keys: jax.Array, **options: Any
) -> Group:
    """All completions of `stream` together, trimmed to the bucket of the longest."""
    groups = dict(stream(sampler, stack, prompts, keys, **options))
    return trim(join_groups(groups[index] for index in range(len(prompts))))


def trim(group: Group) -> Group:
    """Keep as many completion positions as the bucket of the longest needs."""
    # Few lengths, since each compiles an update of its own; the update packs the padding away in any case.
    length = min(bucket(int(group.mask.sum(axis=-1).max()), per_octave=1, least=64), group.mask.shape[-1])
    cut = {name: getattr(group, name)[..., :length] for name in ("completions", "mask", "log_prob")}
    return group.replace(**cut)
