"""Normalisers bring channels to one scale before they are weighted: `none`, `rfn`, `gdpo` or `batch`.

A normaliser is a pure function from raw rewards [K, P, G] (K channels, P groups of G samples; NaN where a channel does
not apply) to normalised ones of the same shape, NaN at the same places. Only RFN has a state, frozen once calibrated.
`floors` [K] are the least standard deviations that `gdpo` and `batch` divide a channel by; a floor of 0 gives the
published formula, std + 1e-4. Values that differ by rounding alone become exactly 0.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from alignment.common.registry import lookup

EPS = 1e-4  # added to a standard deviation that has no floor
SAME_REWARD = 1e-6  # range of a channel up to which its values are the same
SD_MIN = 0.05
CLIP = 5.0


class Statistics(NamedTuple):
    """Mean and standard deviation of every channel under the start policy, and a hash of policy and questions."""

    mean: np.ndarray  # [K] float32
    std: np.ndarray  # [K] float32
    digest: np.ndarray  # [32] uint8: SHA-256 of start policy and calibration questions; zeros before the calibration


@dataclasses.dataclass(frozen=True)
class Normaliser:
    """A normaliser, whether it needs a calibration, and the advantage it prescribes instead of that of the loss."""

    apply: Callable[[np.ndarray, Statistics, np.ndarray], np.ndarray]
    calibrated: bool = False
    advantage: str = ""


def none(raw: np.ndarray, statistics: Statistics, floors: np.ndarray) -> np.ndarray:
    """Return the rewards as they are."""
    return raw


def rfn(raw: np.ndarray, statistics: Statistics, floors: np.ndarray) -> np.ndarray:
    """Return z_k = clip((r_k - mu_k) / max(sd_k, 0.05), -5, 5) with mu and sd frozen at the start of the stage.

    Reference-Frozen Normalization of Quark (2602.11661), whose formula is unpublished: a reconstruction. Whitening by
    batch or group amplifies the noise of a channel that has converged. With frozen statistics the deviation of z
    shrinks and its mean shows the progress. Under centring by group mu cancels wherever no clip binds.
    """
    mean, std = (np.float64(part)[:, None, None] for part in (statistics.mean, statistics.std))
    return np.clip((raw - mean) / np.maximum(std, SD_MIN), -CLIP, CLIP)


def gdpo(raw: np.ndarray, statistics: Statistics, floors: np.ndarray) -> np.ndarray:
    """Return z_k = (r_k - mean of its group) / max(std of its group, floor_k), ddof = 1, by channel (GDPO, 2601.05242).

    The weighted sum is then whitened over the batch (advantage `whitened`). The floors are a reconstruction.
    """
    return _standardised(raw, floors, axis=(2,))


def batch(raw: np.ndarray, statistics: Statistics, floors: np.ndarray) -> np.ndarray:
    """Return z_k = (r_k - mean of the batch) / max(std of the batch, floor_k), ddof = 1, channel by channel."""
    return _standardised(raw, floors, axis=(1, 2))


def _standardised(raw: np.ndarray, floors: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    applies, floors = ~np.isnan(raw), floors[:, None, None]
    count = applies.sum(axis=axis, keepdims=True)
    mean = np.nansum(raw, axis=axis, keepdims=True) / np.maximum(count, 1)
    squares = np.nansum((raw - mean) ** 2, axis=axis, keepdims=True)
    std = np.sqrt(squares / np.maximum(count - 1, 1))
    z = (raw - mean) / np.where(floors > 0, np.maximum(std, floors), std + EPS)
    return np.where(_is_tied(raw, axis), 0.0, z)


NORMALISERS = {
    "none": Normaliser(none),
    "rfn": Normaliser(rfn, calibrated=True),
    "gdpo": Normaliser(gdpo, advantage="whitened"),
    "batch": Normaliser(batch),
}


def get_normaliser(name: str) -> Normaliser:
    """Return the normaliser called `name`, or raise `UserError` with the nearest known name."""
    return lookup(NORMALISERS, name, "normaliser (--config.grpo.normaliser)")


def snap_ties(raw: np.ndarray) -> np.ndarray:
    """Return raw rewards [K, P, G] in which nearly equal values of a channel within a group are exactly equal.

    Nearly equal are values that differ by no more than `SAME_REWARD`. Normalisers divide by deviations far below 1 and
    would enlarge such a difference to that of two different rewards.
    """
    least = np.min(raw, axis=2, keepdims=True, initial=np.inf, where=~np.isnan(raw))
    return np.where(_is_tied(raw, axis=(2,)), least, raw)


def _is_tied(raw: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
    """Whether a value is one of nearly equal ones over `axis`; false for NaN."""
    applies = ~np.isnan(raw)
    highest = np.max(raw, axis=axis, keepdims=True, initial=-np.inf, where=applies)
    lowest = np.min(raw, axis=axis, keepdims=True, initial=np.inf, where=applies)
    return applies & (highest - lowest <= SAME_REWARD)


def uncalibrated(channels: int) -> Statistics:
    """Return the statistics before the calibration: mean 0, deviation 1."""
    return Statistics(np.zeros(channels, np.float32), np.ones(channels, np.float32), np.zeros(32, np.uint8))


def calibrate(raw: np.ndarray, digest: np.ndarray) -> Statistics:
    """Return the statistics of raw rewards [K, ...], pooled over all questions and samples, with ddof = 0.

    A channel that applies nowhere keeps mean 0 and deviation 1.
    """
    flat = raw.reshape(raw.shape[0], -1).astype(np.float64)
    applies = ~np.isnan(flat)
    count = np.maximum(applies.sum(axis=1), 1)
    mean = np.nansum(flat, axis=1) / count
    std = np.sqrt(np.nansum((flat - mean[:, None]) ** 2, axis=1) / count)
    std = np.where(applies.any(axis=1), std, 1.0)
    return Statistics(mean.astype(np.float32), std.astype(np.float32), digest)


def hash_names(parts: Iterable[str]) -> np.ndarray:
    """Return the SHA-256 of the names of a start policy and of its calibration questions, [32] uint8."""
    return np.frombuffer(hashlib.sha256("\n".join(parts).encode()).digest(), np.uint8).copy()
