"""The reward of a model fitted to people's judgements (online feedback)."""

from __future__ import annotations

import numpy as np

from alignment.errors import UserError
from alignment.rewards.registry import ScoreBatch, channel


@channel("feedback", needs="device")
def feedback(batch: ScoreBatch) -> np.ndarray:
    """Return [N] in [0, 1]: sigma of a Bradley-Terry score (online feedback of Quark, 2602.11661; a reconstruction).

    `alignment/reward_model` fits the model to judgements and computes the features it reads.
    """
    if batch.reward_model is None or batch.features is None:
        raise UserError(
            "reward channel 'feedback' needs a reward model; make one with python -m alignment.feedback and name its "
            "file with --config.grpo.feedback=FILE"
        )
    return np.asarray(batch.reward_model(batch.features), np.float32)
