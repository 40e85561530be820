"""Sampling keys: no two steps, epochs, prompts, samples or positions ever share noise."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def stage_key(seed: int, stage: str) -> jax.Array:
    """The key all randomness of one stage of one seed descends from."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(stage.encode()))


def prompt_hash(tokens: Sequence[int]) -> int:
    """A stable 32-bit hash of a prompt's tokens (equal across runs, machines and versions)."""
    return zlib.crc32(np.asarray(tokens, np.int32).tobytes())


def occurrences(hashes: Sequence[int]) -> list[int]:
    """For each prompt, how many equal ones stand before it in the batch."""
    seen: Counter = Counter()
    result = []
    for value in hashes:
        result.append(seen[value])
        seen[value] += 1
    return result


def lane_keys(key: jax.Array, step: int, hashes: Sequence[int], group_size: int, attempt: int = 0) -> jax.Array:
    """Keys [P, G], one a completion; the sampler folds in the position.

    Folded in order: stage key (seed, stage), step, refill attempt, prompt hash, occurrence in the batch, sample.
    A completion therefore does not depend on the batch, slot or order its prompt came in.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, step), attempt)
    pairs = zip(hashes, occurrences(hashes), strict=True)
    folds = np.asarray(list(pairs), np.uint32)
    return _fold_lanes(key, jnp.asarray(folds), group_size)


@jax.jit(static_argnames=("group_size",))
def _fold_lanes(key, folds, group_size):
    def lane(fold, sample):
        return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, fold[0]), fold[1]), sample)

    samples = jnp.arange(group_size)
    return jax.vmap(lambda fold: jax.vmap(lambda sample: lane(fold, sample))(samples))(folds)
