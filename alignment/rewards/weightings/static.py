"""The weights of the preset, unchanged over the stage."""

from __future__ import annotations

import numpy as np

from alignment.rewards.weightings.schema import ChannelRewards, WeightedRewards, weighted_sum


def init(base_weights: np.ndarray) -> tuple[()]:
    """Return the empty state."""
    return ()


def combine(rewards: ChannelRewards, state: tuple[()]) -> WeightedRewards:
    """Return R = sum_k w_k z_k."""
    return WeightedRewards(weighted_sum(rewards.base_weights, rewards.normalised), state, {})
