"""Refuse to write values that are not finite, because a NaN in a file is loaded, trained on and served silently."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from alignment.errors import UserError


def all_finite(tensor: np.ndarray) -> bool:
    """Return whether no value is NaN or infinite; checked in blocks of rows, which needs little memory."""
    rows = max(1, 2**18 // max(1, math.prod(tensor.shape[1:])))
    return all(np.isfinite(tensor[start : start + rows]).all() for start in range(0, len(tensor), rows))


def check_finite(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Raise `UserError` if an array of numbers holds NaN or infinities; the line names `where` and the array.

    Floating-point types of numpy and ml_dtypes are checked (float32, bfloat16); integers, booleans and texts are not.
    """
    for name, array in arrays.items():
        if array.dtype.kind in "biuSUO":
            continue
        if not all_finite(np.atleast_1d(array)):
            count = array.size - int(np.count_nonzero(np.isfinite(array)))
            raise UserError(
                f"{where}: {name} holds {count} value(s) that are NaN or infinite, which is never written; "
                "lower the learning rate or check the weights it was made from"
            )
