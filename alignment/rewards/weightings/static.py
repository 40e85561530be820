"""The weights of the preset, and nothing else."""

from __future__ import annotations

import numpy as np

from alignment.rewards.weightings.schema import Combined, Rewards, weighted_sum


def init(base: np.ndarray) -> tuple[()]:
    """No state."""
    return ()


def combine(rewards: Rewards, state: tuple[()]) -> Combined:
    """R = sum_k w_k z_k."""
    return Combined(weighted_sum(rewards.base, rewards.normalised), state, {})
