"""Fitting a reward model to judgements: Bradley-Terry with ties and thumbs, minimised by L-BFGS."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from alignment.errors import UserError
from alignment.objectives.preference import preference_loss, thumb_loss, tie_loss
from alignment.reward_model.judgements import Judgement
from alignment.reward_model.model import RewardModel

STD_MIN = 1e-6
TOLERANCE, MOST_STEPS = 1e-5, 500  # norm of the gradient at which the fit ends, and its most iterations


class PreferenceData(NamedTuple):
    """Standardised features of judgements, sorted by the loss that reads them."""

    better: jax.Array  # [A, D] the preferred responses of pairs
    worse: jax.Array  # [A, D] the others of the same pairs
    tied: jax.Array  # [B, 2, D] pairs judged equal
    thumbed: jax.Array  # [C, D] responses with a thumb
    up: jax.Array  # [C] 1 for a thumb up, 0 for a thumb down


def fit(judgements: Sequence[Judgement], features: np.ndarray, config: ConfigDict, base: np.ndarray) -> RewardModel:
    """Return the reward model with the least loss on the judgements.

    Args:
      judgements: N of them.
      features: [M, D] of their responses, one after the other.
      config: `config.feedback`.
      base: what the features are computed with, as `base_digest` returns it.

    Raises:
      UserError: no judgement prefers anything, so that there is nothing to learn.
    """
    if all(judgement.is_tie for judgement in judgements):
        raise UserError("the feedback holds ties alone: no response is preferred; add preferences or thumbs")
    mean, std = features.mean(axis=0), features.std(axis=0)
    std = np.where(std > STD_MIN, std, 1.0)
    data = preference_data(judgements, (features - mean) / std)
    weight, bias = minimise(data, config.weight_decay, config.tie_weight)
    return RewardModel(np.asarray(weight), np.asarray(bias)[None], np.float32(mean), np.float32(std), base)


def preference_data(judgements: Sequence[Judgement], features: np.ndarray) -> PreferenceData:
    """Sort features [M, D], one row a response, by the kind of judgement."""
    width = features.shape[1]
    better, worse, tied, thumbed, up = [], [], [], [], []
    rows = iter(features)
    for judgement in judgements:
        judged = [next(rows) for _ in judgement.responses]
        if not judgement.is_pair:
            thumbed.append(judged[0])
            up.append(judgement.verdict)
        elif judgement.is_tie:
            tied.append(judged)
        else:
            first, second = judged if judgement.verdict else judged[::-1]
            better.append(first)
            worse.append(second)
    arrays = [np.reshape(part, (-1, width)) for part in (better, worse)]
    arrays += [np.reshape(tied, (-1, 2, width)), np.reshape(thumbed, (-1, width)), np.asarray(up)]
    return PreferenceData(*(jnp.asarray(array, jnp.float32) for array in arrays))


def feedback_loss(
    params: tuple[jax.Array, jax.Array], data: PreferenceData, weight_decay: float, tie_weight: float
) -> jax.Array:
    """Return the mean loss of a judgement, ties times `tie_weight` (lambda), plus weight_decay / 2 |w|^2."""
    weight, bias = params
    losses = (
        preference_loss((data.better - data.worse) @ weight),
        tie_weight * tie_loss((data.tied[:, 0] - data.tied[:, 1]) @ weight),
        thumb_loss(data.thumbed @ weight + bias, data.up),
    )
    count = sum(part.size for part in losses)
    return sum(part.sum() for part in losses) / count + 0.5 * weight_decay * jnp.sum(weight**2)


@jax.jit
def minimise(data: PreferenceData, weight_decay: float, tie_weight: float) -> tuple[jax.Array, jax.Array]:
    """Return the (weight [D], bias []) of the least loss: it is convex, so L-BFGS needs neither rate nor step count."""
    loss = functools.partial(feedback_loss, data=data, weight_decay=weight_decay, tie_weight=tie_weight)
    optimizer, value_and_grad = optax.lbfgs(), optax.value_and_grad_from_state(loss)
    start = (jnp.zeros(data.better.shape[1]), jnp.zeros(()))

    def unfinished(carry):
        _, _, gradient, step = carry
        return (optax.tree.norm(gradient) > TOLERANCE) & (step < MOST_STEPS)

    def descend(carry):
        params, state, _, step = carry
        value, gradient = value_and_grad(params, state=state)
        updates, state = optimizer.update(gradient, state, params, value=value, grad=gradient, value_fn=loss)
        return optax.apply_updates(params, updates), state, gradient, step + 1

    carry = (start, optimizer.init(start), jax.grad(loss)(start), 0)
    return jax.lax.while_loop(unfinished, descend, carry)[0]


def agreement(judgements: Sequence[Judgement], rewards: np.ndarray) -> tuple[int, int]:
    """Return (judgements that the rewards [M] of their responses agree with, judgements that prefer something).

    Ties are left out; a thumb agrees with a reward on its side of 1/2.
    """
    rows, agreeing, total = iter(rewards), 0, 0
    for judgement in judgements:
        judged = [next(rows) for _ in judgement.responses]
        if not judgement.is_tie:
            margin = judged[0] - (judged[1] if judgement.is_pair else 0.5)
            agreeing += bool(margin > 0 if judgement.verdict else margin < 0)
            total += 1
    return agreeing, total
