"""Tokens whose update would cost the most entropy: those of high covariance of log pi and advantage (2505.22617).

To first order, a step lowers the entropy of a softmax policy by the covariance of log pi(y_t) and A over the tokens,
and a few tokens carry nearly all of it (Cui et al. 2025). Two rules choose them: `clip` takes random ones of a range,
whose gradient the loss then drops (Clip-Cov), and `kl` takes the largest, which the loss pulls back to the policy that
sampled (KL-Cov).

The paper chooses among the tokens of an optimiser step. Here they are chosen once a rollout, among all its tokens and
by the log-probabilities of the policy that sampled, so that neither micro-batches nor devices change the choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Selection(NamedTuple):
    """How many tokens are chosen, and the range of covariance they must lie in."""

    share: float  # of the tokens; at least one token is chosen
    low: float = -np.inf
    high: float = np.inf


def covariances(log_prob: np.ndarray, advantages: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return (log pi - mean)(A - mean) [P, G, Lc] over the tokens where `mask` is true; 0 elsewhere.

    Args:
      log_prob: [P, G, Lc].
      advantages: [P, G], of every token of a completion.
      mask: [P, G, Lc].
    """
    per_token = np.broadcast_to(advantages[..., None], mask.shape)
    count = max(int(mask.sum()), 1)
    centred = [np.where(mask, x - np.sum(x, where=mask) / count, 0.0) for x in (log_prob, per_token)]
    return centred[0] * centred[1]


def random_in_range(
    covariance: np.ndarray, mask: np.ndarray, selection: Selection, rng: np.random.Generator
) -> np.ndarray:
    """Return booleans: random tokens of those with low < covariance < high, at most the share (Clip-Cov)."""
    candidates = mask & (covariance > selection.low) & (covariance < selection.high)
    return _first(np.where(candidates, rng.random(mask.shape), np.inf), mask, selection.share) & candidates


def largest(covariance: np.ndarray, mask: np.ndarray, selection: Selection, rng: np.random.Generator) -> np.ndarray:
    """Return booleans: the share of the tokens with the largest covariance (KL-Cov)."""
    return _first(np.where(mask, -covariance, np.inf), mask, selection.share) & mask


def _first(order: np.ndarray, mask: np.ndarray, share: float) -> np.ndarray:
    """Return booleans at the max(1, floor(share x tokens)) smallest values of `order`."""
    chosen = np.zeros(mask.size, bool)
    chosen[np.argsort(order, axis=None, kind="stable")[: max(1, int(share * mask.sum()))]] = True
    return chosen.reshape(mask.shape)


SELECTIONS: dict[str, Callable[[np.ndarray, np.ndarray, Selection, np.random.Generator], np.ndarray]] = {
    "clip": random_in_range,
    "kl": largest,
}
