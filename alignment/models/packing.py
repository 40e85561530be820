"""Completions without their padding: the tokens that somebody reads, one row a prompt.

A group is a grid of G x Lc cells, and most groups leave many cells empty. Every linear layer runs on packed rows [P, N]
instead; only attention, a small part of the work, sees the grid. N is rounded up to a quarter of the grid, so that
ragged lengths compile at most four programs a grid.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

SHARES = 4  # widths a grid
LEAST = 512  # tokens: rows differing by less are not worth another program


class Packing(NamedTuple):
    """A bijection between the packed tokens and the cells they came from, as indices in both directions."""

    cells: jax.Array  # [P, N] cell g * Lc + t of each packed token; G * Lc where the row is padded
    places: jax.Array  # [P, G * Lc] place in the packed row of each cell; N where the cell is empty


def pack_cells(mask: np.ndarray) -> np.ndarray:
    """Return int32 cells [P, N] of the completion tokens whose state predicts a token, from mask [P, G, Lc].

    These are all but each completion's last one: nothing comes after it. Rows are padded with G * Lc.
    """
    groups, samples, length = mask.shape
    read = np.zeros(mask.shape, bool)
    read[:, :, :-1] = mask[:, :, 1:]
    read, size = read.reshape(groups, -1), samples * length
    step = max(LEAST, -(-size // SHARES))
    width = min(size, step * max(1, -(-int(read.sum(axis=1).max()) // step)))
    order = np.argsort(~read, axis=1, kind="stable")[:, :width]
    return np.where(np.take_along_axis(read, order, axis=1), order, size).astype(np.int32)


def make_packing(cells: jax.Array, size: int) -> Packing:
    """The packing of `cells` [P, N] in grids of `size` = G * Lc cells."""
    groups, width = cells.shape
    empty = jnp.full((groups, size), width, cells.dtype)
    return Packing(cells, empty.at[jnp.arange(groups)[:, None], cells].set(jnp.arange(width), mode="drop"))


def segment_positions(segments: jax.Array) -> jax.Array:
    """Return the position of each token in its segment, from segment numbers [B, T] of which equal ones are in a row.

    segment_positions([[1, 1, 2, 2, 2, 0]]) is [[0, 1, 0, 1, 2, 0]].
    """
    places = jnp.broadcast_to(jnp.arange(segments.shape[1]), segments.shape)
    begins = jnp.concatenate([jnp.ones_like(segments[:, :1], bool), segments[:, 1:] != segments[:, :-1]], axis=1)
    return places - jax.lax.cummax(jnp.where(begins, places, 0), axis=1)


def pack(grid: jax.Array, packing: Packing) -> jax.Array:
    """[P, G * Lc, ...] -> [P, N, ...], zero where the row is padded."""
    return _move(grid, packing.cells, packing.places)


def unpack(rows: jax.Array, packing: Packing) -> jax.Array:
    """[P, N, ...] -> [P, G * Lc, ...], zero where the cell is empty."""
    return _move(rows, packing.places, packing.cells)


@jax.custom_vjp
def _move(x, places, back):
    """Rows of x [P, A, ...] at places [P, B]; back [P, A] inverts them, so that the gradient is a gather as well."""
    return _take(x, places)


def _take(x, places):
    return jnp.take_along_axis(x, places.reshape(*places.shape, *[1] * (x.ndim - 2)), axis=1, mode="fill", fill_value=0)


_move.defvjp(lambda x, places, back: (_take(x, places), back), lambda back, g: (_take(g, back), None, None))
