"""Plan the memory that a recipe of configs/ needs on this machine, with the compiler of the backend in use.

The updates are compiled from shapes alone, at the sizes of one micro-batch on one device; no array of the model's size
is made. A rollout holds little beside its cache and is counted by a formula (`rollout_bytes`).
"""

from __future__ import annotations

import functools
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from alignment.benchmarks.fit.compiler import abstract_inputs
from alignment.benchmarks.fit.grid import SIZES
from alignment.benchmarks.setting import Setting, Size
from alignment.benchmarks.suites import update
from alignment.models.config import read_config
from alignment.models.hf import resolve_folder
from alignment.rollout import layerwise
from alignment.rollout.scheduler import PREFILL_BATCH
from alignment.training.batches import SftBatch
from alignment.training.losses import make_sft_loss
from alignment.training.step import Term, make_step

GIB = 2**30
# What a process holds beside its arrays: interpreter, libraries, the compiler's tables. Measured as the peak of an
# update less its plan, 0.5 to 0.8 GiB over five settings (docs/performance.md).
PROCESS_BYTES = 0.75 * GIB
MARGIN = 0.9  # share of the available memory that a plan may take: allocators and other processes need the rest
_HUB_NAME = re.compile(r"Qwen2\.5-(\d+(?:\.\d+)?B)(?:-|$)", re.IGNORECASE)


class Need(NamedTuple):
    """The bytes that one part of a run holds at its worst moment on one device."""

    part: str
    bytes: float


class Verdict(NamedTuple):
    """Whether a recipe fits, and the needs that decide it."""

    fits: bool
    needs: tuple[Need, ...]
    available: float  # bytes

    @property
    def largest(self) -> Need:
        """The part that needs most."""
        return max(self.needs, key=lambda need: need.bytes)


def model_size(path: str) -> tuple[Size, bool] | None:
    """Return the sizes of `--config.model.path` and whether its embeddings are tied; None where they are unknown.

    The config of a local folder or GGUF file, or of the embedded base, is read. Among Hub ids only the Qwen2.5 are
    known, by their names, so that nothing is downloaded.
    """
    if path and not pathlib.Path(path).exists():
        match = _HUB_NAME.search(path)
        return SIZES.get(match[1].lower()) if match else None
    config = read_config(resolve_folder(path))
    heads = config.num_attention_heads, config.num_key_value_heads
    size = Size(config.hidden_size, config.num_hidden_layers, *heads, config.intermediate_size, config.vocab_size)
    return size, config.tie_word_embeddings


def plan_recipe(config: ConfigDict, available: float) -> Verdict | None:
    """Return what the parts of a run of `config` need beside `available` bytes; None for a model of unknown size.

    The parts are planned in the order of what planning them costs, and the first one that is too large ends it.
    """
    model = model_size(config.model.path)
    if model is None:
        return None
    needs = []
    for need in _needs(config, *model):
        needs.append(need)
        if need.bytes > MARGIN * available:
            return Verdict(False, tuple(needs), available)
    return Verdict(True, tuple(needs), available)


