"""Right-padding of token lists to a few fixed lengths, so that each shape compiles once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bucket(length: int, per_octave: int = 2, least: int = 16) -> int:
    """Return the least bucket not below `length`: 16, 24, 32, 48, 64, 96, ... with two an octave, from `least` up.

    More an octave waste less padding and compile more often.
    """
    size = least
    while True:
        for part in range(per_octave):
            if length <= (candidate := size + size * part // per_octave):
                return candidate
        size *= 2


def pad_right(rows: Sequence[Sequence[int]], pad: int, length: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return int32 tokens [N, T] padded with `pad`, and a boolean mask [N, T] true at real tokens.

    T is `length`, or the bucket of the longest row. The mask is carried from here on and never rebuilt from ids.
    """
    length = length or bucket(max(len(row) for row in rows))
    tokens = np.full((len(rows), length), pad, np.int32)
    mask = np.zeros((len(rows), length), bool)
    for index, row in enumerate(rows):
        tokens[index, : len(row)] = row
        mask[index, : len(row)] = True
    return tokens, mask


def fit_width(array: np.ndarray, width: int) -> np.ndarray:
    """Return an array [..., T] with its last axis padded with zeros, or cut, to `width`."""
    array = np.asarray(array)[..., :width]
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])])
