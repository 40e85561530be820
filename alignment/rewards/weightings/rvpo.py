"""A soft minimum over channels, so that a high reward does not offset a low one (RVPO, 2605.05750)."""

from __future__ import annotations

import numpy as np

from alignment.rewards.weightings.schema import ChannelRewards, WeightedRewards


def init(base_weights: np.ndarray) -> tuple[()]:
    """Return the empty state."""
    return ()


def combine(rewards: ChannelRewards, state: tuple[()]) -> WeightedRewards:
    """Return R = -(1/k) ln(sum_j p_j exp(-k z_j)), p_j the channel's share of the preset's weights; for `gdpo` rewards.

    k -> 0 gives the mean, k -> infinity the minimum; R is about mean - (k/2) variance. With equal weights this is the
    paper's formula; that the shares of a preset enter it is a reconstruction. k is `config.grpo.weights.rvpo`.
    """
    total = soft_minimum(rewards.normalised, rewards.base_weights, rewards.constants["rvpo"])
    return WeightedRewards(total, state, {})


def soft_minimum(values: np.ndarray, weights: np.ndarray, k: float) -> np.ndarray:
    """Return the weighted soft minimum over the first axis of `values` [K, ...]; NaN entries are left out."""
    weights = weights.reshape(-1, *([1] * (values.ndim - 1))) * ~np.isnan(values)
    shares = weights / np.maximum(weights.sum(axis=0), 1e-30)
    exponents = np.where(shares > 0, -k * np.nan_to_num(values.astype(np.float64)), -np.inf)
    peak = np.nan_to_num(exponents.max(axis=0), neginf=0.0)
    mean = np.sum(shares * np.exp(exponents - peak), axis=0)
    return np.where(mean > 0, -(peak + np.log(np.maximum(mean, 1e-300))) / k, 0.0)
