"""The metrics of one rollout, and what the monitor of reward hacking sees in it."""

from __future__ import annotations

import jax
import numpy as np
from ml_collections import ConfigDict

from alignment.common.progress import warn
from alignment.objectives.advantages import has_zero_variance
from alignment.rewards.combine import RewardConfig, Rewards, init_rewards
from alignment.training.monitor import MonitorConfig, MonitorState, init_monitor, new_alarms, update_monitor
from alignment.training.rollout import Rollout
from alignment.training.state import HostState
from alignment.training.widths import NOT_FIXED


def init_host_state(reward_config: RewardConfig) -> HostState:
    """Return the state of the rewards, of the monitor and of the widths before the first step."""
    return HostState(init_rewards(reward_config), init_monitor(), NOT_FIXED)


def describe(rollout: Rollout, rewards: Rewards, advantages: jax.Array) -> dict[str, float]:
    """Return rewards by channel, lengths, truncation, format, the share of zero-variance groups, and times.

    A channel's mean is over the completions it applies to; one that applies to none is left out of the row.
    """
    group, lengths = rollout.group, rollout.group.mask.sum(axis=-1)
    applying = {name: values[~np.isnan(values)] for name, values in rollout.channels.items()}
    row = {f"reward/{name}": float(np.mean(values)) for name, values in applying.items() if values.size}
    row |= {f"reward/{name}": float(getattr(rewards.plain, name)()) for name in ("mean", "std", "min", "max")}
    row |= {f"completion/length_{name}": float(getattr(lengths, name)()) for name in ("mean", "min", "max")}
    records = [record for record in rollout.questions for _ in range(lengths.shape[1])]
    right = [response.letter == record.gold for response, record in zip(rollout.responses, records, strict=True)]
    return (row | rewards.metrics | rollout.metrics) | {
        "completion/truncated": float(group.truncated.mean()),
        "completion/accuracy": float(np.mean(right)),
        "completion/strict": float(np.mean([response.strict for response in rollout.responses])),
        "groups/zero_variance": float(has_zero_variance(rewards.combined).mean()),
        "advantage/std": float(advantages.std()),
    }


def monitor_rollout(
    rollout: Rollout, state: MonitorState, watch: ConfigDict, label: str, step: int
) -> tuple[dict[str, float], MonitorState]:
    """Look for reward hacking in the rollout of `step`; an alarm is logged once, when a symptom has lasted long enough.

    `watch` is `config.watch`; `label` names the stage in the log.
    """
    lengths, config = rollout.group.mask.sum(axis=-1), MonitorConfig(**watch)
    records = [record for record in rollout.questions for _ in range(lengths.shape[1])]
    metrics, state = update_monitor(rollout.responses, records, lengths.ravel(), state, config)
    for name in new_alarms(state, config):
        share = metrics[f"watch/{name}"]
        warn(f"{label}, step {step + 1}: reward hacking? {name} in {share:.0%} of the completions")
    return metrics, state
