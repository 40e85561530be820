"""The raw value of every channel for a batch of responses, with checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from alignment.errors import UserError
from alignment.rewards.registry import ScoreBatch, ScoreFunction, find_channel


def score_channels(batch: ScoreBatch, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Return {channel: raw values [N] float32}.

    Raises:
      UserError: an unknown channel, or one that raised, returned the wrong number of values or one that is not finite.
    """
    return {name: score_channel(batch, name) for name in names}


def score_channel(batch: ScoreBatch, name: str) -> np.ndarray:
    """Return the raw values [N] float32 of one channel, checked; NaN (not applicable) only from an optional one."""
    expected = len(batch.responses)
    if not expected == len(batch.records) == len(batch.token_ids):
        sizes = f"{expected} responses, {len(batch.records)} records, {len(batch.token_ids)} token lists"
        raise ValueError(f"a batch of unequal parts: {sizes}")
    channel = find_channel(name)
    values = _as_numbers(_call(channel.score, batch, name), name)
    if values.shape != (expected,):
        row = min(values.size, expected)
        raise UserError(
            f"reward channel {name!r} returned shape {values.shape} for {expected} responses: they part at row {row}"
            f"{_record_at(batch, row)}; return one number a response"
        )
    bad = np.flatnonzero(np.isinf(values) if channel.optional else ~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        raise UserError(
            f"reward channel {name!r} returned {values[row]} in row {row}{_record_at(batch, row)}; make it return a "
            "finite number for every response, or register it with optional=True if NaN means not applicable"
        )
    return values


def _call(function: ScoreFunction, batch: ScoreBatch, name: str) -> Any:
    try:
        return function(batch)
    except UserError:
        raise
    except Exception as error:
        row, why = _first_failing_row(function, batch) or (None, error)
        where = "on the whole batch" if row is None else f"in row {row}{_record_at(batch, row)}"
        raise UserError(
            f"reward channel {name!r} failed {where}: {type(why).__name__}: {why}; correct the channel or the record"
        ) from error


def _first_failing_row(function: ScoreFunction, batch: ScoreBatch) -> tuple[int, Exception] | None:
    """Return the first row that makes the channel fail by itself, with its exception; None if none does."""
    fields = ("responses", "records", "token_ids", *(("features",) if batch.features is not None else ()))
    for row in range(len(batch.responses)):
        alone = dataclasses.replace(batch, **{field: getattr(batch, field)[row : row + 1] for field in fields})
        try:
            function(alone)
        except Exception as error:  # noqa: BLE001 - the message names whatever the channel raises
            return row, error
    return None


def _as_numbers(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"reward channel {name!r} did not return numbers ({error}); return one a response") from error


def _record_at(batch: ScoreBatch, row: int) -> str:
    return f" (record {batch.records[row].id!r})" if row < len(batch.records) else ""
