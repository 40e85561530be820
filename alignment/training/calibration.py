"""The calibration of a stage's frozen reward statistics: taken once from the start policy, never refreshed.

Reference-frozen normalisation of Quark (2602.11661).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.common.fingerprint import fingerprint
from alignment.errors import UserError
from alignment.record import Record
from alignment.rewards.combine import RewardState, stack_channels
from alignment.rewards.normalisers import Statistics, calibrate, hash_names
from alignment.training.loop import Session
from alignment.training.rollout import RolloutContext, draw_questions, sample_and_score
from alignment.training.state import StageState

LAST_STEP = 2**31 - 1  # the noise of calibration rollouts has step numbers counted down from it: no training step has


def make_calibration(
    context: RolloutContext, lora: Lora, records: Sequence[Record], session: Session
) -> Callable[[StageState, int], RewardState]:
    """Return (state, step) -> the reward state that the step starts from.

    The first step takes the statistics from the policy of its state; every other checks that the restored ones are of
    this start policy and these questions.
    """
    config, reward_config = context.config, context.reward_config
    if not reward_config.normaliser.calibrated:
        return lambda state, step: state.host.rewards
    batches = calibration_questions(config, records, session.seed)
    digest = calibration_digest(session.hashes, lora, [record.id for batch in batches for record in batch])

    def calibrated(state: StageState, step: int) -> RewardState:
        if step:
            check_calibration(state.host.rewards.statistics, digest)
            return state.host.rewards
        rollouts = (
            sample_and_score(context, state.train, batch, LAST_STEP - index) for index, batch in enumerate(batches)
        )
        channels = [stack_channels(reward_config, rollout.channels, config.prompts) for rollout in rollouts]
        return state.host.rewards._replace(statistics=calibrate(np.concatenate(channels, axis=1), digest))

    return calibrated


def calibration_questions(config: ConfigDict, records: Sequence[Record], seed: int) -> list[list[Record]]:
    """Return the questions of the calibration in batches of `config.grpo.prompts`.

    They are as many whole batches as fit into `calibration_prompts` and the data, at least one: shapes stay those of
    training, so nothing is compiled twice.
    """
    count = max(min(config.calibration_prompts, len(records)) // config.prompts, 1)
    return [draw_questions(records, config.prompts, index, seed) for index in range(count)]


def calibration_digest(hashes: Mapping[str, str], lora: Lora, ids: Sequence[str]) -> np.ndarray:
    """Return the hash of the start policy and the calibration questions, [32] uint8.

    Args:
      hashes: of base, adapters below, data and configuration (`Session.hashes`).
      lora: the trainable adapter at its start.
      ids: of the questions.
    """
    return hash_names((*(f"{name} {value}" for name, value in hashes.items()), fingerprint(lora.modules), *ids))


def check_calibration(statistics: Statistics, digest: np.ndarray) -> None:
    """Raise `UserError` if the restored statistics are of another policy or other questions, or are no numbers."""
    if not np.array_equal(statistics.digest, digest):
        raise UserError(
            "the reward statistics in the checkpoint were taken from another start policy or other questions; "
            "restore what it was written with or choose another --workdir"
        )
    mean, std = statistics.mean, statistics.std
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std >= 0).all()):
        raise UserError(
            "the reward statistics in the checkpoint are not finite or hold a negative deviation; "
            "choose another --workdir"
        )
