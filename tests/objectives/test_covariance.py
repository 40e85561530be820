from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.objectives.covariance import SELECTIONS, Selection, covariances

MASK = np.array([[[True, True], [True, False]]])
LOG_PROB = np.array([[[-1.0, -2.0], [-6.0, 99.0]]])
ADVANTAGES = np.array([[2.0, -1.0]])


def test_covariances_by_hand():
    """Means over the three tokens: -3 and (2 + 2 - 1) / 3 = 1. Products: 2 x 1, 1 x 1, -3 x -2; the masked one is 0."""
    np.testing.assert_allclose(covariances(LOG_PROB, ADVANTAGES, MASK), [[[2.0, 1.0], [6.0, 0.0]]])


def choose(rule, share, low=1.5, high=5.0, seed=0):
    values = covariances(LOG_PROB, ADVANTAGES, MASK)
    return SELECTIONS[rule](values, MASK, Selection(share, low, high), np.random.default_rng(seed)).tolist()


@pytest.mark.parametrize(
    ("rule", "share", "chosen"),
    [
        ("kl", 0.01, [[[False, False], [True, False]]]),  # at least one: that of 6
        ("kl", 0.67, [[[True, False], [True, False]]]),  # two of three
        ("kl", 1.0, [[[True, True], [True, False]]]),  # never a masked one
        ("clip", 1.0, [[[True, False], [False, False]]]),  # only 2 lies between 1.5 and 5
    ],
)
def test_the_chosen_tokens_by_hand(rule, share, chosen):
    assert choose(rule, share) == chosen


def test_clip_cov_chooses_at_random_within_its_range():
    picked = {str(choose("clip", 0.01, low=0.5, high=9.0, seed=seed)) for seed in range(20)}
    assert len(picked) == 3
    assert not np.any(choose("clip", 1.0, low=7.0, high=9.0))


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 1.0), rule=st.sampled_from(sorted(SELECTIONS)))
def test_as_many_as_the_share_and_none_outside(seed, share, rule):
    rng = np.random.default_rng(seed)
    mask = rng.random((2, 3, 5)) < 0.6
    values = covariances(rng.normal(size=mask.shape), rng.normal(size=(2, 3)), mask)
    selection = Selection(share, -np.inf, np.inf)
    chosen = SELECTIONS[rule](values, mask, selection, rng)
    assert not np.any(chosen & ~mask)
    assert chosen.sum() == min(max(1, int(share * mask.sum())), mask.sum())
