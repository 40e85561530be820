"""Sampling completions for groups of prompts: the host's side, which keeps the lanes of `lanes.Pool` at work.

Each prompt is computed once for all samples of a slot. Short answers do not wait for long ones: the device decodes in
chunks, and between two chunks lanes whose sample has ended take the next. The end token a row chose stays in the
completion and in its mask, and the log-probability recorded is that of the distribution sampled from. A completion
depends on its key alone, not on its lane, its slot or when its turn came.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.models.config import Qwen2Config
from alignment.rollout import lanes
from alignment.rollout.sampling import Sampling

ADMITTED = 8  # prompts run at once where several slots are free; a single free slot is served alone
FindStop = Callable[[np.ndarray], int | None]  # ids so far -> how many to keep, None while nothing stops them
Place = Callable[[Any], Any]


@struct.dataclass
class Group:
    """P prompts with G completions each."""

    prompts: jax.Array  # [P, Lp] tokens, padded on the right
    prompt_mask: jax.Array  # [P, Lp] true at real prompt tokens
    completions: jax.Array  # [P, G, Lc] tokens, padded on the right
    mask: jax.Array  # [P, G, Lc] true at completion tokens, the end token included
    log_prob: jax.Array  # [P, G, Lc] log-probability each token was sampled with; 0 where masked
    truncated: jax.Array  # [P, G] true where the length limit, not an end token, ended the row


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a rollout is laid out; none of it changes a completion in float32.

    Raises:
      UserError: a number out of its range.
    """

    lanes: int = 0  # completions decoded side by side; 0: all of them
    width: int = 0  # lanes that share a prompt's keys and values; 0: all of a group if all fit at once, otherwise 2
    chunk: int = 32  # tokens decoded before the host looks again
    cache_dtype: str = ""  # of keys and values; "": that of the weights
    groups: int = 0  # room for at least so many groups, so that fewer of them compile nothing new

    def __post_init__(self):
        for name in ("lanes", "width"):
            if getattr(self, name) < 0:
                raise UserError(f"--config.rollout.{name}={getattr(self, name)}: it must not be negative")
        if self.chunk < 1:
            raise UserError(f"--config.rollout.chunk={self.chunk}: it must be at least 1")
        if self.cache_dtype not in ("", "float32", "bfloat16"):
            raise UserError(f"--config.rollout.cache_dtype={self.cache_dtype}: use float32, bfloat16 or nothing")

    def shape(self, prompts: int, samples: int, devices: int = 1) -> tuple[int, int]:
        """Slots and lanes a slot for `prompts` groups of `samples`, the slots a multiple of `devices`."""
        total = max(prompts, self.groups) * samples
        count = min(self.lanes or total, total)
        width = min(self.width or (samples if count == total else 2), samples, count)
        slots = -(-count // width)
        return -(-slots // devices) * devices, width


AT_ONCE = Layout()


@dataclasses.dataclass
class Stats:
    """What a rollout did, filled in as it goes."""

    steps: int = 0  # tokens decoded a lane, lanes at rest included
    tokens: int = 0  # tokens kept
    prompts: int = 0  # prompts run, those run again for a second slot included
    wait_s: float = 0.0  # the host waited for the device


@dataclasses.dataclass
class _Seating:
    """Who sits where."""

    pending: list[deque[int]]  # a prompt's samples that nobody has begun
    waiting: deque[int]  # prompts that no slot has held yet
    prompt: np.ndarray  # [Q] the prompt of each slot, -1 for none
    sample: np.ndarray  # [Q, W] the sample of each lane, -1 at rest

    @property
    def at_work(self) -> int:
        """How many lanes have a sample."""
        return int((self.sample >= 0).sum())

    @property
    def anything_left(self) -> bool:
        """Whether a sample waits for a lane."""
        return any(self.pending)

    def fill(self) -> tuple[list[tuple[int, int]], np.ndarray]:
        """Give lanes at rest their next sample; return the (slot, prompt) newly held and the lanes [Q, W] seated."""
        before = self.sample.copy()
        for slot in np.flatnonzero(self.prompt >= 0):
            self._take(slot)
        admitted = []
        for slot in np.flatnonzero((self.sample < 0).all(axis=1)):
            if not self.anything_left:
                break
            # At the end idle slots help with what is left of prompts that others hold.
            rest = max(range(len(self.pending)), key=lambda prompt: len(self.pending[prompt]))
            self.prompt[slot] = self.waiting.popleft() if self.waiting else rest
            admitted.append((int(slot), int(self.prompt[slot])))
            self._take(slot)
        return admitted, self.sample != before

    def _take(self, slot: int) -> None:
        left = self.pending[self.prompt[slot]]
        for lane in np.flatnonzero(self.sample[slot] < 0)[: len(left)]:
            self.sample[slot, lane] = left.popleft()

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Values [P, G, ...] as the lanes have them, [Q, W, ...]; those of lanes at rest mean nothing."""
        return values[self.prompt[:, None], self.sample]


def sample_groups(params: dict, stack: Stack, prompts: Any, prompt_mask: Any, keys: jax.Array, **options: Any) -> Group:
    """Sample one completion for each key [P, G] and return them all; see `stream_groups`."""
    found = dict(stream_groups(params, stack, prompts, prompt_mask, keys, **options))
    return join_groups(found[index] for index in range(len(found)))


def join_groups(groups: Iterable[Group]) -> Group:
    """One `Group` of several, in their order."""
    return jax.tree.map(lambda *leaves: np.concatenate([_widened(leaf, leaves) for leaf in leaves]), *groups)


def _widened(leaf: np.ndarray, leaves: Sequence[np.ndarray]) -> np.ndarray:
    """Fill up the last axis to that of the widest of `leaves`; masks say that nothing is there."""
    spare = max(other.shape[-1] for other in leaves) - leaf.shape[-1]
    return np.pad(leaf, [(0, 0)] * (leaf.ndim - 1) + [(0, spare)])


def stream_groups(
    params: dict,
    stack: Stack,
    prompts: Any,
    prompt_mask: Any,
    keys: jax.Array,
    *,
    config: Qwen2Config,
    sampling: Sampling,
    max_new_tokens: int,
    stop_ids: tuple[int, ...],
    pad_id: int,
    layout: Layout = AT_ONCE,
    limits: np.ndarray | None = None,
    find_stop: FindStop | None = None,
    shard: Place = jax.device_put,
    devices: int = 1,
    stats: Stats | None = None,
) -> Iterator[tuple[int, Group]]:
    """Sample a completion for every key and yield each prompt's group, with its index, when its last sample ends.

    The device is decoding while the consumer works on what was yielded.

    Args:
      params: the base; stack: the adapters the policy is served with (unmerged).
      prompts: [P, Lp] tokens padded on the right; prompt_mask: [P, Lp].
      keys: [P, G] typed keys from `lane_keys`.
      config: sizes.
      sampling: the distribution.
      max_new_tokens: Lc, the length limit; limits: [P, G] limits of each completion below it, if any.
      stop_ids: tokens that end a row.
      pad_id: written after the end of a row; never consulted for masks.
      layout: lanes, slots and chunks.
      find_stop: ends rows on what their text says, where no end token did.
      shard: puts a tree of arrays with leading axis Q on the devices, of which there are `devices`.
      stats: is added to.
    """
    stats = Stats() if stats is None else stats
    most = np.full(keys.shape, max_new_tokens)
    limits = most if limits is None else np.minimum(limits, most)
    work = _Work(params, stack, config, np.asarray(prompts), np.asarray(prompt_mask), keys, limits, shard, devices)
    slots, width = layout.shape(*keys.shape, devices)
    seating, pool = _seating(*keys.shape, slots, width), _new_pool(work, layout, slots, width, max_new_tokens)
    groups = _Groups(work.prompts, work.prompt_mask, keys.shape[1], max_new_tokens, pad_id, stop_ids)
    stopped, ready = np.zeros((slots, width), bool), []
    while seating.anything_left or seating.at_work:
        pool = _refill(pool, seating, stopped, work, stats)
        enough = seating.at_work - max(1, seating.sample.size // 16) if seating.anything_left else 0
        given = np.int32(layout.chunk), np.int32(enough)
        pool, done = lanes.advance(pool, params, stack, *given, config=config, sampling=sampling, stop_ids=stop_ids)
        yield from ready
        began = time.perf_counter()
        with jax.profiler.TraceAnnotation("wait for the device"):
            seen = jax.device_get((pool.alive, pool.place, pool.tokens, pool.log_prob, done))
        stats.wait_s += time.perf_counter() - began
        stats.steps += int(seen[-1])
        stopped, ready = groups.collect(seating, *seen[:-1], find_stop, stats)
    yield from ready


class _Work(NamedTuple):
    """What is to be sampled, and with what."""

    params: dict
    stack: Stack
    config: Qwen2Config
    prompts: np.ndarray  # [P, Lp]
    prompt_mask: np.ndarray  # [P, Lp]
    keys: jax.Array  # [P, G]
    limits: np.ndarray  # [P, G]
    shard: Place
    devices: int


def _new_pool(work: _Work, layout: Layout, slots: int, width: int, length: int) -> lanes.Pool:
    dtype = work.params["embed"].dtype
    kept, lengths = jnp.dtype(layout.cache_dtype or dtype), (work.prompts.shape[1], length)
    return work.shard(lanes.empty_pool(work.config, dtype, kept, slots, width, lengths))


def _refill(pool: lanes.Pool, seating: _Seating, stopped: np.ndarray, work: _Work, stats: Stats) -> lanes.Pool:
    """Give lanes and slots at rest what they do next."""
    admitted, seated = seating.fill()
    stats.prompts += len(admitted)
    for into, chosen in _batches(admitted, len(seated), work.devices):
        rows = work.shard((work.prompts[chosen], work.prompt_mask[chosen], into))
        pool = lanes.admit(pool, work.params, work.stack, *rows, config=work.config)
    noise, limits = (seating.rows(np.asarray(each)) for each in (jax.random.key_data(work.keys), work.limits))
    return lanes.seat(pool, *work.shard((seated, stopped, noise, limits)))


def _seating(prompts: int, samples: int, slots: int, width: int) -> _Seating:
    pending = [deque(range(samples)) for _ in range(prompts)]
    return _Seating(pending, deque(range(prompts)), np.full(slots, -1), np.full((slots, width), -1))


def _batches(admitted: Sequence[tuple[int, int]], slots: int, devices: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut admissions into slots [N] and prompts [N] of at most two sizes N, filled up with fillers (slot Q)."""
    large = -(-min(ADMITTED, slots) // devices) * devices
    left = list(admitted)
    while left:
        size = large if 2 * len(left) > large else devices
        part, left = left[:size], left[size:]
        part += [(slots, part[0][1])] * (size - len(part))
        yield tuple(np.array(part).T)


class _Groups:
    """The completions as they come in."""

    def __init__(self, prompts, prompt_mask, samples: int, length: int, pad_id: int, stop_ids: tuple[int, ...]) -> None:
        shape = len(prompts), samples
        self.group = Group(
            prompts=prompts,
            prompt_mask=prompt_mask,
            completions=np.full((*shape, length), pad_id, np.int32),
            mask=np.zeros((*shape, length), bool),
            log_prob=np.zeros((*shape, length), np.float32),
            truncated=np.zeros(shape, bool),
        )
        self.stop_ids = stop_ids
        self.left = np.full(len(prompts), samples)

    def collect(
        self, seating: _Seating, alive, places, tokens, log_prob, find_stop: FindStop | None, stats: Stats
    ) -> tuple[np.ndarray, list[tuple[int, Group]]]:
        """Take what has ended off the lanes: the lanes [Q, W] that their text stopped, and the groups now complete."""
        stopped, ready = np.zeros(alive.shape, bool), []
        for slot, lane in np.argwhere(seating.sample >= 0):
            row, count = tokens[slot, lane], int(places[slot, lane])
            keep = find_stop(row[:count]) if find_stop else None
            if alive[slot, lane] and keep is None:
                continue
            stopped[slot, lane] = alive[slot, lane]
            prompt, sample = seating.prompt[slot], seating.sample[slot, lane]
            truncated = keep is None and row[count - 1] not in self.stop_ids
            self._put((prompt, sample), row, log_prob[slot, lane], count if keep is None else keep, truncated)
            stats.tokens += count if keep is None else keep
            seating.sample[slot, lane] = -1
            self.left[prompt] -= 1
            if not self.left[prompt]:
                ready.append((int(prompt), jax.tree.map(lambda leaf, at=prompt: leaf[at : at + 1], self.group)))
        return stopped, ready

    def _put(self, at: tuple[int, int], row, log_prob, count: int, truncated: bool) -> None:
        self.group.completions[at][:count] = row[:count]
        self.group.log_prob[at][:count] = log_prob[:count]
        self.group.mask[at][:count] = True
        self.group.truncated[at] = truncated
