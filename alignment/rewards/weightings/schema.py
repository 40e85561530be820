"""What a weighting reads and returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class ChannelRewards(NamedTuple):
    """The rewards of one rollout, and what the preset says about each of the K channels."""

    names: Sequence[str]  # [K]
    raw: np.ndarray  # [K, P, G], NaN where a channel does not apply
    normalised: np.ndarray  # [K, P, G], NaN at the same places
    base: np.ndarray  # [K] weights of the preset at this step
    target: np.ndarray  # [K] mean raw reward of a solved channel
    floor: np.ndarray  # [K] a raw reward below it is a violation
    severity: np.ndarray  # [K]
    reference: np.ndarray  # [K] mean raw reward under the start policy; NaN where it was not measured
    step: int  # of training, from 1
    constants: Mapping[str, float]  # of the weightings (`config.grpo.weights`)


class WeightedRewards(NamedTuple):
    """One reward a completion, the state after the step, and what to log."""

    total: np.ndarray  # [P, G]
    state: Any
    metrics: dict[str, float]


class Weighting(NamedTuple):
    """`init(base [K]) -> state`, a pytree of arrays that a checkpoint can hold, and `combine(rewards, state)`."""

    init: Callable[[np.ndarray], Any]
    combine: Callable[[ChannelRewards, Any], WeightedRewards]


def weighted_sum(weights: np.ndarray, normalised: np.ndarray) -> np.ndarray:
    """Return sum_k w_k z_k [P, G]; a channel that does not apply to a completion is left out of its sum."""
    return np.nansum(weights[:, None, None] * normalised.astype(np.float64), axis=0)
