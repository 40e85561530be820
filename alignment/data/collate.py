"""Arrays of a step of supervised training out of tokenised examples, in one of three ways.

    shuffled   every example has a row, padded to the longest of the batch
    bucketed   as shuffled, but a batch holds examples of similar length
    packed     the examples of a shuffled batch share rows, told apart by segment numbers

A batch is a function of (examples, seed, step), so that nothing has to be saved to resume at the exact record, and each
host of a group can make its own rows without communication.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from alignment.data.batches import batch_indices, host_part
from alignment.data.tokens import Examples
from alignment.errors import UserError
from alignment.text.padding import bucket, pad_right

BATCHINGS = ("shuffled", "bucketed", "packed")


def check_batching(name: str) -> None:
    """Raise `UserError` unless `name` is one of `BATCHINGS`."""
    if name not in BATCHINGS:
        raise UserError(f"--config.sft.batching={name} is unknown; use one of {', '.join(BATCHINGS)}")


class Host(NamedTuple):
    """One of the hosts that make a batch together."""

    index: int
    count: int


ONE_HOST = Host(0, 1)


def collate(
    examples: Examples,
    size: int,
    step: int,
    seed: int,
    *,
    batching: str = "shuffled",
    filler: int = 0,
    parts: int = 1,
    host: Host = ONE_HOST,
) -> dict[str, np.ndarray]:
    """Return the arrays of 0-based `step`: tokens [R, T], loss_mask [R, T] and, if packed, segments [R, T].

    Args:
      examples: all of them.
      size: examples a batch, over all hosts.
      step: which batch.
      seed: of the order.
      batching: one of `BATCHINGS`.
      filler: token id of the padding, which has segment 0.
      parts: R must be a multiple of it (micro-batches times devices of a host).
      host: which host's rows to return; R and T are the same on all of them.
    """
    lengths = examples.lengths if batching == "bucketed" else None
    whole = batch_indices(len(examples), size, step, seed, lengths)
    if batching == "packed":
        return _packed(examples, whole, filler, parts, host)
    width = bucket(int(examples.lengths[whole].max()), per_octave=4)
    ids, masks = examples.take(host_part(whole, *host))
    return {
        "tokens": pad_right(ids, filler, width)[0],
        "loss_mask": pad_right(masks, 0, width)[0].astype(np.bool_),
    }


def _packed(examples: Examples, whole: np.ndarray, filler: int, parts: int, host: Host) -> dict[str, np.ndarray]:
    # One width for all batches and few heights, so that few programs are compiled.
    width = bucket(int(examples.lengths.max()), per_octave=4)
    shares = [host_part(whole, number, host.count) for number in range(host.count)]
    plans = [fill_rows(examples.lengths[share], width) for share in shares]
    height = parts * bucket(-(-max(map(len, plans)) // parts), per_octave=4, least=1)
    ids, masks = examples.take(shares[host.index])
    arrays = {
        "tokens": np.full((height, width), filler, np.int32),
        "loss_mask": np.zeros((height, width), np.bool_),
        "segments": np.zeros((height, width), np.int32),
    }
    for row, members in enumerate(plans[host.index]):
        end = 0
        for segment, member in enumerate(members, start=1):
            begin, end = end, end + len(ids[member])
            arrays["tokens"][row, begin:end] = ids[member]
            arrays["loss_mask"][row, begin:end] = masks[member]
            arrays["segments"][row, begin:end] = segment
            arrays["loss_mask"][row, begin] = False  # no token of its example precedes it
    return arrays


def fill_rows(lengths: Sequence[int], width: int) -> list[list[int]]:
    """Return rows of example numbers whose lengths add up to at most `width`: first-fit decreasing.

    The longest comes first and each goes to the first row it fits into, which needs at most 11/9 of the fewest rows
    plus one.

    Raises:
      ValueError: an example is longer than a row.
    """
    if len(lengths) and max(lengths) > width:
        raise ValueError(f"an example of {max(lengths)} tokens does not fit into a row of {width}")
    rows: list[list[int]] = []
    free: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: (-lengths[number], number)):
        row = next((row for row, left in enumerate(free) if lengths[number] <= left), len(rows))
        if row == len(rows):
            rows.append([])
            free.append(width)
        rows[row].append(number)
        free[row] -= int(lengths[number])
    return rows
