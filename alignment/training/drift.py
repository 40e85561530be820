"""How far a reward stage moves a policy, and what that costs of what SFT taught, measured beside the training.

The held-out loss of the reasoning is the negative log-likelihood of SFT examples that no stage trains on, once with the
reward adapter (gates (1, 1)) and, where it lies on a frozen one, without it (gates (1, 0)). Whether reinforcement after
SFT must raise it is the question of 2601.07389; an adapter that can be taken off answers it for itself. The loss of
text that no stage trains on (`retention`) says what the policy forgets of pre-training, and whether the KL predicts it
is the question of 2509.04259.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.compose import update_norm
from alignment.adapters.lora import Lora
from alignment.adapters.stack import Adapter, Stack, push
from alignment.data.collate import collate
from alignment.data.tokens import Examples
from alignment.models.config import Qwen2Config
from alignment.objectives.kl import k3
from alignment.rollout.base_model import BaseModel
from alignment.training.batches import GrpoBatch, SftBatch
from alignment.training.losses import TRAINABLE, make_sft_loss
from alignment.training.options import TrainingOptions
from alignment.training.state import Frozen

Drift = Callable[[Lora, GrpoBatch, int], dict[str, float]]
LogProbs = Callable[[Stack, GrpoBatch], jax.Array]


def is_measured(grpo: ConfigDict, step: int) -> bool:
    """Whether `config.grpo` asks for measurements at `step`: every n-th from the first on, and the last."""
    return grpo.power_every > 0 and (step % grpo.power_every == 0 or step == grpo.steps - 1)


class Texts(NamedTuple):
    """Examples that no stage trains on and whose loss is measured; None: not this one."""

    reasoning: Examples | None = None  # of SFT
    retention: Examples | None = None  # text such as the base was pre-trained on


def make_drift(
    base: BaseModel,
    options: TrainingOptions,
    frozen: Frozen,
    start: Lora,
    texts: Texts,
    grpo: ConfigDict,
    log_probs: LogProbs,
) -> Drift:
    """Return the function (adapter after a step, its rollout's batch, step) -> metrics of a step that is measured.

    `distance/weights` is the Frobenius norm of the change of all adapted weights since the start, and
    `distance/weights_share` the same over the norm of what the adapters added at the start, absent where that is 0.
    `kl/mean` is the divergence of the policy that sampled from the reference, where beta is 0 and the loss does not
    report it, and `kl/base` that from the base without adapters (into which an arm may have merged some).
    `reasoning/nll` and `reasoning/nll_without_reward` are the held-out loss with the reward adapter and, where it lies
    on a frozen one, without it, `retention/nll` is the loss of `texts.retention`; `reasoning/nll_start` and
    `retention/nll_start`, at the first step, are those before the stage.

    Args:
      base, options, frozen: of the stage.
      start: its adapter before the first step.
      texts: whose loss is measured.
      grpo: `config.grpo`.
      log_probs: (adapters, batch) -> [P, G, Lc].
    """
    nll, retention = (
        make_nll(base, options, frozen, batches) if batches else None for batches in text_batches(base, texts)
    )
    no_adapters = jax.tree.map(jnp.zeros_like, frozen.reference)  # the program of the reference serves it
    at_start = float(update_norm(push(frozen.under, TRAINABLE, start)))

    def drift(lora: Lora, batch: GrpoBatch, step: int) -> dict[str, float]:
        begin, moved = time.perf_counter(), float(update_norm(change(start, lora)))
        row = {"distance/weights": moved}
        row |= {"distance/weights_share": moved / at_start} if at_start else {}
        row["kl/base"] = mean_divergence(batch, log_probs(no_adapters, batch))
        if not grpo.beta:
            apart = bool(frozen.reference.adapters)
            row["kl/mean"] = mean_divergence(batch, log_probs(frozen.reference, batch)) if apart else row["kl/base"]
        if nll is not None:
            row["reasoning/nll"] = nll(lora)
            row |= {"reasoning/nll_without_reward": nll(without(lora))} if frozen.under.adapters else {}
            row |= {"reasoning/nll_start": nll(start)} if step == 0 else {}
        if retention is not None:
            row["retention/nll"] = retention(lora)
            row |= {"retention/nll_start": retention(start)} if step == 0 else {}
        return row | {"time/measure": time.perf_counter() - begin}

    return drift


def mean_divergence(batch: GrpoBatch, log_prob: jax.Array) -> float:
    """Return the mean k3 of the policy that sampled a batch from another, whose log-probs are [P, G, Lc]."""
    return float(np.mean(np.asarray(k3(batch.log_prob, log_prob).value)[np.asarray(batch.mask)]))


def change(start: Lora, now: Lora) -> Stack:
    """Return two adapters whose sum is A_1 B_1 - A_0 B_0, as (A_1 - A_0) B_1 + A_0 (B_1 - B_0).

    The difference of two products of almost equal factors would be rounded away.
    """
    pairs = {name: (start.modules[name], factors) for name, factors in now.modules.items()}
    of_a = {name: {"a": after["a"] - before["a"], "b": after["b"]} for name, (before, after) in pairs.items()}
    of_b = {name: {"a": before["a"], "b": after["b"] - before["b"]} for name, (before, after) in pairs.items()}
    gate = jnp.float32(1.0)
    return Stack((Adapter(now.replace(modules=of_a), gate, "a"), Adapter(now.replace(modules=of_b), gate, "b")))


def without(lora: Lora) -> Lora:
    """Return the adapter with gate 0, by the same program as with gate 1: one whose factors are 0."""
    return lora.replace(modules=jax.tree.map(jnp.zeros_like, lora.modules))


def make_nll(
    base: BaseModel, options: TrainingOptions, frozen: Frozen, batches: Sequence[SftBatch]
) -> Callable[[Lora], float]:
    """Return the function adapter -> mean negative log-likelihood of the counted tokens of the batches, in nat."""
    placed, still = options.devices.replicate(list(batches)), frozen.replace(reference=Stack())

    def nll(lora: Lora) -> float:
        plain = lora.replace(dropout=0.0)
        sums = [summed_nll(base.config, options.logprob, plain, still, batch) for batch in placed]
        total, count = (sum(map(float, side)) for side in zip(*sums, strict=True))
        return total / count

    return nll


def text_batches(base: BaseModel, texts: Texts) -> list[list[SftBatch]]:
    """Return the batches of each text, [] where there is none; those of the second have the shape of the first's.

    So that one program serves both, a batch of the retention has as many rows as there are examples of the reasoning,
    and their width where its own is smaller.
    """
    rows, width, batches = 0, 0, []
    for examples in texts:
        if examples is None:
            batches.append([])
            continue
        arrays = collate(examples, len(examples), 0, 0, filler=base.pad_id)
        rows, width = rows or len(examples), max(width, arrays["tokens"].shape[1])
        missing = -len(examples) % rows, width - arrays["tokens"].shape[1]
        fillers = {"tokens": base.pad_id, "loss_mask": False}
        padded = {
            name: np.pad(array, ((0, missing[0]), (0, missing[1])), constant_values=fillers[name])
            for name, array in arrays.items()
        }
        parts = [
            {name: array[start : start + rows] for name, array in padded.items()}
            for start in range(0, len(examples), rows)
        ]
        batches.append([SftBatch(**{name: jnp.asarray(array) for name, array in part.items()}) for part in parts])
    return batches


@partial(jax.jit, static_argnums=(0, 1))
def summed_nll(
    config: Qwen2Config, logprob: str, lora: Lora, frozen: Frozen, batch: SftBatch
) -> tuple[jax.Array, jax.Array]:
    """Return the summed negative log-likelihood of a batch's response tokens, in nat, and their number.

    Compiled once for all stages of a process whose adapters have one shape.
    """
    total, tally = make_sft_loss(config, False, logprob)(lora, frozen, batch, jax.random.key(0))
    return total, tally.count
