"""Pack the completion tokens of each prompt into one row without padding.

A group is a grid of G x Lc cells, and in most groups many cells are padding. The linear layers therefore run on packed
rows [P, N]; only attention, a small part of the computation, runs on the grid. The caller chooses N, since each
compiles its own program.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Packing(NamedTuple):
    """Indices that map packed tokens to the cells of the grid, and cells to packed tokens."""

    cells: jax.Array  # [P, N] cell g * Lc + t of each packed token; G * Lc where the row is padded
    positions: jax.Array  # [P, G * Lc] position in the packed row of each cell; N where the cell is empty


def pack_cells(mask: np.ndarray, width: int = 0) -> np.ndarray:
    """Return int32 cells [P, N] of the completion tokens whose state predicts a token, from mask [P, G, Lc].

    These are all but the last token of each completion. Rows are padded with G * Lc to N = `width`; 0 is the width of
    the fullest row.

    Raises:
      ValueError: a row holds more than `width` tokens.
    """
    predicts = _predicts(mask)
    size, fullest = predicts.shape[1], count_cells(mask)
    width = width or max(1, fullest)
    if width < fullest:
        raise ValueError(f"{fullest} tokens do not fit into rows of {width}")
    order = np.argsort(~predicts, axis=1, kind="stable")[:, :width]
    return np.where(np.take_along_axis(predicts, order, axis=1), order, size).astype(np.int32)


def count_cells(mask: np.ndarray) -> int:
    """Return the tokens of the fullest row that `pack_cells` makes of mask [P, G, Lc]."""
    return int(_predicts(mask).sum(axis=1).max())


def _predicts(mask):
    """Whether a token's state predicts another [P, G * Lc]: true at all but the last token of each completion."""
    following = np.pad(mask[:, :, 1:], ((0, 0), (0, 0), (0, 1)))
    return following.reshape(len(mask), -1)


def make_packing(cells: jax.Array, size: int) -> Packing:
    """Return the packing of `cells` [P, N] in grids of `size` = G * Lc cells."""
    groups, width = cells.shape
    empty = jnp.full((groups, size), width, cells.dtype)
    return Packing(cells, empty.at[jnp.arange(groups)[:, None], cells].set(jnp.arange(width), mode="drop"))


def segment_positions(segments: jax.Array) -> jax.Array:
    """Return the position of each token in its segment, from segment numbers [B, T]; a segment is a run of equal ones.

    segment_positions([[1, 1, 2, 2, 2, 0]]) is [[0, 1, 0, 1, 2, 0]].
    """
    columns = jnp.broadcast_to(jnp.arange(segments.shape[1]), segments.shape)
    begins = jnp.concatenate([jnp.ones_like(segments[:, :1], bool), segments[:, 1:] != segments[:, :-1]], axis=1)
    return columns - jax.lax.cummax(jnp.where(begins, columns, 0), axis=1)


def pack(grid: jax.Array, packing: Packing) -> jax.Array:
    """[P, G * Lc, ...] -> [P, N, ...], zero where the row is padded."""
    return _move(grid, packing.cells, packing.positions)


def unpack(rows: jax.Array, packing: Packing) -> jax.Array:
    """[P, N, ...] -> [P, G * Lc, ...], zero where the cell is empty."""
    return _move(rows, packing.positions, packing.cells)


@jax.custom_vjp
def _move(x, positions, back):
    """Rows of x [P, A, ...] at positions [P, B]; back [P, A] inverts them, so that the gradient is a gather as well."""
    return _take(x, positions)


def _take(x, positions):
    return jnp.take_along_axis(
        x, positions.reshape(*positions.shape, *[1] * (x.ndim - 2)), axis=1, mode="fill", fill_value=0
    )


_move.defvjp(lambda x, positions, back: (_take(x, positions), back), lambda back, g: (_take(g, back), None, None))
