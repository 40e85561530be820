"""Which records each step takes: pure arithmetic on (step, seed), so that resuming needs no iterator state.

The records form one endless stream, epoch after epoch, each epoch a fresh permutation. A batch is a window on that
stream and may straddle two epochs; no record is skipped and every shape stays the same.
"""

from __future__ import annotations

import numpy as np


def steps_in(size: int, batch_size: int, epochs: int) -> int:
    """Return how many batches it takes to see each of `size` records at least `epochs` times."""
    return -(-size * epochs // batch_size)


def position(size: int, batch_size: int, step: int) -> tuple[int, int]:
    """Return (epoch, offset in that epoch's order) of the first record of 0-based `step`."""
    return divmod(step * batch_size, size)


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the permutation [size] of epoch `epoch`, a function of its arguments alone (PCG64 seeded by the pair)."""
    return np.random.default_rng([seed, epoch]).permutation(size)


def batch_indices(size: int, batch_size: int, step: int, seed: int) -> np.ndarray:
    """Return the record numbers [batch_size] of 0-based `step`.

    Raises:
      ValueError: `size` or `batch_size` is below 1.
    """
    if size < 1 or batch_size < 1:
        raise ValueError(f"cannot take batches of {batch_size} from {size} record(s)")
    epoch, offset = position(size, batch_size, step)
    last = position(size, batch_size, step + 1)[0]
    stream = np.concatenate([epoch_order(size, seed, number) for number in range(epoch, last + 1)])
    return stream[offset : offset + batch_size]
