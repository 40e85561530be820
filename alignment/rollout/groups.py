"""Groups of completions: G samples of each of P prompts, with masks and the log-probs they were sampled with."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import numpy as np
from flax import struct

from alignment.text.padding import bucket


@struct.dataclass
class Group:
    """P prompts with G completions each."""

    prompts: jax.Array  # [P, Lp] tokens, padded on the right
    prompt_mask: jax.Array  # [P, Lp] true at real prompt tokens
    completions: jax.Array  # [P, G, Lc] tokens, padded on the right
    mask: jax.Array  # [P, G, Lc] true at completion tokens, the end token included
    log_prob: jax.Array  # [P, G, Lc] log-probability each token was sampled with; 0 where masked
    truncated: jax.Array  # [P, G] true where the length limit, not an end token, ended the completion


def join_groups(groups: Iterable[Group]) -> Group:
    """Concatenate groups along P, in their order, padding completions to the longest; masks are false there."""

    def concatenate(*leaves: np.ndarray) -> np.ndarray:
        longest = max(leaf.shape[-1] for leaf in leaves)
        widths = ([(0, 0)] * (leaf.ndim - 1) + [(0, longest - leaf.shape[-1])] for leaf in leaves)
        return np.concatenate([np.pad(leaf, width) for leaf, width in zip(leaves, widths, strict=True)])

    return jax.tree.map(concatenate, *groups)


def trim(group: Group) -> Group:
    """Cut the completions to as many positions as the bucket of the longest needs."""
    # There are few buckets, since each length compiles its own update; the update packs the padding away in any case.
    length = min(bucket(int(group.mask.sum(axis=-1).max()), per_octave=1, least=64), group.mask.shape[-1])
    return group.replace(**{name: getattr(group, name)[..., :length] for name in ("completions", "mask", "log_prob")})
