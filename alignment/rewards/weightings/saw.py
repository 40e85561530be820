"""More weight for channels that tell the completions of this batch apart, by their coefficient of variation.

SAW (2606.07705), stateless: per batch CV_k = std_k / |mean_k| and w_k = K CV_k / sum_j CV_j, on raw rewards (the
paper's grpo-h: `grpo.normaliser=none`) or on the channels' group advantages (its gdpo-h: `gdpo`). A signed channel has
no meaningful CV and is shifted up first; 3, the shift of the released code, is `config.grpo.weights.saw`.

Reconstructions: ddof 1; signed means a negative value in this batch; w_k multiplies the preset's weight (equal weights
are the paper's case); weights of 1 where nothing varies.
"""

from __future__ import annotations

import numpy as np

from alignment.rewards.weightings.schema import ChannelRewards, WeightedRewards, weighted_sum

EPS = 1e-6  # least |mean|, and the range of a channel up to which its values are the same


def init(base_weights: np.ndarray) -> tuple[()]:
    """Return the empty state."""
    return ()


def combine(rewards: ChannelRewards, state: tuple[()]) -> WeightedRewards:
    """Return R = sum_k w0_k w_k z_k, with the weights of this batch alone."""
    weights = variation_weights(rewards.normalised, rewards.constants["saw"])
    total = weighted_sum(rewards.base_weights * weights, rewards.normalised)
    metrics = {f"weight/{name}": float(weight) for name, weight in zip(rewards.names, weights, strict=True)}
    return WeightedRewards(total, state, metrics)


def variation_weights(values: np.ndarray, shift: float) -> np.ndarray:
    """Return w [K] with sum K from `values` [K, P, G]; NaN entries are left out, and a channel without any has CV 0."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    applies = ~np.isnan(flat)
    count = applies.sum(axis=1)
    flat = flat + shift * (np.nan_to_num(flat).min(axis=1, keepdims=True) < 0)
    mean = np.nansum(flat, axis=1) / np.maximum(count, 1)
    squares = np.nansum((flat - mean[:, None]) ** 2, axis=1)
    variation = np.sqrt(squares / np.maximum(count - 1, 1)) / np.maximum(np.abs(mean), EPS)
    extent = np.where(applies, flat, -np.inf).max(axis=1) - np.where(applies, flat, np.inf).min(axis=1)
    variation = np.where(extent > EPS, variation, 0.0)  # rounding is no variation
    total = variation.sum()
    return len(values) * variation / total if total > 0 else np.ones(len(values))
