"""The rewards of a stage: how they are computed, and the calibration of their frozen statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.data.batches import batch_indices
from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards.combine import RewardConfig, RewardState, make_reward_config, stack_channels
from alignment.rewards.normalisers import calibrate, hash_names
from alignment.training.checkpoint import fingerprint
from alignment.training.state import TrainState

LAST_STEP = 2**31 - 1  # the noise of calibration rollouts has step numbers counted down from here: no training step has


def reward_config_of(section: ConfigDict) -> RewardConfig:
    """Return how rewards are computed from `config.grpo`; raises `UserError` for what cannot work."""
    return make_reward_config(
        section.reward,
        section.channels,
        section.normaliser,
        section.weighting,
        section.hard_safety,
        section.weights.to_dict(),
        section.std_floor,
    )


def calibration_batches(section: ConfigDict, records: Sequence[Record], seed: int) -> list[np.ndarray]:
    """Return the record numbers of the calibration, in batches of `section.prompts`.

    They are as many whole batches as fit into `calibration_prompts` and the data, at least one: shapes stay those of
    training, so nothing is compiled twice.
    """
    wanted = min(section.calibration_prompts, len(records)) // section.prompts
    return [batch_indices(len(records), section.prompts, index, seed) for index in range(max(wanted, 1))]


def calibration_digest(hashes: Mapping[str, str], lora: Lora, ids: Sequence[str]) -> np.ndarray:
    """Return the hash of the start policy and the calibration questions, [32] uint8.

    Args:
      hashes: of all the stage stands on (`Session.hashes`): base, adapters below, data, configuration.
      lora: the trainable adapter at its start.
      ids: of the questions.
    """
    return hash_names((*(f"{name} {value}" for name, value in hashes.items()), fingerprint(lora.modules), *ids))


def calibrated(
    reward_config: RewardConfig,
    state: TrainState,
    digest: np.ndarray,
    batches: Sequence[np.ndarray],
    sample: Callable[[TrainState, np.ndarray, int], Mapping[str, np.ndarray]],
) -> RewardState:
    """Return the reward state with statistics taken once from the policy of `state`, never refreshed in the run.

    Args:
      reward_config: its channels are measured.
      state: at step 0: the start policy.
      digest: of what is measured, [32] uint8.
      batches: record numbers [n][P].
      sample: (state, record numbers, index of the batch) -> raw channels {name: [P * G]} of one rollout.
    """
    parts = [
        stack_channels(reward_config, sample(state, chosen, index), len(chosen)) for index, chosen in enumerate(batches)
    ]
    return state.rewards._replace(statistics=calibrate(np.concatenate(parts, axis=1), digest))


def check_calibration(state: TrainState, digest: np.ndarray) -> None:
    """Raise `UserError` if the restored statistics are of another policy or other questions, or are no numbers."""
    if not np.array_equal(state.rewards.statistics.digest, digest):
        raise UserError(
            "the reward statistics in the checkpoint were taken from another start policy or other questions; "
            "restore what it was written with or choose another --workdir"
        )
    mean, std = state.rewards.statistics.mean, state.rewards.statistics.std
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all()):
        raise UserError(
            "the reward statistics in the checkpoint are not finite or hold a negative deviation; "
            "choose another --workdir"
        )
