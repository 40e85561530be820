"""A penalty on saying the same thing again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel

_N = 3


@channel("repetition")
def repetition(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: -(1 - unique / all) over the 3-grams of the completion's token ids, tags included; 0 below 3 ids."""
    return np.array([_penalty(ids) for ids in batch.token_ids], np.float32)


def _penalty(ids: Sequence[int]) -> float:
    grams = [tuple(map(int, ids[start : start + _N])) for start in range(len(ids) - _N + 1)]
    return len(set(grams)) / len(grams) - 1.0 if grams else 0.0
