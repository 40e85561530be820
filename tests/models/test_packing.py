"""Packing: a bijection between the tokens somebody reads and rows without holes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.models.packing import count_cells, make_packing, pack, pack_cells, segment_positions, unpack

P, G, LC = 2, 3, 7


def masks(lengths):
    return np.arange(LC) < np.reshape(lengths, (P, G))[..., None]


@given(lengths=st.lists(st.integers(0, LC), min_size=P * G, max_size=P * G))
def test_every_token_but_the_last_is_packed_once_and_comes_back(lengths):
    cells = pack_cells(masks(lengths))
    read = np.arange(LC) < np.reshape(lengths, (P, G))[..., None] - 1
    for row, wanted in zip(cells, read.reshape(P, -1), strict=True):
        np.testing.assert_array_equal(row[row < G * LC], np.flatnonzero(wanted))
    grid = jnp.arange(1.0, 1 + P * G * LC * 2).reshape(P, G * LC, 2)
    both = make_packing(jnp.asarray(cells), G * LC)
    wanted = np.where(read.reshape(P, -1, 1), grid, 0)
    np.testing.assert_array_equal(unpack(pack(grid, both), both), wanted)
    assert pack(grid, both).shape[1] == cells.shape[1] <= G * LC


def test_gradients_go_back_where_the_values_came_from():
    both = make_packing(jnp.asarray(pack_cells(masks([7, 3, 1, 2, 5, 0]))), G * LC)
    grid = jax.random.normal(jax.random.key(0), (P, G * LC, 2))
    weights = jax.random.normal(jax.random.key(1), (P, both.cells.shape[1], 2))

    def plain(grid):  # the same gather, differentiated by JAX
        picked = jnp.take_along_axis(grid, both.cells[..., None], axis=1, mode="fill", fill_value=0)
        return (weights * picked).sum()

    got = jax.grad(lambda grid: (weights * pack(grid, both)).sum())(grid)
    np.testing.assert_array_equal(got, jax.grad(plain)(grid))
    np.testing.assert_array_equal(jax.grad(lambda w: (pack(grid, both) * w).sum())(weights), pack(grid, both))
    np.testing.assert_array_equal(jax.grad(lambda w: (unpack(w, both) * grid).sum())(weights), pack(grid, both))


def test_rows_have_the_width_that_is_asked_for_or_that_of_the_fullest():
    mask = masks([7, 3, 1, 2, 5, 0])
    assert count_cells(mask) == 8  # 6 + 2 + 0 tokens in the first row, 1 + 4 in the second
    assert pack_cells(mask).shape == (P, 8) and pack_cells(mask, 12).shape == (P, 12)
    np.testing.assert_array_equal(pack_cells(mask, 12)[:, 8:], G * LC)
    with pytest.raises(ValueError, match="8 tokens do not fit into rows of 7"):
        pack_cells(mask, 7)


def test_positions_begin_anew_in_every_segment():
    segments = jnp.asarray([[1, 1, 2, 2, 2, 0], [3, 0, 0, 5, 5, 1]])
    np.testing.assert_array_equal(segment_positions(segments), [[0, 1, 0, 1, 2, 0], [0, 0, 1, 0, 1, 0]])
