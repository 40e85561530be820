"""How work grows with the size of its input: a ratio, the same on every machine."""

from __future__ import annotations

import time
from collections.abc import Callable

FACTOR = 16


def grows_linearly(task: Callable[[int], object], size: int = 20_000) -> bool:
    """Whether `task(size)` costs far less than `FACTOR` squared times as much as `task(size // FACTOR)`.

    The cost is the processor time of this thread, the least of three runs, so that other processes do not count.
    Linear work costs 16 times as much, quadratic work 256 times; the bar is their geometric mean, 64.
    """
    return _cost(task, size) < FACTOR**1.5 * _cost(task, size // FACTOR)


def _cost(task: Callable[[int], object], size: int) -> float:
    costs = []
    for _ in range(3):
        start = time.thread_time()
        task(size)
        costs.append(time.thread_time() - start)
    return min(costs)
