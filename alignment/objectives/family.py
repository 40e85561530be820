"""The GRPO family as data: each loss is a choice of advantage, ratio, surrogate and aggregation.

Constants are settings of a run (`config.grpo`), not of a loss. Those of the papers:

| loss | clip_low, clip_high | beta | G |
|---|---|---|---|
| grpo | 0.2, 0.2 | 0.04 | 64 |
| dapo | 0.2, 0.28, with overlong filter (`mask_truncated`) and the channel `overlong` | 0 | 16 |
| dr_grpo | 0.2, 0.2 | 0 | 8 |
| gspo | 3e-4, 4e-4 | 0 | |
| cispo | none, 4 (a cap of 5) | 0 | 16 |
| lite_ppo | 0.2, 0.2 | 0 | 8 |
"""

from __future__ import annotations

from typing import NamedTuple

from alignment.text.lookup import lookup


class Choice(NamedTuple):
    """A loss: names in `ADVANTAGES`, `RATIOS`, `SURROGATES` and `AGGREGATIONS`, and where it comes from."""

    advantage: str
    ratio: str
    surrogate: str
    aggregation: str
    source: str


LOSSES: dict[str, Choice] = {
    "grpo": Choice("group", "token", "clipped", "response_mean", "Shao et al. 2024, 2402.03300"),
    # TRL and verl of April 2025 divide by the tokens of a micro-batch. Here the count is global, so that accumulation
    # changes nothing: equal to theirs where a batch is one micro-batch.
    "bnpo": Choice("group", "token", "clipped", "token_mean", "TRL's loss_type bnpo"),
    # Resampling of groups without variance is not part of the loss.
    "dapo": Choice("group", "token", "clipped", "token_mean", "Yu et al. 2025, 2503.14476"),
    "dr_grpo": Choice("centred", "token", "clipped", "fixed_length", "Liu et al. 2025, 2503.20783"),
    "gspo": Choice("group", "sequence", "clipped", "response_mean", "Zheng et al. 2025, 2507.18071"),
    "cispo": Choice("group", "token", "weighted", "token_mean", "MiniMax-M1 2025, 2506.13585"),
    "lite_ppo": Choice("batch", "token", "clipped", "token_mean", "Liu et al. 2025, 2508.08221"),
}


def get_loss(name: str) -> Choice:
    """Return the loss called `name`, or raise `UserError` with the nearest known name."""
    return lookup(LOSSES, name, "loss (--config.grpo.loss)")
