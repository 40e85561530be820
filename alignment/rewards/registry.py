"""What a reward channel is, and the table of all of them."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from alignment.errors import UserError
from alignment.record import Record
from alignment.text.lookup import lookup
from alignment.text.parser import Response


@dataclasses.dataclass(frozen=True)
class ScoreBatch:
    """N responses to score, each with the record it answers."""

    responses: Sequence[Response]  # [N]
    records: Sequence[Record]  # [N]
    token_ids: Sequence[Sequence[int]]  # [N][length]: completion ids without stop and pad ids
    progress: float = 0.0  # share of the stage that is done, 0 to 1
    max_tokens: int = 0  # the sampler's limit on a completion; 0: not known
    # By channel, [N]: what only a model can compute. Training hands it in, and a channel stays a function of a batch.
    scores: Mapping[str, Sequence[float]] = dataclasses.field(default_factory=dict)


Channel = Callable[[ScoreBatch], np.ndarray]

CHANNELS: dict[str, Channel] = {}


def channel(name: str, *, optional: bool = False) -> Callable[[Channel], Channel]:
    """Register the decorated function, ScoreBatch -> [N] numbers, as the channel called `name`.

    An `optional` channel may return NaN where it does not apply to a record (a question without case facts, say); its
    weight is then left out for that record. From any other channel a NaN is an error.
    """

    def register(function: Channel) -> Channel:
        if CHANNELS.setdefault(name, function) is not function:
            raise ValueError(f"two reward channels are called {name!r}")
        function.optional = optional
        return function

    return register


def each(function: Callable[[Response, Record], float]) -> Channel:
    """Return the channel that applies `function` to every response and its record."""

    def one_by_one(batch: ScoreBatch) -> np.ndarray:
        pairs = zip(batch.responses, batch.records, strict=True)
        return np.array([function(response, record) for response, record in pairs], np.float32)

    one_by_one.__doc__ = function.__doc__
    return one_by_one


def is_optional(function: Channel) -> bool:
    """Whether a channel may return NaN for "not applicable"."""
    return getattr(function, "optional", False)


def find_channel(name: str) -> Channel:
    """Return the channel registered as `name`, or the function at a dotted path such as `my_package.rewards.brevity`.

    Raises:
      UserError: no such channel, module or function.
    """
    if name in CHANNELS or "." not in name:
        return lookup(CHANNELS, name, "reward channel")
    module_name, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise UserError(f"reward channel {name!r}: {error}; put the module on PYTHONPATH or install it") from error
    except Exception as error:  # a user's module may raise anything
        raise UserError(
            f"reward channel {name!r}: importing {module_name!r} raised {type(error).__name__}: {error}; correct it"
        ) from error
    if not callable(found):
        raise UserError(f"reward channel {name!r}: {module_name} has no function {attribute!r}; correct the path")
    return found
