"""The records of each step, computed from (step, seed) alone, so that resuming needs no iterator state.

The records form one endless stream, epoch after epoch, each epoch a fresh permutation. A batch is a window on that
stream and may straddle two epochs; no record is skipped and every shape stays the same.
"""

from __future__ import annotations

import numpy as np

from alignment.errors import UserError

WINDOW = 32  # batches among which lengths are sorted: enough for alike lengths, few enough for a new order each epoch


def steps_in(size: int, batch_size: int, epochs: int) -> int:
    """Return how many batches it takes to see each of `size` records at least `epochs` times."""
    return -(-size * epochs // batch_size)


def position(size: int, batch_size: int, step: int) -> tuple[int, int]:
    """Return (epoch, offset in that epoch's order) of the first record of 0-based `step`."""
    return divmod(step * batch_size, size)


def epoch_order(size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the permutation [size] of epoch `epoch`, a function of its arguments alone (PCG64 seeded by the pair)."""
    return np.random.default_rng([seed, epoch]).permutation(size)


def bucketed_order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return a permutation [N] of epoch `epoch` in which batches hold examples of similar length.

    Runs of `WINDOW` batches of the shuffled order are sorted by length and their batches shuffled. Batches are cut
    where those of the endless stream are, so the first few examples may belong to the last batch of the epoch before.
    """
    size = len(lengths)
    order, rng = epoch_order(size, seed, epoch), np.random.default_rng([seed, epoch, 1])
    lead = -(epoch * size) % batch_size
    pieces = [order[:lead]]
    for start in range(lead, size, WINDOW * batch_size):
        window = order[start : start + WINDOW * batch_size]
        window = window[np.argsort(lengths[window], kind="stable")]
        whole = len(window) // batch_size * batch_size
        pieces += [*rng.permutation(window[:whole].reshape(-1, batch_size)), window[whole:]]
    return np.concatenate(pieces)[:size]


def batch_indices(size: int, batch_size: int, step: int, seed: int, lengths: np.ndarray | None = None) -> np.ndarray:
    """Return the record numbers [batch_size] of 0-based `step`, of similar `lengths` [size] where these are given.

    Raises:
      ValueError: `size` or `batch_size` is below 1.
    """
    if size < 1 or batch_size < 1:
        raise ValueError(f"cannot take batches of {batch_size} from {size} record(s)")
    epoch, offset = position(size, batch_size, step)
    last = position(size, batch_size, step + 1)[0]
    orders = [
        epoch_order(size, seed, number) if lengths is None else bucketed_order(lengths, batch_size, seed, number)
        for number in range(epoch, last + 1)
    ]
    return np.concatenate(orders)[offset : offset + batch_size]


def host_part(indices: np.ndarray, host: int, hosts: int) -> np.ndarray:
    """Return the share of a batch that host number `host` of `hosts` makes: equal runs, in order.

    Raises:
      UserError: the batch cannot be cut into equal shares.
    """
    if len(indices) % hosts:
        raise UserError(f"a batch of {len(indices)} cannot be shared by {hosts} hosts; make it a multiple of them")
    share = len(indices) // hosts
    return indices[host * share : (host + 1) * share]
