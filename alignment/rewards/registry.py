"""What a reward channel is, and the table of all of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from alignment.record import Record
from alignment.text.parser import Response


@dataclasses.dataclass(frozen=True)
class ScoreBatch:
    """N responses to score, each with the record it answers."""

    responses: Sequence[Response]  # [N]
    records: Sequence[Record]  # [N]
    token_ids: Sequence[Sequence[int]]  # [N][length]: completion ids without stop and pad ids
    progress: float = 0.0  # share of the stage that is done, 0 to 1


Channel = Callable[[ScoreBatch], np.ndarray]

CHANNELS: dict[str, Channel] = {}


def channel(name: str) -> Callable[[Channel], Channel]:
    """Register the decorated function, ScoreBatch -> [N] numbers, as the channel called `name`."""

    def register(function: Channel) -> Channel:
        if CHANNELS.setdefault(name, function) is not function:
            raise ValueError(f"two reward channels are called {name!r}")
        return function

    return register
