"""From the raw channels of a rollout to one reward a completion: preset, normaliser, weighting and their state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.errors import UserError
from alignment.rewards.normalisers import Normaliser, Statistics, get_normaliser, snap_ties, uncalibrated
from alignment.rewards.presets import PRESETS, Weight, get_preset
from alignment.rewards.registry import find_channel
from alignment.rewards.weightings import get_weighting
from alignment.rewards.weightings.schema import ChannelRewards, Weighting, weighted_sum

HARD_SEVERITY = 3.0  # of channels whose violation the hard safety rule acts on
PRESET_FLOOR = -1.0  # stands for the preset's own floor of the standard deviation


class RewardConfig(NamedTuple):
    """How rewards are computed; constant over a stage."""

    weights: Mapping[str, Weight]  # by channel
    normaliser: Normaliser
    weighting: Weighting
    hard_safety: bool
    constants: Mapping[str, float]
    std_floor: float  # of the total reward, for the advantages
    channel_floors: bool  # whether channels have the floors of their weights, or none


class RewardState(NamedTuple):
    """What the rewards of a step depend on beside the completions: arrays that a checkpoint holds."""

    statistics: Statistics
    weighting: Any  # a pytree of arrays that belongs to the weighting


class Rewards(NamedTuple):
    """The rewards of a rollout."""

    combined: np.ndarray  # [P, G] float32: the rewards that advantages are computed from
    plain: np.ndarray  # [P, G] float32: raw channels times the weights of the preset, comparable over a run
    metrics: dict[str, float]


def make_reward_config(
    preset: str,
    channels: Sequence[str] = (),
    normaliser: str = "none",
    weighting: str = "static",
    hard_safety: bool = False,
    constants: Mapping[str, float] | None = None,
    std_floor: float = PRESET_FLOOR,
) -> RewardConfig:
    """Resolve the names of `config.grpo` to preset, normaliser and weighting.

    Args:
      preset: a name in `PRESETS`.
      channels: entries "channel=weight" on top of the preset; a channel may be a dotted path.
      normaliser: a name in `NORMALISERS`.
      weighting: a name in `WEIGHTINGS`.
      hard_safety: gives a completion that violates a channel of severity 3 or more the lowest reward of its group.
      constants: of the weightings; `config.grpo.weights`.
      std_floor: least standard deviation of the total reward, `PRESET_FLOOR` for that of the preset; 0 takes the floors
        of the channels away too, which leaves the published formulas.

    Raises:
      UserError: an unknown name, weights the weighting cannot start from, or a hard safety rule without a channel that
        it acts on.
    """
    weights = get_preset(preset, tuple(channels))
    for name in weights:
        find_channel(name)
    if hard_safety and not any(weight.severity >= HARD_SEVERITY for weight in weights.values()):
        raise UserError(
            f"--config.grpo.hard_safety=true acts on channels of severity {HARD_SEVERITY:g}, and --config.grpo.reward="
            f"{preset} has none; add one, such as --config.grpo.channels=compliance=1, or leave it out"
        )
    config = RewardConfig(
        weights,
        get_normaliser(normaliser),
        get_weighting(weighting),
        hard_safety,
        dict(constants or {}),
        std_floor=PRESETS[preset].std_floor if std_floor == PRESET_FLOOR else std_floor,
        channel_floors=std_floor != 0,
    )
    init_rewards(config)
    return config


def init_rewards(config: RewardConfig) -> RewardState:
    """Return the state before the first rollout, and before the calibration if there is one."""
    return RewardState(uncalibrated(len(config.weights)), config.weighting.init(base_weights(config, 0.0)))


def combine(
    config: RewardConfig, raw: Mapping[str, np.ndarray], groups: int, state: RewardState, step: int, progress: float
) -> tuple[Rewards, RewardState]:
    """Normalise and weight the raw channels {name: [P * G]} of one rollout of `groups` = P groups.

    Args:
      config: preset, normaliser and weighting.
      raw: by channel; NaN where one does not apply.
      groups: number of prompts P.
      state: before the step.
      step: of training, from 1.
      progress: share of the stage that is done, for annealed weights.

    Raises:
      UserError: a reward is not a finite float32; the line names the channel of the largest weight.
    """
    channels = channel_rewards(config, raw, groups, state, step, progress)
    total, weighting, metrics = config.weighting.combine(channels, state.weighting)
    if config.hard_safety:  # a violation of a severe channel gets the lowest reward of its group; NaN is no violation
        severe = channels.severities >= HARD_SEVERITY
        violated = np.any(channels.raw[severe] < channels.floors[severe, None, None], axis=0)
        total = np.where(violated, total.min(axis=1, keepdims=True), total)
        metrics |= {"reward/hard_safety": float(violated.mean())}
    if channels.normalised is not channels.raw:
        pairs = zip(channels.names, channels.normalised, strict=True)
        metrics |= {f"normalised/{name}": float(np.nanmean(z)) for name, z in pairs if not np.isnan(z).all()}
    with np.errstate(over="ignore"):  # an overflow is refused by name below
        plain = np.float32(weighted_sum(channels.base_weights, channels.raw))
        rewards = Rewards(np.float32(total), plain, metrics)
    if not (np.isfinite(rewards.combined).all() and np.isfinite(rewards.plain).all()):
        name = channels.names[int(np.argmax(np.abs(np.nan_to_num(channels.base_weights, nan=np.inf))))]
        raise UserError(
            f"the weighted rewards of step {step} are not finite, and reward channel {name!r} has the largest weight; "
            "lower it in --config.grpo.channels"
        )
    return rewards, state._replace(weighting=weighting)


def channel_rewards(
    config: RewardConfig, raw: Mapping[str, np.ndarray], groups: int, state: RewardState, step: int, progress: float
) -> ChannelRewards:
    """Return the raw and normalised rewards of every channel, and the columns of the preset; arguments of `combine`."""
    stacked = snap_ties(stack_channels(config, raw, groups))
    measured = config.normaliser.calibrated
    return ChannelRewards(
        names=tuple(config.weights),
        raw=stacked,
        normalised=config.normaliser.apply(
            stacked, state.statistics, _column(config, "std_floor") * config.channel_floors
        ),
        base_weights=base_weights(config, progress),
        targets=_column(config, "target"),
        floors=_column(config, "floor"),
        severities=_column(config, "severity"),
        start_means=np.float64(state.statistics.mean) if measured else np.full(len(config.weights), np.nan),
        step=step,
        constants=config.constants,
    )


def stack_channels(config: RewardConfig, raw: Mapping[str, np.ndarray], groups: int) -> np.ndarray:
    """Return the raw channels of a rollout as one array [K, P, G] in float64."""
    return np.stack([np.float64(raw[name]).reshape(groups, -1) for name in config.weights])


def base_weights(config: RewardConfig, progress: float) -> np.ndarray:
    """Return the weights [K] of the preset when `progress` (0 to 1) of the stage is done."""
    return np.array([weight.at(progress) for weight in config.weights.values()], np.float64)


def _column(config: RewardConfig, field: str) -> np.ndarray:
    return np.array([getattr(weight, field) for weight in config.weights.values()], np.float64)
