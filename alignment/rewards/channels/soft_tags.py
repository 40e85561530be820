"""A slope towards the format, for models too small to hit it by chance."""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("soft_tags")
def soft_tags(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 0.25 for each of the template's four literals that occurs exactly once, wherever it stands."""
    counts = [response.tag_counts.values() for response in batch.responses]
    return np.array([0.25 * sum(count == 1 for count in tags) for tags in counts], np.float32)
