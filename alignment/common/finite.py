"""Nothing that is not finite is written: a NaN in a file is loaded, trained on and served without a word."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alignment.errors import UserError


def check_finite(arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Raise `UserError` if an array of numbers holds NaN or infinities; the line names `where` and the array.

    Types of numpy and of ml_dtypes are looked at (float32, bfloat16); whole numbers, booleans and texts are skipped.
    """
    for name, array in arrays.items():
        if array.dtype.kind in "biuSUO":
            continue
        count = array.size - int(np.count_nonzero(np.isfinite(array)))
        if count:
            raise UserError(
                f"{where}: {name} holds {count} value(s) that are NaN or infinite, which is never written; "
                "lower the learning rate or check the weights it was made from"
            )
