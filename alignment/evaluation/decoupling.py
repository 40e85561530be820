"""What a reward stage did to what SFT taught: the held-out loss of the reasoning, and how far the weights moved.

Non-decoupling (2601.07389) says that reinforcement after SFT must raise the SFT loss. An arm of two adapters can take
the reward adapter off; an arm of one cannot. The rows are measured in `training.drift`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alignment.metric_schema import METRICS

KEYS = tuple(METRICS["decoupling"])
MEASURED = {
    "reasoning_nll_start": "reasoning/nll_start",
    "reasoning_nll": "reasoning/nll",
    "reasoning_nll_without_reward": "reasoning/nll_without_reward",
    "retention_nll_start": "retention/nll_start",
    "retention_nll": "retention/nll",
    "kl_base": "kl/base",
    "weights_moved": "distance/weights",
    "weights_moved_share": "distance/weights_share",
}


def decoupling(rows: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the last value of each measurement in the metric rows of one reward stage, under the names in `KEYS`.

    None where no row has it.
    """
    return {
        name: next((row[metric] for row in reversed(rows) if row.get(metric) is not None), None)
        for name, metric in MEASURED.items()
    }
