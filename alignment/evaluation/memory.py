"""Going on with smaller batches where memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from alignment.common.progress import warn
from alignment.common.surroundings import is_memory_shortage

Result = TypeVar("Result")
Compute = Callable[[Sequence[int], int], Iterator[tuple[int, Result]]]


def halving(compute: Compute, total: int, size: int, label: str, unit: str) -> Iterator[tuple[int, Result]]:
    """Yield the results of items 0 to `total` - 1, with half the batch size each time that memory runs out.

    Args:
      compute: yields (item, result) of the listed items in batches of a size; it is called again for those that are
        left.
      total: number of items.
      size: of the first batches.
      label: of the work and unit: of the size, for the line that says that memory ran out.

    Raises:
      Exception: whatever `compute` raises, a shortage of memory at size 1 included.
    """
    left = dict.fromkeys(range(total))
    while left:
        try:
            for index, result in compute(list(left), size):
                del left[index]
                yield index, result
        except Exception as error:
            if size == 1 or not is_memory_shortage(error):
                raise
            size //= 2
            warn(f"{label}: out of memory; going on with {size} {unit}, {total - len(left)} of {total} are done")
