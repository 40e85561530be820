"""Which rows of an embedding stand for tokens: checkpoints have more rows than their tokenizer has tokens.

Qwen2.5-0.5B has 151,936 rows for 151,665 tokens. The other rows were never trained and decode to nothing, but a softmax
over all rows gives them probability.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

TokenRanges = tuple[tuple[int, int], ...]  # half-open ranges of ids, in order and apart; hashable, so static under jit


def token_ranges(ids: Iterable[int], rows: int) -> TokenRanges | None:
    """Return the token `ids` below `rows` as half-open ranges, or None where every row has a token.

    token_ranges([0, 1, 2, 5], 8) is ((0, 3), (5, 6)).
    """
    tokens = np.unique(np.fromiter((token for token in ids if 0 <= token < rows), np.int64))
    if len(tokens) == rows:
        return None
    parts = np.split(tokens, np.flatnonzero(np.diff(tokens) > 1) + 1)
    return tuple((int(part[0]), int(part[-1]) + 1) for part in parts if part.size)


def token_mask(ranges: TokenRanges, rows: int) -> np.ndarray:
    """Return bool [rows], true at the ids in `ranges`."""
    mask = np.zeros(rows, bool)
    for first, end in ranges:
        mask[first:end] = True
    return mask
