"""The length of a completion in tokens, and a soft penalty close to the limit."""

from __future__ import annotations

import numpy as np

from alignment.errors import UserError
from alignment.rewards.registry import ScoreBatch, channel

MARGIN = 0.2  # share of the limit over which the penalty grows


@channel("length")
def length(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: tokens / the sampler's limit; a negative weight rewards brevity, a positive one length."""
    return _lengths(batch) / _limit(batch, "length")


@channel("overlong")
def overlong(batch: ScoreBatch) -> np.ndarray:
    """Return [N]: DAPO's soft overlong punishment (2503.14476, eq. 13).

    With the limit Lm, c = Lm / 5 and length L: 0 if L <= Lm - c, then (Lm - c - L) / c down to -1 at Lm, and -1 above.
    """
    limit = _limit(batch, "overlong")
    return soft_overlong(_lengths(batch), limit, MARGIN * limit)


def soft_overlong(lengths: np.ndarray, limit: float, margin: float) -> np.ndarray:
    """Return min(0, max(-1, (limit - margin - L) / margin)) for each length L."""
    return np.clip((limit - margin - lengths) / margin, -1.0, 0.0).astype(np.float32)


def _lengths(batch: ScoreBatch) -> np.ndarray:
    # A completion that ended by itself also holds its end token, which is not among the ids.
    ends = [not response.truncated for response in batch.responses]
    return np.array([len(ids) + end for ids, end in zip(batch.token_ids, ends, strict=True)], np.float32)


def _limit(batch: ScoreBatch, name: str) -> int:
    if batch.max_tokens < 1:
        raise UserError(f"reward channel {name!r} needs the limit on a completion's tokens; set ScoreBatch.max_tokens")
    return batch.max_tokens
