"""The total reward of a preset, computed in one line from the raw channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alignment.rewards.presets import Weight, get_preset
from alignment.rewards.registry import ScoreBatch
from alignment.rewards.score import score_channels


def score(batch: ScoreBatch, preset: str | Mapping[str, Weight]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return (total reward [N] float32, {channel: raw value [N] float32}); a NaN of an optional channel is left out."""
    weights = get_preset(preset) if isinstance(preset, str) else preset
    raw = score_channels(batch, weights)
    parts = [weight.at(batch.progress) * raw[name].astype(np.float64) for name, weight in weights.items()]
    return np.nansum(parts, axis=0).astype(np.float32), raw
