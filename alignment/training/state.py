"""The state of a stage on device and host, and the optimiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct

from alignment.adapters.lora import Lora, Modules
from alignment.adapters.stack import Stack, push
from alignment.errors import UserError

if TYPE_CHECKING:  # so that the update can be measured where ml-collections is not installed
    from ml_collections import ConfigDict

    from alignment.rewards.combine import RewardState
    from alignment.training.monitor import MonitorState


@struct.dataclass
class TrainState:
    """The trainable adapter, its optimiser state, the number of optimiser steps, skipped ones included, and the key.

    It lives on the device, and the compiled step takes and returns it. `skipped` is how many steps in a row, up to this
    one, were skipped for a loss or gradient that is not finite. `entropy_weight` and `reference` are None in stages
    that hold no target entropy and never reset their reference.
    """

    lora: Lora
    opt_state: Any
    step: jax.Array
    key: jax.Array
    skipped: jax.Array | int = 0
    entropy_weight: jax.Array | None = None  # coefficient c of `controls.hold_entropy`
    reference: Modules | None = None  # of the adapter that is the KL reference, on the adapters under it


class HostState(NamedTuple):
    """The state of a reward stage on the host, outside the compiled step."""

    rewards: RewardState
    monitor: MonitorState
    widths: np.ndarray  # [3] int32: the narrow `training.widths.Widths` of its batches; 0 before they are fixed


class StageState(NamedTuple):
    """Everything that one step of a stage hands to the next; a checkpoint holds it whole."""

    train: TrainState
    host: HostState | tuple[()] = ()  # () in a supervised stage


@struct.dataclass
class Frozen:
    """Everything a step reads and never changes. It is an argument of the jitted step, never a closure."""

    params: dict
    under: Stack  # adapters that lie under the trainable one
    reference: Stack  # the KL reference on the same base


def make_schedule(section: ConfigDict, steps: int) -> optax.Schedule:
    """Linear warm-up over `warmup * steps`, then constant or cosine to zero.

    Raises:
      UserError: an unknown schedule.
    """
    warmup = int(section.warmup * steps)
    if section.schedule == "cosine":
        after = optax.cosine_decay_schedule(section.learning_rate, max(steps - warmup, 1))
    elif section.schedule == "constant":
        after = optax.constant_schedule(section.learning_rate)
    else:
        raise UserError(f"schedule {section.schedule!r} is unknown; use constant or cosine")
    # The first step already moves: warm-up runs from lr / warmup to lr.
    ramp = optax.linear_schedule(section.learning_rate / max(warmup, 1), section.learning_rate, max(warmup - 1, 1))
    return optax.join_schedules([ramp, after], [warmup]) if warmup else after


def make_optimizer(section: ConfigDict, steps: int) -> optax.GradientTransformation:
    """AdamW (0.9, 0.95) behind clipping by the global norm (methods: Loshchilov & Hutter 2019, 1711.05101)."""
    return optax.chain(
        optax.clip_by_global_norm(section.clip_norm),
        optax.adamw(make_schedule(section, steps), b1=0.9, b2=0.95, weight_decay=section.weight_decay),
    )


def init_state(
    lora: Lora, optimizer: optax.GradientTransformation, key: jax.Array, section: ConfigDict | None = None
) -> TrainState:
    """A fresh state around a copy of `lora`: a step donates its state, and the start may also be the reference.

    `section` is `config.grpo` in a reward stage. The state then holds the entropy's weight where a target entropy is
    set, and the KL reference where that is reset.
    """
    lora, key = jax.tree.map(jnp.copy, (lora, key))
    state = TrainState(lora, optimizer.init(lora.modules), jnp.int32(0), key, jnp.int32(0))
    if section is not None and section.target_entropy:
        state = state.replace(entropy_weight=jnp.float32(section.entropy_bonus))
    if section is not None and section.reference_reset:
        state = state.replace(reference=jax.tree.map(jnp.copy, lora.modules))
    return state


def with_reference(frozen: Frozen, state: TrainState) -> Frozen:
    """Return `frozen` with the KL reference of the state, where it holds one."""
    if state.reference is None:
        return frozen
    adapter = state.lora.replace(modules=state.reference)
    return frozen.replace(reference=push(frozen.under, "reference of the last reset", adapter))
