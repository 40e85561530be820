"""The outcome: was the right option chosen?"""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("accuracy")
def accuracy(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 1 where the extracted letter is the gold one, else 0; an unparseable answer is wrong."""
    pairs = zip(batch.responses, batch.records, strict=True)
    return np.array([response.letter == record.gold for response, record in pairs], np.float32)
