"""What people who judged responses would think of this one, by a scorer fitted to their judgements."""

from __future__ import annotations

import numpy as np

from alignment.errors import UserError
from alignment.rewards.registry import ScoreBatch, channel


@channel("feedback")
def feedback(batch: ScoreBatch) -> np.ndarray:
    """Return [N] in [0, 1]: sigma of a Bradley-Terry score (online feedback of Quark, 2602.11661; a reconstruction).

    Computing it takes the base model, which no channel has: `alignment/training/feedback.py` fits the scorer, and the
    training loop hands its values in as `batch.scores["feedback"]`.
    """
    if "feedback" not in batch.scores:
        raise UserError(
            "reward channel 'feedback' needs a scorer; make one with python -m alignment.feedback and name its file "
            "with --config.grpo.feedback=FILE"
        )
    return np.asarray(batch.scores["feedback"], np.float32)
