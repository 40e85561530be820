"""Reward presets as data: which channels are paid, and how much."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from alignment.text.lookup import lookup


@dataclasses.dataclass(frozen=True)
class Weight:
    """The coefficient of one channel; with `anneal_until` it falls linearly to 0 over that share of the stage."""

    value: float
    anneal_until: float | None = None

    def at(self, progress: float) -> float:
        """Return the coefficient when `progress` (0 to 1) of the stage is done."""
        if self.anneal_until is None:
            return self.value
        return self.value * max(0.0, 1.0 - progress / self.anneal_until)


PRESETS: dict[str, Mapping[str, Weight]] = {
    # A reconstruction: the paper publishes no reward. Accuracy has to dominate, or small models settle for the format.
    "decoupled_v1": {
        "accuracy": Weight(2.0),
        "format": Weight(0.5),
        "soft_tags": Weight(0.25, anneal_until=0.2),
        "repetition": Weight(0.25),
    },
}


def get_preset(name: str) -> Mapping[str, Weight]:
    """Return the preset called `name`, or raise `UserError` with the nearest known name."""
    return lookup(PRESETS, name, "reward preset (--config.grpo.reward)")
