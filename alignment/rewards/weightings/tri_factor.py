"""Weights that follow the training: more for weak and risky channels, less for redundant ones.

Tri-Factor Adaptive Dynamic Weighting of Quark (2602.11661), which names the three factors and publishes no formula: all
of this is a reconstruction. Per channel, with the moving averages of its mean m, violation rate v and correlations C:

    gap_k = clip((T_k - m_k) / max(T_k - mu_k, 1e-3), 0, 1)     f_k = exp(a gap_k)           weakness
    h_k = 1 + b sev_k v_k                                                                    risk
    c_k = mean_{j != k} max(0, C_kj)                            g_k = 1 / (1 + gam c_k)      redundancy
    w~_k = w0_k f_k h_k g_k        w^_k = K w~_k / sum_j w~_j
    w_k <- (1 - eta) w_k + eta clip(w^_k, 0.1, 3), then scaled to sum K

T is the target, mu the mean under the start policy, w0 the weight of the preset; weights carry no gradient.
Steps are counted from 1; the weights move at steps t > 20 with t % 10 == 0, after the rewards of that step were summed.
From K = 3 on, weights that start within them stay within 0.09375 and 3 K / (3 + 0.1 (K - 1)).
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


class TriFactor(NamedTuple):
    """The state: float32 arrays over the K channels."""

    weights: np.ndarray  # [K], sum K
    mean: np.ndarray  # [K] m
    violation: np.ndarray  # [K] v
    covariance: np.ndarray  # [K, K] of normalised rewards centred within their groups
    start: np.ndarray  # [K] mu
    steps: np.ndarray  # [] int32: rollouts seen


class Factors(NamedTuple):
    """What moves the weights, each [K]; `wish` is w^ before bounds and smoothing."""

    gap: np.ndarray
    redundancy: np.ndarray  # c
    weakness_factor: np.ndarray  # f
    risk_factor: np.ndarray  # h
    redundancy_factor: np.ndarray  # g
    wish: np.ndarray


def init(base: np.ndarray) -> TriFactor:
    """Return the state before the first rollout: weights K w0 / sum w0.

    Raises:
      UserError: a weight of the preset is negative, or none is positive.
    """
    if (base < 0).any() or not base.sum() > 0:
        raise UserError(
            "--config.grpo.weighting=tri_factor needs weights >= 0, not all 0; change the preset or use static"
        )
    zeros = np.zeros(len(base), np.float32)
    weights = (len(base) * base / base.sum()).astype(np.float32)
    return TriFactor(weights, zeros, zeros, np.outer(zeros, zeros), zeros, np.int32(0))


def combine(rewards: ChannelRewards, state: TriFactor) -> WeightedRewards:
    """R = sum_k w_k z_k; the state takes in the rollout, and every tenth step the weights move."""
    total = weighted_sum(state.weights.astype(np.float64), rewards.normalised)
    state = observe(rewards, state)
    found = factors(rewards, state)
    metrics = _metrics(rewards, state, found)
    if rewards.step > WARMUP and rewards.step % EVERY == 0:
        state = state._replace(weights=moved(state.weights, found.wish))
    return WeightedRewards(total, state, metrics)


def observe(rewards: ChannelRewards, state: TriFactor) -> TriFactor:
    """Take one rollout into the moving averages; violations and covariance start at those of the first rollout.

    A channel that applies to nothing in the rollout keeps its averages.
    """
    raw = rewards.raw.reshape(len(rewards.names), -1).astype(np.float64)
    applies = ~np.isnan(raw)
    seen, count = applies.any(axis=1), np.maximum(applies.sum(axis=1), 1)
    mean = np.nansum(raw, axis=1) / count
    violation = np.sum(applies & (np.nan_to_num(raw) < rewards.floor[:, None]), axis=1) / count
    covariance = group_covariance(rewards.normalised)
    first = int(state.steps) == 0
    if first:
        start = np.where(np.isnan(rewards.reference), mean, rewards.reference)
        state = state._replace(start=start, mean=start, violation=violation, covariance=covariance)
    ema = lambda old, new: DECAY * np.float64(old) + (1 - DECAY) * new  # noqa: E731
    averaged = {
        "mean": np.where(seen, ema(state.mean, mean), state.mean),
        "violation": np.where(seen, ema(state.violation, violation), state.violation),
        "covariance": ema(state.covariance, covariance),
        "start": state.start,
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
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0)).astype(np.float64)
    scale = np.outer(spread, spread)
    return np.where(scale > 1e-12, covariance / np.maximum(scale, 1e-12), 0.0)


def factors(rewards: ChannelRewards, state: TriFactor) -> Factors:
    """Return the three factors and the weights w^ they ask for; their strengths a, b, gam are `config.grpo.weights`."""
    constants, target = rewards.constants, rewards.target
    start, mean = np.float64(state.start), np.float64(state.mean)
    gap = np.clip((target - mean) / np.maximum(target - start, 1e-3), 0.0, 1.0)
    shared = np.maximum(correlation(state.covariance), 0.0)
    redundancy = (shared.sum(axis=1) - np.diag(shared)) / max(len(gap) - 1, 1)
    f = np.exp(constants["weakness"] * gap)
    h = 1.0 + constants["risk"] * rewards.severity * np.float64(state.violation)
    g = 1.0 / (1.0 + constants["redundancy"] * redundancy)
    raw = rewards.base * f * h * g
    wish = len(gap) * raw / raw.sum() if raw.sum() > 0 else np.ones(len(gap))
    return Factors(gap, redundancy, f, h, g, wish)


def moved(weights: np.ndarray, wish: np.ndarray) -> np.ndarray:
    """Return the weights [K] float32 after one bounded, smoothed step towards `wish`, with sum K."""
    smooth = (1 - ETA) * np.float64(weights) + ETA * np.clip(wish, LOWEST, HIGHEST)
    return (len(smooth) * smooth / smooth.sum()).astype(np.float32)


def _metrics(rewards: ChannelRewards, state: TriFactor, found: Factors) -> dict[str, float]:
    columns = {"weight": state.weights, "gap": found.gap, "risk": state.violation, "redundancy": found.redundancy}
    return {
        f"{label}/{name}": float(values[index])
        for label, values in columns.items()
        for index, name in enumerate(rewards.names)
    }
