"""Reward channels: their input, their declaration, and the registry of all of them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from alignment.common.registry import lookup
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.parser import Response


@dataclasses.dataclass(frozen=True)
class ScoreBatch:
    """N responses to score, each with the record it answers."""

    responses: Sequence[Response]  # [N]
    records: Sequence[Record]  # [N]
    token_ids: Sequence[Sequence[int]]  # [N][length]: completion ids without stop and pad ids
    progress: float = 0.0  # share of the stage that is done, 0 to 1
    max_tokens: int = 0  # the sampler's limit on a completion; 0 where it is not known
    draw: tuple[int, int] = (0, 0)  # seed of the run and step of training, for channels that draw their rewards
    # For channels with needs="device": [N, D] features of the frozen base, and the reward model that reads them.
    features: np.ndarray | None = None
    reward_model: Callable[[np.ndarray], np.ndarray] | None = None


ScoreFunction = Callable[[ScoreBatch], np.ndarray]


class Channel(NamedTuple):
    """A reward channel: a function from a batch to [N] numbers, and what it may return and needs."""

    score: ScoreFunction
    optional: bool = False  # may return NaN where it does not apply to a record
    needs: str = ""  # "device": reads `ScoreBatch.features`, which are computed when the rollout has ended


CHANNELS: dict[str, Channel] = {}


def channel(name: str, *, optional: bool = False, needs: str = "") -> Callable[[ScoreFunction], ScoreFunction]:
    """Register the decorated function, ScoreBatch -> [N] numbers, as the channel called `name`.

    Args:
      name: of the channel.
      optional: it may return NaN where it does not apply to a record (a question without case facts, say), and its
        weight is then left out for that record. From any other channel a NaN is an error.
      needs: "device" for a channel that reads `ScoreBatch.features`; it is scored once the device is free.
    """

    def register(function: ScoreFunction) -> ScoreFunction:
        if CHANNELS.setdefault(name, Channel(function, optional, needs)).score is not function:
            raise ValueError(f"two reward channels are called {name!r}")
        return function

    return register


def each(function: Callable[[Response, Record], float]) -> ScoreFunction:
    """Return the channel that applies `function` to every response and its record."""

    def one_by_one(batch: ScoreBatch) -> np.ndarray:
        pairs = zip(batch.responses, batch.records, strict=True)
        return np.array([function(response, record) for response, record in pairs], np.float32)

    one_by_one.__doc__ = function.__doc__
    return one_by_one


def needs_device(name: str) -> bool:
    """Whether the channel called `name` reads features that the device computes."""
    return find_channel(name).needs == "device"


def find_channel(name: str) -> Channel:
    """Return the channel registered as `name`, or that of the function at a dotted path such as `my_package.brevity`.

    A function that its module registers with `channel` keeps what it was registered with.

    Raises:
      UserError: no such channel, module or function.
    """
    if name in CHANNELS or "." not in name:
        return lookup(CHANNELS, name, "reward channel")
    module_name, _, attribute = name.rpartition(".")
    try:
        function = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise UserError(f"reward channel {name!r}: {error}; put the module on PYTHONPATH or install it") from error
    except Exception as error:  # a user's module may raise anything
        raise UserError(
            f"reward channel {name!r}: importing {module_name!r} raised {type(error).__name__}: {error}; correct it"
        ) from error
    if not callable(function):
        raise UserError(f"reward channel {name!r}: {module_name} has no function {attribute!r}; correct the path")
    registered = (channel for channel in CHANNELS.values() if channel.score is function)
    return next(registered, Channel(function))
