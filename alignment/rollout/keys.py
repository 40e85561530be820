"""Sampling keys: two different steps, attempts, prompts, samples or positions never share random numbers."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def stage_key(seed: int, stage: str) -> jax.Array:
    """The key from which all randomness of one stage at one seed descends."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(stage.encode()))


def prompt_hash(tokens: Sequence[int]) -> int:
    """A stable 32-bit hash of a prompt's tokens, equal across runs, machines and versions."""
    return zlib.crc32(np.asarray(tokens, np.int32).tobytes())


def occurrences(hashes: Sequence[int]) -> list[int]:
    """For each prompt, the number of equal ones before it in the batch."""
    seen: Counter = Counter()
    result = []
    for value in hashes:
        result.append(seen[value])
        seen[value] += 1
    return result


def completion_keys(key: jax.Array, step: int, hashes: Sequence[int], group_size: int, attempt: int = 0) -> jax.Array:
    """Return the keys [P, G] of the completions; the sampler folds in the position of each token.

    Folded in this order: stage key (seed, stage), step, attempt at a refill, prompt hash, occurrence in the batch,
    sample. A completion therefore does not depend on the batch, the slot or the order in which its prompt came.
    """
    key = jax.random.fold_in(jax.random.fold_in(key, step), attempt)
    pairs = zip(hashes, occurrences(hashes), strict=True)
    return _fold_prompts_and_samples(key, jnp.asarray(np.asarray(list(pairs), np.uint32)), group_size)


@jax.jit(static_argnames=("group_size",))
def _fold_prompts_and_samples(key, pairs, group_size):
    def completion_key(pair, sample):
        return jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(key, pair[0]), pair[1]), sample)

    samples = jnp.arange(group_size)
    return jax.vmap(lambda pair: jax.vmap(lambda sample: completion_key(pair, sample))(samples))(pairs)
