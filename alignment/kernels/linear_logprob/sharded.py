"""The head sharded by vocabulary over a mesh axis, as in tensor parallelism.

Each device sweeps its own slice with any implementation's sweep; slices are merged by log-sum-exp (Shoeybi et al.,
"Megatron-LM", 2019, section 3, for the loss), so that per-token numbers and [T, D] sums travel and logits never do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P

from alignment.kernels.linear_logprob import online
from alignment.kernels.linear_logprob.gradient import Passes
from alignment.kernels.linear_logprob.types import Shards


class _Specs(NamedTuple):
    hidden: P
    head: P
    row: P
    scalar: P
    word: P


def shard(passes: Passes, shards: Shards) -> Passes:
    """Return `passes` over a head sharded by vocabulary: same arguments and results, as global arrays.

    The mesh's axes must be Auto, as from `jax.make_mesh(..., axis_types=(AxisType.Auto, ...))`.
    """
    axis = shards.vocabulary
    spec = _Specs(P(shards.tokens, None), P(axis, None), P(shards.tokens), P(), P(axis))

    def sweep(hidden, head, targets, temperature, weighted, is_token):
        def local(hidden, head, targets, temperature, is_token):
            targets = _own(targets, head, axis)
            return online.merge(passes.sweep(hidden, head, targets, temperature, weighted, is_token), axis)

        return _map(local, shards, spec, spec.hidden)(hidden, head, targets, temperature, is_token)

    def slope(hidden, head, out, temperature, is_token):
        def local(hidden, head, out, temperature, is_token):
            return jax.lax.psum(passes.slope(hidden, head, out, temperature, is_token), axis)

        return _map(local, shards, spec, spec.hidden)(hidden, head, out, temperature, is_token)

    def rows(head, targets):
        def local(head, targets):
            own = _own(targets, head, axis)
            here = (own >= 0) & (own < len(head))
            return jax.lax.psum(jnp.where(here[:, None], passes.rows(head, jnp.where(here, own, 0)), 0), axis)

        return _map(local, shards, (spec.head, spec.row), spec.hidden)(head, targets)

    def head_slope(hidden, head, targets, out, cotangents, temperature, is_token):
        def local(hidden, head, targets, out, cotangents, temperature, is_token):
            part = passes.head_slope(hidden, head, _own(targets, head, axis), out, cotangents, temperature, is_token)
            return part if shards.tokens is None else jax.lax.psum(part, shards.tokens)

        specs = (spec.hidden, spec.head, spec.row, spec.row, spec.row, spec.scalar, spec.word)
        return _map(local, shards, specs, spec.head)(hidden, head, targets, out, cotangents, temperature, is_token)

    return Passes(sweep, slope, rows, head_slope)


def _map(local: Callable, shards: Shards, specs: tuple, out: P) -> Callable:
    # check_vma=False: kernels do not say how their results vary over the mesh; psum and pmax make them equal, and
    # nothing is differentiated through the map (the gradient is written out around it).
    return jax.shard_map(local, mesh=shards.mesh, in_specs=tuple(specs), out_specs=out, check_vma=False)


def _own(targets: jax.Array, head: jax.Array, axis: str) -> jax.Array:
    """Targets counted from the first word of this device's slice; words of other slices fall outside it."""
    return targets - jax.lax.axis_index(axis) * len(head)
