"""A reward that says nothing: the control that learning from a reward is measured against."""

from __future__ import annotations

import zlib

import numpy as np

from alignment.rewards.registry import ScoreBatch, channel


@channel("random")
def random_reward(batch: ScoreBatch) -> np.ndarray:
    """A fair coin a completion, 1 or 0, whatever it says (Spurious Rewards, 2506.10947, at probability 0.5).

    Drawn of seed and step (`ScoreBatch.draw`) and the record's id, completion by completion within a record.
    """
    draws = {
        record.id: np.random.default_rng((*batch.draw, zlib.crc32(record.id.encode()))) for record in batch.records
    }
    return np.array([draws[record.id].integers(2) for record in batch.records], np.float32)
