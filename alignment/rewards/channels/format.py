"""The strict format, all or nothing."""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("format")
def format_(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 1 where the whole completion is the two blocks and nothing else (`Response.strict`), else 0."""
    return np.array([response.strict for response in batch.responses], np.float32)
