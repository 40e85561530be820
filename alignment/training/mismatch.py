"""How far the sampler's recorded log-probabilities lie from those of the policy being trained.

In float32, unmerged, they agree to rounding. They part when decoding uses merged weights, narrower types or another
program than the update; `grpo.importance_cap` then corrects for it by truncated importance sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked

MOMENTS = ("x", "y", "xx", "yy", "xy", "w", "ww")
_PREFIX = "moment of the sampler: "


def mismatch_sums(policy: jax.Array, sampled: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    """Sums over the tokens [N, T] where `mask` is true, from which `mismatch` is made.

    x is the log-probability by the policy, y that of the sampler, w = exp(x - y).
    """
    x, y = (masked(values, mask) for values in (policy, sampled))
    w = masked(jnp.exp(x - y), mask)
    values = (x, y, x * x, y * y, x * y, w, w * w)
    return {_PREFIX + name: value.sum() for name, value in zip(MOMENTS, values, strict=True)} | {
        "sampler/logp_diff_mean": jnp.abs(x - y).sum()
    }


def mismatch(means: Mapping[str, float]) -> dict[str, float]:
    """Replace the moments in a row of means by what they say.

    sampler/correlation = cov(x, y) / sqrt(var(x) var(y))      (1 where either does not vary)
    sampler/effective   = mean(w)^2 / mean(w^2), the effective sample size as a share of the tokens
    """
    if _PREFIX + "x" not in means:
        return dict(means)
    x, y, xx, yy, xy, w, ww = (means[_PREFIX + name] for name in MOMENTS)
    spread = math.sqrt(max(xx - x * x, 0.0) * max(yy - y * y, 0.0)) if math.isfinite(xx + yy) else math.nan
    row = {name: value for name, value in means.items() if not name.startswith(_PREFIX)}
    row["sampler/correlation"] = 1.0 if spread <= 1e-9 else min((xy - x * y) / spread, 1.0)  # NaN stays NaN
    row["sampler/effective"] = w * w / ww if ww else 1.0
    return row
