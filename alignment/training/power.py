"""How much of a step's gradient is signal: the gradients of two halves of its groups, measured by the compiled step.

g_1 and g_2 are twice what each half of the groups contributes to the gradient g of a step, before clipping, so that
g = (g_1 + g_2) / 2. The halves share no completion. With mu the expected gradient and sigma^2 / n the variance of a
half of n completions, E g_1.g_2 = |mu|^2 and E |g_1|^2 = |mu|^2 + sigma^2 / n, whose ratio
`evaluation.training_power` forms.

The step that trains reports the norm of its gradient. Run on the same batch with one half of the groups masked, it
reports that of the other half, so that nothing more is compiled and no gradient is held:
2 g_1.g_2 = 4 |g|^2 - |g_1|^2 - |g_2|^2.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from alignment.training.batches import Batch
from alignment.training.state import Frozen, TrainState

Step = Callable[[TrainState, Frozen, Mapping[str, Batch]], tuple[TrainState, dict[str, jax.Array]]]


def step_and_measure(
    step: Step, state: TrainState, frozen: Frozen, batches: Mapping[str, Batch]
) -> tuple[TrainState, dict[str, jax.Array], dict[str, float]]:
    """Run one optimiser step of a reward stage and measure the gradients of the two halves of its groups.

    The supervised loss of a joint stage is left out of what is measured, since it has no groups.

    Args:
      step: the compiled step; its metrics hold `grad_norm` and `count/grpo`, the count that the loss is divided by.
      state: before the step, which may donate it.
      frozen: as `step` takes it.
      batches: by term; `grpo` holds an even number of prompts, the first half of which is g_1.

    Returns:
      State and metrics of the step as it is without a measurement, and `power/dot` (g_1.g_2), `power/first` (|g_1|^2),
      `power/second` (|g_2|^2), `power/completions` (n, those of one half) and `time/measure`.
    """
    start = time.perf_counter()
    batch, mask = batches["grpo"], np.asarray(batches["grpo"].mask)
    in_first = (np.arange(len(mask)) < len(mask) // 2)[:, None, None]
    others = {
        name: other.replace(loss_mask=jnp.zeros_like(other.loss_mask))
        for name, other in batches.items()
        if name != "grpo"
    }

    def run_on(part: np.ndarray) -> dict[str, jax.Array]:
        masked = others | {"grpo": batch.replace(mask=jnp.asarray(part))}
        return jax.device_get(step(jax.tree.map(jnp.copy, state), frozen, masked)[1])

    halves = [run_on(mask & in_first), run_on(mask & ~in_first)]
    alone = run_on(mask) if others else None
    taken = time.perf_counter() - start
    state, metrics = step(state, frozen, batches)
    # The norm of a sum over completions: a loss may count tokens, of which a half has fewer, or completions.
    first, second, whole = (float(row["grad_norm"] * row["count/grpo"]) for row in (*halves, alone or metrics))
    scale = 4.0 / float((alone or metrics)["count/grpo"]) ** 2
    power = {
        "power/dot": scale * (whole**2 - first**2 - second**2) / 2,
        "power/first": scale * first**2,
        "power/second": scale * second**2,
        "power/completions": mask.shape[0] * mask.shape[1] / 2,
        "time/measure": taken,
    }
    return state, metrics, power
