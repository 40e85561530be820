"""From a batch of responses to one reward each, channel by channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from alignment.errors import UserError
from alignment.rewards import channels  # noqa: F401 - importing it fills CHANNELS
from alignment.rewards.presets import get_preset
from alignment.rewards.registry import CHANNELS, ScoreBatch
from alignment.text.lookup import lookup


def score(batch: ScoreBatch, preset: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return (total reward [N] float32, {channel: raw value [N] float32}) of the preset called `preset`.

    The total is the sum of the channels, each times its weight at `batch.progress`.

    Raises:
      UserError: unknown preset or channel, or a channel that returned the wrong number of values or one that is not
        finite; a NaN is never counted as some number.
    """
    weights = get_preset(preset)
    raw = {name: score_channel(batch, name) for name in weights}
    parts = [weight.at(batch.progress) * raw[name].astype(np.float64) for name, weight in weights.items()]
    return np.sum(parts, axis=0).astype(np.float32), raw


def score_channel(batch: ScoreBatch, name: str) -> np.ndarray:
    """Return the raw values [N] float32 of one channel, checked; raises as `score` does."""
    expected = len(batch.responses)
    if not expected == len(batch.records) == len(batch.token_ids):
        sizes = f"{expected} responses, {len(batch.records)} records, {len(batch.token_ids)} token lists"
        raise ValueError(f"a batch of unequal parts: {sizes}")
    values = _as_numbers(lookup(CHANNELS, name, "reward channel")(batch), name)
    if values.shape != (expected,):
        row = min(values.size, expected)
        raise UserError(
            f"reward channel {name!r} returned shape {values.shape} for {expected} responses: they part at row {row}"
            f"{_record_at(batch, row)}; return one number a response"
        )
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        raise UserError(
            f"reward channel {name!r} returned {values[row]} in row {row}{_record_at(batch, row)}; "
            "make it return a finite number for every response"
        )
    return values


def _as_numbers(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"reward channel {name!r} did not return numbers ({error}); return one a response") from error


def _record_at(batch: ScoreBatch, row: int) -> str:
    return f" (record {batch.records[row].id!r})" if row < len(batch.records) else ""
