"""How far the sampler's recorded log-probabilities lie from those of the policy being trained.

In float32 with unmerged adapters they agree up to rounding. They differ when decoding uses merged weights, narrower
types or another program than the update; `grpo.importance_cap` then corrects for it by truncated importance sampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked

# Sums over tokens of x, y, x^2, y^2, x y, w and w^2: x is the log-probability by the policy, y that by the sampler and
# w = exp(x - y). They are added up over micro-batches and devices; `mismatch` replaces them before a row is written.
MOMENTS = tuple(f"moments/{name}" for name in ("x", "y", "xx", "yy", "xy", "w", "ww"))


def mismatch_sums(policy: jax.Array, sampled: jax.Array, mask: jax.Array) -> dict[str, jax.Array]:
    """Return the `MOMENTS`, and the sum of abs(x - y), over the tokens [N, T] where `mask` is true."""
    x, y = (masked(values, mask) for values in (policy, sampled))
    w = masked(jnp.exp(x - y), mask)
    values = (x, y, x * x, y * y, x * y, w, w * w)
    return {name: value.sum() for name, value in zip(MOMENTS, values, strict=True)} | {
        "sampler/logp_diff_mean": jnp.abs(x - y).sum()
    }


def mismatch(means: Mapping[str, float]) -> dict[str, float]:
    """Replace the moments in a row of means by two metrics.

    sampler/correlation           = cov(x, y) / sqrt(var(x) var(y))      (1 where either does not vary)
    sampler/effective_sample_size = mean(w)^2 / mean(w^2), as a share of the tokens (Kish 1965)
    """
    if MOMENTS[0] not in means:
        return dict(means)
    x, y, xx, yy, xy, w, ww = (means[name] for name in MOMENTS)
    scale = math.sqrt(max(xx - x * x, 0.0) * max(yy - y * y, 0.0)) if math.isfinite(xx + yy) else math.nan
    row = {name: value for name, value in means.items() if name not in MOMENTS}
    row["sampler/correlation"] = 1.0 if scale <= 1e-9 else min((xy - x * y) / scale, 1.0)  # NaN stays NaN
    row["sampler/effective_sample_size"] = w * w / ww if ww else 1.0
    return row