def _needs(config: ConfigDict, size: Size, tied: bool) -> Iterator[Need]:
    devices = config.parallel.devices or jax.device_count()
    completions, grpo, sft = config.grpo.prompts * config.grpo.group_size, config.grpo, config.sft
    micro = {"dtype": config.model.dtype, "tied": tied, "remat": config.model.remat, "implementation": "xla"}
    parts = grpo.minibatches * grpo.micro_batches * devices
    lengths = config.prompt.max_tokens, grpo.max_new_tokens
    setting = Setting("update", size, max(1, grpo.prompts // parts), grpo.group_size, *lengths, **micro)
    yield Need("loading the weights", _process() + weight_bytes(setting))
    sequences = min(config.rollout.sequences or completions, completions)
    yield Need("a rollout", _process() + rollout_bytes(setting, max(1, sequences // devices)))
    yield Need("a GRPO update", _process() + grpo_bytes(setting))
    rows = max(1, sft.batch_size // (sft.micro_batches * devices))
    yield Need("an SFT update", _process() + sft_bytes(setting, rows, sft.max_tokens))


def _process() -> float:
    """Return the bytes of the process itself on a CPU, where host and device share one memory, and 0 elsewhere."""
    return PROCESS_BYTES if jax.default_backend() == "cpu" else 0.0


def weight_bytes(setting: Setting) -> float:
    """Return the bytes of the base's parameters."""
    shapes = jax.eval_shape(functools.partial(update.make_inputs, setting))[1].params
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def rollout_bytes(setting: Setting, sequences: int) -> float:
    """Return the bytes of `sequences` completions at once: weights, keys and values, and what prefill or decoding adds.

    Each sequence counts with a separate prompt slot, which is the largest layout. A deep model on a CPU has a copy of
    its layers while prompts are run as well (`rollout.layerwise`).
    """
    tokens, item = sequences * (setting.prompt_len + setting.new_tokens), jnp.dtype(setting.dtype).itemsize
    config, length = setting.config, setting.prompt_len
    # Prefill holds, in float32, one layer's attention scores and three arrays of its MLP for the prompts run at once.
    per_position = config.num_attention_heads * length + 3 * config.intermediate_size
    prefill = 4 * min(PREFILL_BATCH, sequences) * length * per_position
    prefill += weight_bytes(setting) if layerwise.serves(config, jnp.dtype(setting.dtype), 1) else 0
    working = max(prefill, _decoding_bytes(setting, sequences))
    return weight_bytes(setting) + tokens * _cache_entries(setting) * item + working


def _cache_entries(setting: Setting) -> int:
    """Return how many numbers the keys and values of one token hold."""
    config = setting.config
    return 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim


def _decoding_bytes(setting: Setting, sequences: int) -> float:
    """Return the bytes of float32 logits, their unnormalised probabilities and one sum over them, alive together.

    A CPU takes the layers out of their stacks, which is a second copy of them, and computes bfloat16 in float32, so
    that it holds the head and the completions' keys and values in that type as well.
    """
    config, logits = setting.config, 3 * 4 * sequences * setting.config.vocab_size
    if jax.default_backend() != "cpu":
        return logits
    widened = config.vocab_size * config.hidden_size + sequences * setting.new_tokens * _cache_entries(setting)
    return logits + weight_bytes(setting) + (4 * widened if setting.dtype == "bfloat16" else 0)


def grpo_bytes(setting: Setting) -> float:
    """Return the bytes of one GRPO update of the setting's batch, as the compiler plans them."""
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return _compiled_bytes(update.update_step(update.our_loss(setting)), *abstract_inputs(setting, sharding))


def sft_bytes(setting: Setting, rows: int, tokens: int) -> float:
    """Return the bytes of one SFT update of [rows, tokens] tokens, as the compiler plans them."""
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    state, frozen, _ = abstract_inputs(setting, sharding)
    shape = functools.partial(jax.ShapeDtypeStruct, (rows, tokens), sharding=sharding)
    batch = {"sft": SftBatch(shape(jnp.int32), shape(jnp.bool_))}
    loss = make_sft_loss(setting.config, setting.remat, setting.implementation)
    step = make_step((Term("sft", loss),), update.make_optimizer(update.OPTIMIZER, 1))
    return _compiled_bytes(step, state, frozen, batch)


def _compiled_bytes(step: Any, *arguments: Any) -> float:
    compiled = jax.jit(step, donate_argnums=(0,)).lower(*arguments).compile()
    memory = compiled.memory_analysis()
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes + results


def available_bytes() -> float:
    """Return the bytes of the first device's memory on an accelerator, or the available bytes of the host on a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if jax.default_backend() != "cpu" and "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    return host_memory()[1]


def host_memory() -> tuple[float, float]:
    """Return total and available bytes of the host, or of the control group that this process is confined to."""
    text = _read("/proc/meminfo")
    kib = {name: int(number) * 1024 for name, number in re.findall(r"^(MemTotal|MemAvailable):\s*(\d+) kB", text, re.M)}
    total = float(kib.get("MemTotal") or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    available = float(kib.get("MemAvailable", total))
    limit, used = (_read(f"/sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    if limit.isdigit() and used.isdigit() and int(limit) < total:
        total, available = float(limit), min(available, float(limit) - float(used))
    return total, available


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
