"""The GRPO family as data: each loss names an advantage, a ratio, a surrogate and an aggregation.

Constants belong to a run (`config.grpo`), not to a loss. Those of the papers:

| loss | clip_low, clip_high | beta | G |
|---|---|---|---|
| grpo | 0.2, 0.2 | 0.04 | 64 |
| dapo | 0.2, 0.28, with overlong filter (`mask_truncated`) and the channel `overlong` | 0 | 16 |
| dr_grpo | 0.2, 0.2 | 0 | 8 |
| gspo | 3e-4, 4e-4 | 0 | |
| cispo | none, 4 (a cap of 5) | 0 | 16 |
| lite_ppo | 0.2, 0.2 | 0 | 8 |
| clip_cov | 0.2, 0.2, with covariance_share 2e-4, covariance_low 1 and covariance_high 5 | 0 | 8 |
| kl_cov | none, with covariance_share 2e-3 (7B) or 2e-4 (32B) and covariance_weight 1 | 0 | 8 |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax

from alignment.common.registry import lookup
from alignment.objectives.advantages import ADVANTAGES


class Loss(NamedTuple):
    """The parts of a loss, names in `ADVANTAGES`, `RATIOS`, `SURROGATES` and `AGGREGATIONS`, and its source.

    `covariance` names the rule of `covariance.SELECTIONS` that chooses the tokens whose gain is changed; "": none.
    """

    advantage: str
    ratio: str
    surrogate: str
    aggregation: str
    source: str
    covariance: str = ""


LOSSES: dict[str, Loss] = {
    "grpo": Loss("group", "token", "clipped", "response_mean", "Shao et al. 2024, 2402.03300"),
    # TRL and verl of April 2025 divide by the tokens of a micro-batch. This count is global, so that accumulation
    # changes nothing; the two are equal where a batch is one micro-batch.
    "bnpo": Loss("group", "token", "clipped", "token_mean", "TRL's loss_type bnpo"),
    # DAPO's resampling of groups without variance is `config.grpo.refill`, whatever the loss.
    "dapo": Loss("group", "token", "clipped", "token_mean", "Yu et al. 2025, 2503.14476"),
    "dr_grpo": Loss("centred", "token", "clipped", "fixed_length", "Liu et al. 2025, 2503.20783"),
    "gspo": Loss("group", "sequence", "clipped", "response_mean", "Zheng et al. 2025, 2507.18071"),
    "cispo": Loss("group", "token", "weighted", "token_mean", "MiniMax-M1 2025, 2506.13585"),
    "lite_ppo": Loss("batch", "token", "clipped", "token_mean", "Liu et al. 2025, 2508.08221"),
    "clip_cov": Loss("group", "token", "clipped", "token_mean", "Cui et al. 2025, 2505.22617", covariance="clip"),
    "kl_cov": Loss("group", "token", "unclipped", "token_mean", "Cui et al. 2025, 2505.22617", covariance="kl"),
}


def get_loss(name: str) -> Loss:
    """Return the loss called `name`, or raise `UserError` with the nearest known name."""
    return lookup(LOSSES, name, "loss (--config.grpo.loss)")


def get_advantage(loss: str, override: str | None) -> Callable[[jax.Array, float], jax.Array]:
    """Return the advantage function of the loss called `loss`, or the one named by `override` where it is not empty."""
    return ADVANTAGES[override or get_loss(loss).advantage]
