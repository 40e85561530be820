"""The host side of a rollout: a scheduler that keeps the sequences of the key-value cache busy.

A prompt is prefilled once for all samples of a slot. Short completions do not wait for long ones: the device decodes in
chunks, and between two chunks every sequence whose sample has ended starts the next one. The end token of a completion
stays in it and in its mask, and the log-prob recorded is that of the distribution sampled from. A completion depends on
its key alone, and not on its slot, its sequence or the order of the schedule.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.models.config import Qwen2Config
from alignment.parallel.data_parallel import Devices, choose_devices
from alignment.rollout import kv_cache, layerwise
from alignment.rollout.groups import Group, join_groups
from alignment.rollout.layerwise import Narrowing
from alignment.rollout.sampling import SamplingConfig

PREFILL_BATCH = 8  # prompts prefilled at once where several slots are free; a single free slot is filled alone


class Policy(NamedTuple):
    """The model that is sampled from."""

    params: dict  # of the base
    stack: Stack  # the adapters that are applied to it, unmerged
    config: Qwen2Config


class Requests(NamedTuple):
    """What is to be sampled: G completions of each of P prompts."""

    prompts: np.ndarray  # [P, Lp] tokens, padded on the right
    prompt_mask: np.ndarray  # [P, Lp]
    keys: jax.Array  # [P, G] typed keys of `completion_keys`
    max_new_tokens: int  # Lc
    limits: np.ndarray | None = None  # [P, G] a lower limit for each completion; None: Lc for all


class StopCondition(NamedTuple):
    """What ends a completion before its length limit."""

    stop_ids: tuple[int, ...]  # tokens that end it
    pad_id: int  # fills the positions behind the end; masks never depend on it
    find_stop: Callable[[np.ndarray], int | None] | None = None  # ids so far -> how many to keep; None: it goes on


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a rollout is laid out on the devices; in float32 it changes no completion.

    Raises:
      UserError: a number out of its range.
    """

    sequences: int = 0  # completions decoded at once; 0: all of them
    samples_per_slot: int = 0  # sequences that share a prompt slot; 0: a whole group if all fit at once, otherwise 2
    chunk: int = 32  # tokens decoded before the host collects what has ended
    cache_dtype: str = ""  # of keys and values; "": that of the weights
    min_groups: int = 0  # the cache is sized for at least so many groups, so that fewer of them compile nothing new
    whole: bool = False  # one program of all layers also where `layerwise` serves
    narrowest: int = 8  # sequences, at least, that are left of the cache where `layerwise` narrows it

    def __post_init__(self):
        for name in ("sequences", "samples_per_slot"):
            if getattr(self, name) < 0:
                raise UserError(f"--config.rollout.{name}={getattr(self, name)}: it must not be negative")
        if self.chunk < 1:
            raise UserError(f"--config.rollout.chunk={self.chunk}: it must be at least 1")
        if self.cache_dtype not in ("", "float32", "bfloat16"):
            raise UserError(f"--config.rollout.cache_dtype={self.cache_dtype}: use float32, bfloat16 or nothing")

    def shape(self, prompts: int, samples: int, devices: int = 1) -> tuple[int, int]:
        """Prompt slots Q and sequences W a slot for P groups of G samples; Q is a multiple of `devices`."""
        total = max(prompts, self.min_groups) * samples
        count = min(self.sequences or total, total)
        per_slot = min(self.samples_per_slot or (samples if count == total else 2), samples, count)
        slots = -(-count // per_slot)
        return -(-slots // devices) * devices, per_slot


ALL_AT_ONCE = Layout()


@dataclasses.dataclass
class Stats:
    """What a rollout did; filled in while it runs."""

    sequences: int = 0  # in the cache at the start, active or not
    steps: int = 0  # tokens decoded a sequence
    positions: int = 0  # tokens decoded: of every step those of all sequences in the cache at the time
    tokens: int = 0  # tokens kept
    prompts: int = 0  # prompts prefilled; one that takes a second slot counts again
    wait_s: float = 0.0  # time for which the host waited for the device

    @property
    def utilisation(self) -> float:
        """The share of the decoded positions that were kept as tokens."""
        return self.tokens / max(1, self.positions)


def sample_groups(
    policy: Policy, requests: Requests, sampling: SamplingConfig, stop: StopCondition, **options
) -> Group:
    """Sample all completions and return them in the order of the prompts; `options` are those of `stream_groups`."""
    groups = dict(stream_groups(policy, requests, sampling, stop, **options))
    return join_groups(groups[index] for index in range(len(groups)))


def stream_groups(
    policy: Policy,
    requests: Requests,
    sampling: SamplingConfig,
    stop: StopCondition,
    *,
    layout: Layout = ALL_AT_ONCE,
    devices: Devices | None = None,
    stats: Stats | None = None,
) -> Iterator[tuple[int, Group]]:
    """Yield each prompt's group, with the prompt's index, as soon as its last sample has ended.

    The device goes on decoding while the consumer works on the group.

    Args:
      policy, requests, sampling, stop: what is sampled from what, and until when.
      layout: the shape of the cache.
      devices: hold equal numbers of slots; None is one device.
      stats: is added to.
    """
    devices, stats = devices or choose_devices("jit", 1), stats or Stats()
    shape = layout.shape(*requests.keys.shape, devices.count)
    dtype = policy.params["embed"].dtype
    lengths = requests.prompts.shape[1], requests.max_new_tokens
    program = kv_cache if layout.whole or not layerwise.serves(policy.config, dtype, devices.count) else layerwise
    if program is layerwise:
        policy = Policy(*layerwise.lay_apart(policy.params, policy.stack), policy.config)
        lengths = lengths[0], min(lengths[1], layerwise.SHORTEST)
    cache = kv_cache.init_cache(policy.config, dtype, jnp.dtype(layout.cache_dtype or dtype), shape, lengths)
    cache, scheduler, results = devices.shard(cache), Scheduler(requests.keys.shape, shape), _Results(requests, stop)
    stopped, complete, stats.sequences = np.zeros(shape, bool), [], int(np.prod(shape))
    static = {"config": policy.config, "sampling": sampling, "stop_ids": stop.stop_ids}
    while scheduler.has_pending or scheduler.active_count:
        cache = _start_pending(program, cache, scheduler, stopped, policy, requests, devices, stats)
        # While samples are pending, a chunk ends early once a sixteenth of the sequences is inactive.
        min_active = scheduler.active_count - max(1, stats.sequences // 16) if scheduler.has_pending else 0
        if program is layerwise and not scheduler.has_pending:
            min_active = scheduler.next_halving(layout.narrowest)
        limits = np.int32(layout.chunk), np.int32(min_active)
        cache, steps = program.decode_chunk(cache, policy.params, policy.stack, *limits, **static)
        yield from complete
        began = time.perf_counter()
        with jax.profiler.TraceAnnotation("wait for the device"):
            decoded = jax.device_get((cache.active, cache.positions, cache.tokens, cache.log_prob, steps))
        stats.wait_s += time.perf_counter() - began
        stats.steps += int(decoded[-1])
        stats.positions += int(decoded[-1]) * scheduler.sample.size
        stopped, complete = results.collect(scheduler, *decoded[:-1], stats)
        if program is layerwise:
            cache, stopped = _fit_cache(cache, scheduler, stopped, decoded[1], layout, requests.max_new_tokens)
    yield from complete


def _fit_cache(cache, scheduler: Scheduler, stopped: np.ndarray, positions: np.ndarray, layout: Layout, limit: int):
    """Lengthen the cache for another chunk, and narrow it where that at least halves it; also returns `stopped`."""
    going_on = positions[scheduler.sample >= 0]
    cache = layerwise.extended(cache, layout.chunk + int(going_on.max(initial=0)), limit)
    if (narrowing := scheduler.narrow(layout.narrowest)) is not None:
        cache = layerwise.narrowed(cache, narrowing)
        stopped = stopped[narrowing.slots[:, None], narrowing.sequences] & narrowing.is_used
    return cache, stopped


class Scheduler:
    """Which prompt is in which slot, and which of its samples each of the slot's sequences decodes."""

    def __init__(self, requests: tuple[int, int], cache: tuple[int, int]) -> None:
        """`requests` is (P, G), `cache` (Q, W)."""
        prompts, samples = requests
        self.pending = [deque(range(samples)) for _ in range(prompts)]  # the samples of a prompt not started yet
        self.waiting = deque(range(prompts))  # prompts that no slot has held yet
        self.prompt = np.full(cache[0], -1)  # [Q] the prompt of each slot, -1 for none
        self.sample = np.full(cache, -1)  # [Q, W] the sample of each sequence, -1 where inactive

    @property
    def active_count(self) -> int:
        """How many sequences have a sample."""
        return int((self.sample >= 0).sum())

    @property
    def has_pending(self) -> bool:
        """Whether a sample waits for a sequence."""
        return any(self.pending)

    def assign(self) -> tuple[list[tuple[int, int]], np.ndarray]:
        """Assign pending samples to inactive sequences.

        Returns:
          The (slot, prompt) pairs to prefill, and the sequences [Q, W] to start.
        """
        before = self.sample.copy()
        for slot in np.flatnonzero(self.prompt >= 0):
            self._start_samples(slot)
        prefills = []
        for slot in np.flatnonzero((self.sample < 0).all(axis=1)):
            if not self.has_pending:
                break
            # Once every prompt has had a slot, an idle one takes over samples of the prompt that has most left.
            longest = max(range(len(self.pending)), key=lambda prompt: len(self.pending[prompt]))
            self.prompt[slot] = self.waiting.popleft() if self.waiting else longest
            prefills.append((int(slot), int(self.prompt[slot])))
            self._start_samples(slot)
        return prefills, self.sample != before

    def _start_samples(self, slot: int) -> None:
        pending = self.pending[self.prompt[slot]]
        for sequence in np.flatnonzero(self.sample[slot] < 0)[: len(pending)]:
            self.sample[slot, sequence] = pending.popleft()

    def narrow(self, least: int) -> Narrowing | None:
        """Drop inactive sequences where nothing waits for one and that at least halves the cache.

        The numbers of slots and of sequences a slot are halved as often as the active ones allow; a slot with more of
        them than that becomes several with the same prompt. A cache of Q slots with W sequences thus has at most
        (1 + log2 Q) (1 + log2 W) shapes, each of which compiles programs of its own.

        Args:
          least: the fewest sequences to go on with.

        Returns:
          What is left of the cache; None where all of it is.
        """
        active, shapes = self.sample >= 0, []
        for width in _halvings(active.shape[1]):
            needed = max(1, int((-(-active.sum(axis=1) // width)).sum()))
            fitting = [count for count in _halvings(active.shape[0]) if count >= needed]
            shapes += [(count, width) for count in fitting if count * width >= least]
        shape = min(shapes, key=math.prod, default=active.shape)
        if self.has_pending or not active.any() or 2 * math.prod(shape) > active.size:
            return None
        result = Narrowing(np.zeros(shape[0], int), np.zeros(shape, int), np.zeros(shape, bool))
        chosen = [
            (slot, sequences[start : start + shape[1]])
            for slot, sequences in enumerate(map(np.flatnonzero, active))
            for start in range(0, len(sequences), shape[1])
        ]
        for row, (slot, sequences) in enumerate(chosen):
            result.slots[row], result.sequences[row, : len(sequences)] = slot, sequences
            result.is_used[row, : len(sequences)] = True
        self.prompt = self.prompt[result.slots]
        self.sample = np.where(result.is_used, self.sample[result.slots[:, None], result.sequences], -1)
        return result

    def next_halving(self, least: int) -> int:
        """Return how few active sequences may make the cache narrower: half of it, or less if so few are active."""
        size = self.sample.size
        while size > least and size >= self.active_count:
            size = -(-size // 2)
        return size if size < self.active_count else 0

    def gather(self, values: np.ndarray) -> np.ndarray:
        """Values [P, G, ...] in the order of the sequences, [Q, W, ...]; those of inactive ones mean nothing."""
        return values[self.prompt[:, None], self.sample]


def _halvings(count: int) -> list[int]:
    """`count`, its half, the half of that, and so on down to 1, each rounded up."""
    sizes = [count]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


def _start_pending(
    program: ModuleType,
    cache: kv_cache.KVCache,
    scheduler: Scheduler,
    stopped: np.ndarray,
    policy: Policy,
    requests: Requests,
    devices: Devices,
    stats: Stats,
) -> kv_cache.KVCache:
    """End the sequences where `stopped` [Q, W], prefill prompts into free slots and start pending samples.

    `program` is `kv_cache` or `layerwise`.
    """
    prefills, started = scheduler.assign()
    stats.prompts += len(prefills)
    for slots, prompts in prefill_batches(prefills, len(started), devices.count):
        rows = devices.shard((requests.prompts[prompts], requests.prompt_mask[prompts], slots))
        cache = program.prefill_into(cache, policy.params, policy.stack, *rows, config=policy.config)
    limits = np.full(requests.keys.shape, requests.max_new_tokens)
    if requests.limits is not None:
        limits = np.minimum(requests.limits, limits)
    keys, limits = (scheduler.gather(np.asarray(values)) for values in (jax.random.key_data(requests.keys), limits))
    return kv_cache.start_sequences(cache, *devices.shard((started, stopped, keys, limits)))


def prefill_batches(
    prefills: list[tuple[int, int]], slots: int, devices: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut (slot, prompt) pairs into batches of slots [N] and prompts [N].

    There are at most two sizes N, since each compiles a program; a batch is filled up with the slot Q, which does not
    exist, so that the result is dropped.
    """
    large = -(-min(PREFILL_BATCH, slots) // devices) * devices
    while prefills:
        size = large if 2 * len(prefills) > large else devices
        batch, prefills = prefills[:size], prefills[size:]
        batch += [(slots, batch[0][1])] * (size - len(batch))
        yield tuple(np.array(batch).T)


class _Results:
    """The completions sampled so far."""

    def __init__(self, requests: Requests, stop: StopCondition) -> None:
        shape = *requests.keys.shape, requests.max_new_tokens
        self.group = Group(
            prompts=requests.prompts,
            prompt_mask=requests.prompt_mask,
            completions=np.full(shape, stop.pad_id, np.int32),
            mask=np.zeros(shape, bool),
            log_prob=np.zeros(shape, np.float32),
            truncated=np.zeros(shape[:2], bool),
        )
        self.stop = stop
        self.left = np.full(shape[0], shape[1])  # [P] samples that have not ended

    def collect(
        self, scheduler: Scheduler, active, positions, tokens, log_prob, stats: Stats
    ) -> tuple[np.ndarray, list[tuple[int, Group]]]:
        """Take over the samples that have ended.

        Returns:
          The sequences [Q, W] that are to stop because of their text, and the groups that are now complete.
        """
        stopped, complete = np.zeros(active.shape, bool), []
        for slot, sequence in np.argwhere(scheduler.sample >= 0):
            at, count = (slot, sequence), int(positions[slot, sequence])
            keep = self.stop.find_stop(tokens[at][:count]) if self.stop.find_stop else None
            if active[at] and keep is None:
                continue
            stopped[at] = active[at]
            sample = prompt, _ = int(scheduler.prompt[slot]), scheduler.sample[at]
            self.group.truncated[sample] = keep is None and tokens[at][count - 1] not in self.stop.stop_ids
            count = count if keep is None else keep
            self.group.completions[sample][:count] = tokens[at][:count]
            self.group.log_prob[sample][:count] = log_prob[at][:count]
            self.group.mask[sample][:count] = True
            stats.tokens += count
            scheduler.sample[at] = -1
            self.left[prompt] -= 1
            if not self.left[prompt]:
                complete.append((prompt, jax.tree.map(lambda leaf, row=prompt: leaf[row : row + 1], self.group)))
        return stopped, complete
