"""What changes from one rollout to the next beside the adapter: the entropy's weight, chosen tokens, the reference."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from alignment.objectives.covariance import SELECTIONS, Selection, covariances
from alignment.objectives.family import get_loss
from alignment.training.batches import GrpoBatch
from alignment.training.state import TrainState


def hold_entropy(state: TrainState, batch: GrpoBatch, grpo: ConfigDict) -> tuple[TrainState, GrpoBatch]:
    """Adapt the weight of the entropy to the rollout, before its update (Skywork-OR1, 2505.22312, section 3.2.5).

    The entropy H of the rollout is the mean of -log pi over its tokens. The coefficient c rises by `entropy_rate` where
    H lies below `target_entropy`, else it falls, but not below 0; the weight is c below the target and 0 above.
    """
    mask = np.asarray(batch.mask)
    entropy = -float(np.sum(np.asarray(batch.log_prob), where=mask)) / max(int(mask.sum()), 1)
    below = entropy < grpo.target_entropy
    coefficient = max(0.0, float(state.entropy_weight) + (grpo.entropy_rate if below else -grpo.entropy_rate))
    weight = jnp.full(mask.shape[0], coefficient if below else 0.0, jnp.float32)
    return state.replace(entropy_weight=jnp.float32(coefficient)), batch.replace(entropy_weight=weight)


def choose_tokens(batch: GrpoBatch, grpo: ConfigDict, rng: np.random.Generator) -> GrpoBatch:
    """Mark the tokens of high covariance for a loss that names a rule; any other loss gets the batch as it is."""
    rule = get_loss(grpo.loss).covariance
    if not rule:
        return batch
    mask = np.asarray(batch.mask)
    values = covariances(np.asarray(batch.log_prob), np.asarray(batch.advantages), mask)
    selection = Selection(grpo.covariance_share, grpo.covariance_low, grpo.covariance_high)
    return batch.replace(chosen=jnp.asarray(SELECTIONS[rule](values, mask, selection, rng)))


def reset_reference(state: TrainState, optimizer: optax.GradientTransformation) -> TrainState:
    """Return the state with the current adapter as KL reference and AdamW's moments at zero (ProRL, 2505.24864).

    The learning rate continues its course.
    """

    def keep_schedule(fresh, current):
        return current if isinstance(fresh, optax.ScaleByScheduleState) else fresh

    fresh = optimizer.init(state.lora.modules)
    is_leaf = lambda node: isinstance(node, optax.ScaleByScheduleState)  # noqa: E731
    opt_state = jax.tree.map(keep_schedule, fresh, state.opt_state, is_leaf=is_leaf)
    return state.replace(opt_state=opt_state, reference=jax.tree.map(jnp.copy, state.lora.modules))
