"""The strict format, all or nothing, and partial credit for its tags."""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("format")
def format_(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 1 where the whole completion is the two blocks and nothing else (`Response.strict`), else 0."""
    return np.array([response.strict for response in batch.responses], np.float32)


@channel("soft_tags")
def soft_tags(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: 0.25 for each of the template's four literals that occurs exactly once, wherever it occurs.

    It is for models that rarely produce the whole format by chance.
    """
    counts = [response.tag_counts.values() for response in batch.responses]
    return np.array([0.25 * sum(count == 1 for count in tags) for tags in counts], np.float32)
