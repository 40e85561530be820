"""The weights of the preset, and nothing else."""

from __future__ import annotations

import numpy as np

from alignment.rewards.weightings.schema import ChannelRewards, WeightedRewards, weighted_sum


def init(base: np.ndarray) -> tuple[()]:
    """No state."""
    return ()


def combine(rewards: ChannelRewards, state: tuple[()]) -> WeightedRewards:
    """R = sum_k w_k z_k."""
    return WeightedRewards(weighted_sum(rewards.base, rewards.normalised), state, {})
