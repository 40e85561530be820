"""The head sharded by vocabulary over a mesh axis, as in tensor parallelism.

Each device sweeps its own slice with any implementation's sweep; slices are merged by log-sum-exp (Shoeybi et al.,
"Megatron-LM", 2019, section 3, for the loss), so devices exchange per-token numbers and [T, D] sums but no logits.
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
            targets = _local_targets(targets, head, axis)
            return online.merge(passes.sweep(hidden, head, targets, temperature, weighted, is_token), axis)

        return _map(local, shards, spec, spec.hidden)(hidden, head, targets, temperature, is_token)

    def entropy_grad(hidden, head, out, temperature, is_token):
        def local(hidden, head, out, temperature, is_token):
            return jax.lax.psum(passes.entropy_grad(hidden, head, out, temperature, is_token), axis)

        return _map(local, shards, spec, spec.hidden)(hidden, head, out, temperature, is_token)

    def target_rows(head, targets):
        def local(head, targets):
            local_targets = _local_targets(targets, head, axis)
            is_local = (local_targets >= 0) & (local_targets < len(head))
            rows = passes.target_rows(head, jnp.where(is_local, local_targets, 0))
            return jax.lax.psum(jnp.where(is_local[:, None], rows, 0), axis)

        return _map(local, shards, (spec.head, spec.row), spec.hidden)(head, targets)

    def head_grad(hidden, head, targets, out, cotangents, temperature, is_token):
        def local(hidden, head, targets, out, cotangents, temperature, is_token):
            part = passes.head_grad(
                hidden, head, _local_targets(targets, head, axis), out, cotangents, temperature, is_token
            )
            return part if shards.tokens is None else jax.lax.psum(part, shards.tokens)

        specs = (spec.hidden, spec.head, spec.row, spec.row, spec.row, spec.scalar, spec.word)
        return _map(local, shards, specs, spec.head)(hidden, head, targets, out, cotangents, temperature, is_token)

    return Passes(sweep, entropy_grad, target_rows, head_grad)


def _map(local: Callable, shards: Shards, specs: tuple, out: P) -> Callable:
    # check_vma=False: kernels do not declare how their results vary over the mesh; psum and pmax make them equal, and
    # nothing is differentiated through the map (the gradient is written out around it).
    return jax.shard_map(local, mesh=shards.mesh, in_specs=tuple(specs), out_specs=out, check_vma=False)


def _local_targets(targets: jax.Array, head: jax.Array, axis: str) -> jax.Array:
    """Targets counted from the first word of this device's slice; words of other slices fall outside it."""
    return targets - jax.lax.axis_index(axis) * len(head)
