"""Keys: no two completions share one, and none depends on the batch its prompt comes in."""

from __future__ import annotations

import jax
import numpy as np

from alignment.rollout.keys import completion_keys, occurrences, prompt_hash, stage_key


def bits(keys):
    return [tuple(row) for row in np.asarray(jax.random.key_data(keys)).reshape(-1, 2).tolist()]


def test_no_two_completions_share_a_key():
    """Seeds, stages, steps, refill attempts, prompts, repeats of a prompt and samples all get different keys."""
    seen = []
    for seed in (0, 1):
        for stage in ("reward", "reward_on_base"):
            for step in (0, 1, 2):
                for attempt in (0, 1):
                    seen += bits(completion_keys(stage_key(seed, stage), step, [11, 22, 11], 4, attempt))
    assert len(set(seen)) == len(seen) == 2 * 2 * 3 * 2 * 12


def test_a_prompts_keys_do_not_depend_on_slot_or_batch():
    key = stage_key(0, "reward")
    batch, alone = completion_keys(key, 3, [5, 6, 7], 2), completion_keys(key, 3, [6], 2)
    assert bits(batch[1]) == bits(alone[0])


def test_prompt_hash_is_a_stable_32_bit_number():
    assert prompt_hash([1, 2, 3]) == 0xB0E02293
    assert prompt_hash([1, 2]) != prompt_hash([2, 1])


def test_occurrences():
    assert occurrences([5, 6, 5, 5, 6]) == [0, 0, 1, 2, 1]
