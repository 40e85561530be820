"""Weights that adapt to training: larger for weak and risky channels, smaller for redundant ones.

Tri-Factor Adaptive Dynamic Weighting of Quark (2602.11661), which names the three factors and publishes no formula: all
of it is a reconstruction. Per channel, with the moving averages of its mean m, violation rate v and correlations C:

    gap_k = clip((T_k - m_k) / max(T_k - mu_k, 1e-3), 0, 1)     f_k = exp(a gap_k)           weakness
    h_k = 1 + b sev_k v_k                                                                    risk
    c_k = mean_{j != k} max(0, C_kj)                            g_k = 1 / (1 + gam c_k)      redundancy
    w~_k = w0_k f_k h_k g_k        w^_k = K w~_k / sum_j w~_j
    w_k <- (1 - eta) w_k + eta clip(w^_k, 0.1, 3), then scaled to sum K

T is the target, mu the mean under the start policy, w0 the weight of the preset; weights carry no gradient.
Steps are counted from 1; the weights change at steps t > 20 with t % 10 == 0, after the sum of that step's rewards.
From K = 3 on, weights that start within the bounds 0.09375 and 3 K / (3 + 0.1 (K - 1)) stay within them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alignment.errors import UserError
from alignment.rewards.weightings.schema import ChannelRewards, WeightedRewards, weighted_sum

DECAY = 0.95
ETA = 0.1
LOWEST, HIGHEST = 0.1, 3.0
WARMUP, EVERY = 20, 10


class TriFactorState(NamedTuple):
    """Float32 arrays over the K channels."""

    weights: np.ndarray  # [K], sum K
    mean: np.ndarray  # [K] m
    violation: np.ndarray  # [K] v
    covariance: np.ndarray  # [K, K] of normalised rewards centred within their groups
    start_mean: np.ndarray  # [K] mu
    steps: np.ndarray  # [] int32: rollouts averaged


class Factors(NamedTuple):
    """What changes the weights, each [K]."""

    gap: np.ndarray
    redundancy: np.ndarray  # c
    weakness_factor: np.ndarray  # f
    risk_factor: np.ndarray  # h
    redundancy_factor: np.ndarray  # g
    target_weights: np.ndarray  # w^, before bounds and smoothing


def init(base_weights: np.ndarray) -> TriFactorState:
    """Return the state before the first rollout: weights K w0 / sum w0.

    Raises:
      UserError: a weight of the preset is negative, or none is positive.
    """
    if (base_weights < 0).any() or not base_weights.sum() > 0:
        raise UserError(
            "--config.grpo.weighting=tri_factor needs weights >= 0, not all 0; change the preset or use static"
        )
    zeros = np.zeros(len(base_weights), np.float32)
    weights = (len(base_weights) * base_weights / base_weights.sum()).astype(np.float32)
    return TriFactorState(weights, zeros, zeros, np.outer(zeros, zeros), zeros, np.int32(0))


def combine(rewards: ChannelRewards, state: TriFactorState) -> WeightedRewards:
    """Return R = sum_k w_k z_k; the state averages the rollout in, and every tenth step the weights change."""
    total = weighted_sum(state.weights.astype(np.float64), rewards.normalised)
    state = update_averages(rewards, state)
    factors = compute_factors(rewards, state)
    columns = {"weight": state.weights, "gap": factors.gap, "risk": state.violation, "redundancy": factors.redundancy}
    metrics = {
        f"{label}/{name}": float(values[index])
        for label, values in columns.items()
        for index, name in enumerate(rewards.names)
    }
    if rewards.step > WARMUP and rewards.step % EVERY == 0:
        state = state._replace(weights=step_towards(state.weights, factors.target_weights))
    return WeightedRewards(total, state, metrics)


def update_averages(rewards: ChannelRewards, state: TriFactorState) -> TriFactorState:
    """Average one rollout into the state; violations and covariance start at those of the first rollout.

    A channel that applies to no completion of the rollout keeps its averages.
    """
    raw = rewards.raw.reshape(len(rewards.names), -1).astype(np.float64)
    applies = ~np.isnan(raw)
    measured, count = applies.any(axis=1), np.maximum(applies.sum(axis=1), 1)
    mean = np.nansum(raw, axis=1) / count
    violation = np.sum(applies & (np.nan_to_num(raw) < rewards.floors[:, None]), axis=1) / count
    covariance = group_covariance(rewards.normalised)
    if int(state.steps) == 0:
        start_mean = np.where(np.isnan(rewards.start_means), mean, rewards.start_means)
        state = state._replace(start_mean=start_mean, mean=start_mean, violation=violation, covariance=covariance)
    ema = lambda old, new: DECAY * np.float64(old) + (1 - DECAY) * new  # noqa: E731
    averaged = {
        "mean": np.where(measured, ema(state.mean, mean), state.mean),
        "violation": np.where(measured, ema(state.violation, violation), state.violation),
        "covariance": ema(state.covariance, covariance),
        "start_mean": state.start_mean,
    }
    averaged = {name: np.asarray(value, np.float32) for name, value in averaged.items()}
    return state._replace(**averaged, steps=np.int32(state.steps + 1))


def group_covariance(normalised: np.ndarray) -> np.ndarray:
    """Return the covariance [K, K] of rewards [K, P, G] less the means of their groups; NaN counts as 0."""
    applies = ~np.isnan(normalised)
    means = np.nansum(normalised, axis=2, keepdims=True) / np.maximum(applies.sum(axis=2, keepdims=True), 1)
    centred = np.nan_to_num(normalised.astype(np.float64) - means).reshape(len(normalised), -1)
    return centred @ centred.T / max(centred.shape[1], 1)


def correlation(covariance: np.ndarray) -> np.ndarray:
    """Return the correlations [K, K] of a covariance matrix; 0 where either channel has no variance."""
    std = np.sqrt(np.maximum(np.diag(covariance), 0.0)).astype(np.float64)
    scale = np.outer(std, std)
    return np.where(scale > 1e-12, covariance / np.maximum(scale, 1e-12), 0.0)


def compute_factors(rewards: ChannelRewards, state: TriFactorState) -> Factors:
    """Return the three factors and the weights w^ that follow; their strengths a, b, gam are `config.grpo.weights`."""
    constants, targets = rewards.constants, rewards.targets
    start_mean, mean = np.float64(state.start_mean), np.float64(state.mean)
    gap = np.clip((targets - mean) / np.maximum(targets - start_mean, 1e-3), 0.0, 1.0)
    shared = np.maximum(correlation(state.covariance), 0.0)
    redundancy = (shared.sum(axis=1) - np.diag(shared)) / max(len(gap) - 1, 1)
    f = np.exp(constants["weakness"] * gap)
    h = 1.0 + constants["risk"] * rewards.severities * np.float64(state.violation)
    g = 1.0 / (1.0 + constants["redundancy"] * redundancy)
    raw = rewards.base_weights * f * h * g
    target_weights = len(gap) * raw / raw.sum() if raw.sum() > 0 else np.ones(len(gap))
    return Factors(gap, redundancy, f, h, g, target_weights)


def step_towards(weights: np.ndarray, target_weights: np.ndarray) -> np.ndarray:
    """Return the weights [K] float32 after one bounded, smoothed step towards `target_weights`, with sum K."""
    smooth = (1 - ETA) * np.float64(weights) + ETA * np.clip(target_weights, LOWEST, HIGHEST)
    return (len(smooth) * smooth / smooth.sum()).astype(np.float32)
