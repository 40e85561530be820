"""What a weighting reads and returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class ChannelRewards(NamedTuple):
    """The rewards of one rollout by channel, and what the preset states about each of the K channels."""

    names: Sequence[str]  # [K]
    raw: np.ndarray  # [K, P, G], NaN where a channel does not apply
    normalised: np.ndarray  # [K, P, G], NaN at the same places
    base_weights: np.ndarray  # [K] weights of the preset at this step
    targets: np.ndarray  # [K] mean raw reward at which a channel counts as solved
    floors: np.ndarray  # [K] a raw reward below it is a violation
    severities: np.ndarray  # [K] of a violation
    start_means: np.ndarray  # [K] mean raw reward under the start policy; NaN where it was not measured
    step: int  # of training, from 1
    constants: Mapping[str, float]  # of the weightings (`config.grpo.weights`)


class WeightedRewards(NamedTuple):
    """One reward a completion, the state of the weighting after the step, and what to log."""

    total: np.ndarray  # [P, G]
    state: Any
    metrics: dict[str, float]


class Weighting(NamedTuple):
    """`init(base_weights [K])` returns the state, a pytree of arrays; `combine(rewards, state)` updates it."""

    init: Callable[[np.ndarray], Any]
    combine: Callable[[ChannelRewards, Any], WeightedRewards]


def weighted_sum(weights: np.ndarray, normalised: np.ndarray) -> np.ndarray:
    """Return sum_k w_k z_k [P, G]; a channel that does not apply to a completion is left out of its sum."""
    return np.nansum(weights[:, None, None] * normalised.astype(np.float64), axis=0)
