"""The outcome: was the right option chosen?"""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("accuracy")
def accuracy(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 1 where the one option that the answer block affirms is the gold one, else 0 (the strict reading)."""
    pairs = zip(batch.responses, batch.records, strict=True)
    return np.array([response.letter == record.gold for response, record in pairs], np.float32)
