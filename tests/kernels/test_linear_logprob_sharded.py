"""The head sharded by vocabulary over simulated devices, against float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from kernels.logprob_case import BFLOAT16, FLOAT32, Case, case, check, distance, float64, interpreted, loss

from alignment.errors import UserError
from alignment.kernels.linear_logprob import api, pallas_tpu, xla

pytestmark = pytest.mark.ci


def mesh_of(*shape):
    return jax.make_mesh(shape, ("data", "tensor"), axis_types=(AxisType.Auto,) * 2)


def shard(inputs: Case, shards: api.Shards) -> Case:
    put = lambda leaf, *names: jax.device_put(leaf, NamedSharding(shards.mesh, P(*names)))  # noqa: E731
    head = put(inputs.head, shards.vocabulary, None)
    return inputs._replace(
        hidden=put(inputs.hidden, shards.tokens), head=head, targets=put(inputs.targets, shards.tokens)
    )


def runner(shards, name="xla"):
    return lambda *inputs: api.linear_logprob(*inputs, name, shards)


@pytest.mark.parametrize(("shape", "tokens_axis"), [((1, 8), None), ((2, 4), "data"), ((2, 4), None)])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_against_float64(shape, tokens_axis, scale, monkeypatch):
    monkeypatch.setattr(xla, "CACHED", (8, 16))
    monkeypatch.setattr(xla, "LANES", 4)
    shards = api.Shards(mesh_of(*shape), "tensor", tokens_axis)
    inputs = shard(case(tokens=38, vocab=8 * 37, scale=scale, temperature=0.7), shards)
    check(jax.jit(runner(shards), static_argnums=3), inputs)


def test_bfloat16_against_float64():
    shards = api.Shards(mesh_of(1, 8), "tensor")
    inputs = shard(case(tokens=20, dim=64, vocab=8 * 19, scale=0.3, dtype=jnp.bfloat16), shards)
    check(jax.jit(runner(shards), static_argnums=3), inputs, slope_tolerance=BFLOAT16)


def test_the_slices_may_be_swept_by_a_kernel(monkeypatch):
    monkeypatch.setattr(pallas_tpu, "unsupported", lambda hidden, head, backend: "")
    shards = api.Shards(mesh_of(4, 2), "tensor")
    inputs = case(tokens=5, vocab=2 * 139)  # 139: the block past each slice's end holds words of no one
    with interpreted("pallas_tpu"):
        check(runner(shards, "pallas_tpu"), inputs)


def test_each_device_holds_its_slice_only():
    shards = api.Shards(mesh_of(1, 8), "tensor")
    vocab, dim, tokens = 8 * 4096, 64, 512
    spec = lambda shape, dtype, *names: jax.ShapeDtypeStruct(  # noqa: E731
        shape, dtype, sharding=NamedSharding(shards.mesh, P(*names))
    )
    scalar = lambda *inputs: runner(shards)(*inputs, 1.0).log_prob.sum()  # noqa: E731
    program = jax.jit(jax.grad(scalar)).lower(
        spec((tokens, dim), jnp.float32), spec((vocab, dim), jnp.float32, "tensor"), spec((tokens,), jnp.int32)
    )
    text = program.compile().as_text()
    assert "all-gather" not in text and "all-reduce" in text
    assert f"f32[{vocab},{dim}]" not in text


@pytest.mark.parametrize("tokens_axis", [None, "data"])
def test_the_gradient_for_the_head_is_exact(tokens_axis):
    shards = api.Shards(mesh_of(2, 4), "tensor", tokens_axis)
    inputs = shard(case(tokens=38, vocab=64), shards)
    scalar = lambda head: loss(runner(shards), inputs._replace(head=head))(inputs.hidden)  # noqa: E731
    want = float64(inputs)
    assert distance(jax.jit(jax.grad(scalar))(inputs.head), want.head_slope) <= FLOAT32 * want.peak


@pytest.mark.parametrize(
    ("vocab", "axis", "tokens_axis", "name", "reason"),
    [
        (101, "tensor", None, "xla", "101 words do not divide over the 4 devices of mesh axis 'tensor'"),
        (64, "tensor", "data", "xla", "37 tokens do not divide over the 2 devices of mesh axis 'data'"),
        (64, "model", None, "xla", "no axis 'model' for the words; its axes are data, tensor"),
        (64, "tensor", None, "reference", "no vocabulary-sharded form"),
    ],
)
def test_what_does_not_fit_the_mesh_is_named(vocab, axis, tokens_axis, name, reason):
    with pytest.raises(UserError, match=reason):
        runner(api.Shards(mesh_of(2, 4), axis, tokens_axis), name)(*case(vocab=vocab))


def test_a_merge_of_one_shard_changes_nothing():
    shards = api.Shards(mesh_of(8, 1), "tensor")
    inputs = case()
    for left, right in zip(runner(shards)(*inputs), api.linear_logprob(*inputs), strict=True):
        np.testing.assert_array_equal(left, right)
