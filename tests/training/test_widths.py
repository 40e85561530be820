"""The widths of a stage: two sets of them at most, stored, and wide enough for every rollout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.rollout.groups import Group
from alignment.training.batches import make_grpo_batch
from alignment.training.widths import NOT_FIXED, Widths, choose_widths, largest_widths, needed_widths

P, G, LIMIT, LONGEST = 4, 8, 96, 40
LARGEST = largest_widths(LONGEST, G, LIMIT)


def rollout(lengths, prompts=30):
    lengths = np.broadcast_to(lengths, (P, G))
    mask = np.arange(lengths.max()) < lengths[..., None]
    prompt_mask = np.arange(48) < np.broadcast_to(prompts, (P, 1))
    tokens = np.where(mask, 5, 0).astype(np.int32)
    logs = np.where(mask, -1.5, 0.0).astype(np.float32)
    return Group(np.where(prompt_mask, 7, 0), prompt_mask, tokens, mask, logs, np.zeros((P, G), bool))


def test_the_largest_widths_hold_every_rollout_of_the_stage():
    assert Widths(prompt=48, completion=96, cells=768) == LARGEST  # 48 is the bucket of 40


def test_narrow_widths_have_room_and_are_fixed_once():
    widths, narrow = choose_widths(rollout(21), LARGEST, NOT_FIXED)
    # 8 x 20 tokens predict another, times 1.2 is 192 = 3 x 64; 30 x 1.2 = 36 and 21 x 1.2 = 26 have buckets 48 and 64.
    assert widths == Widths(48, 64, 192) and narrow.tolist() == list(widths)
    assert choose_widths(rollout(25), LARGEST, narrow)[0] == widths  # 8 x 24 = 192 tokens
    for wide in (rollout(26), rollout([70] + 7 * [5])):
        wider, after = choose_widths(wide, LARGEST, narrow)
        assert wider == LARGEST and after is narrow
    assert choose_widths(rollout(4), LARGEST, narrow)[0] == widths


def test_a_stage_that_begins_with_long_completions_fixes_them_later():
    widths, narrow = choose_widths(rollout(90), LARGEST, NOT_FIXED)
    assert widths == LARGEST and not narrow.any()
    assert choose_widths(rollout(41), LARGEST, narrow)[0] == Widths(48, 64, 384)


def test_a_small_batch_has_one_shape():
    assert choose_widths(rollout(2), largest_widths(LONGEST, G, 16), NOT_FIXED)[0].completion == 16


@given(tops=st.lists(st.integers(1, LIMIT), min_size=1, max_size=12), seed=st.integers(0, 2**16))
def test_any_lengths_make_at_most_two_shapes_and_lose_no_token(tops, seed):
    rng, narrow, shapes = np.random.default_rng(seed), NOT_FIXED, set()
    for top in tops:
        group = rollout(rng.integers(1, top + 1, (P, G)), rng.integers(1, LONGEST + 1, (P, 1)))
        widths, narrow = choose_widths(group, LARGEST, narrow)
        batch = make_grpo_batch(group, np.zeros((P, G)), widths=widths)
        shapes.add((batch.prompts.shape, batch.completions.shape, batch.cells.shape))
        assert needed_widths(group)[2] == (np.asarray(batch.cells) < batch.mask[0].size).sum(axis=1).max()
        for name in ("prompt_mask", "mask"):
            assert getattr(batch, name).sum() == getattr(group, name).sum()
        assert float(batch.log_prob.sum()) == pytest.approx(float(group.log_prob.sum()))
    assert len(shapes) <= 2
