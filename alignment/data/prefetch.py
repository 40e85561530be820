"""The next batches made in a thread while the current step runs, so that the accelerator does not wait for them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Batch = TypeVar("Batch")
AHEAD = 2  # batches made beyond the requested one


@contextlib.contextmanager
def prefetched(make: Callable[[int], Batch], steps: int) -> Iterator[Callable[[int], tuple[Batch, float]]]:
    """Yield a function that returns `make(step)` and the seconds waited for it, while later steps are made.

    `make` must depend on its argument alone, so that a run may begin at any step below `steps`, and runs in one
    thread. What it raises is raised when its step is requested.
    """
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    coming: dict[int, concurrent.futures.Future[Batch]] = {}

    def take(step: int) -> tuple[Batch, float]:
        began = time.perf_counter()
        for number in range(step, min(step + 1 + AHEAD, max(steps, step + 1))):
            if number not in coming:
                coming[number] = pool.submit(make, number)
        batch = coming.pop(step).result()
        return batch, time.perf_counter() - began

    try:
        yield take
    finally:
        pool.shutdown(cancel_futures=True)
