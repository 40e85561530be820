"""A penalty on repeated 3-grams of tokens."""

from __future__ import annotations

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel

_N = 3


@channel("repetition")
def repetition(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: -(1 - unique / all) over the 3-grams of the completion's token ids, tags included; 0 below 3 ids."""
    penalties = []
    for ids in batch.token_ids:
        grams = [tuple(map(int, ids[start : start + _N])) for start in range(len(ids) - _N + 1)]
        penalties.append(len(set(grams)) / len(grams) - 1.0 if grams else 0.0)
    return np.array(penalties, np.float32)
