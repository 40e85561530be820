from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment.text.padding import bucket, pad_right


def test_buckets_by_hand():
    assert [bucket(n) for n in (1, 16, 17, 24, 25, 33, 97, 128, 129)] == [16, 16, 24, 24, 32, 48, 128, 128, 192]
    assert [bucket(n, 4) for n in (257, 310, 321, 400)] == [320, 320, 384, 448]


@given(st.integers(1, 5000), st.sampled_from([1, 2, 4]))
def test_a_bucket_fits_and_wastes_at_most_its_share(length, per_octave):
    size = bucket(length, per_octave)
    assert length <= size
    assert size <= max(16, length * (1 + 1 / per_octave) + 1)
    assert bucket(size, per_octave) == size


def test_masks_mark_what_is_real_even_where_it_equals_the_pad():
    tokens, mask = pad_right([[5, 0], [0, 0, 7]], pad=0, length=4)
    np.testing.assert_array_equal(tokens, [[5, 0, 0, 0], [0, 0, 7, 0]])
    np.testing.assert_array_equal(mask, [[1, 1, 0, 0], [1, 1, 1, 0]])
