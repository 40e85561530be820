"""Rows of the head without a token: no share in any sum or gradient, in every implementation, whole and sharded."""

from __future__ import annotations

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from jax.sharding import AxisType
from kernels.logprob_case import BFLOAT16, COMPILED, FLOAT32, Case, case, check, float64, interpreted, loss

from alignment.kernels.linear_logprob import api, pallas_gpu, pallas_tpu, xla
from alignment.kernels.vocabulary import token_mask, token_ranges

VOCAB = 304  # of which
PADDED = ((0, 291),)
HOLES = ((0, 3), (5, 6), (32, 96), (97, 200))  # the last slices hold no token at all
RANGES = [
    pytest.param(HOLES, id="holes"),
    pytest.param(PADDED, id="padded", marks=pytest.mark.ci),
    pytest.param(((64, 130),), id="middle", marks=pytest.mark.ci),
    pytest.param(((17, 18),), id="one token", marks=pytest.mark.ci),
]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several slices, blocks and tiles of each implementation, some of them without a single token."""
    monkeypatch.setattr(xla, "CACHED", (8, 32))
    monkeypatch.setattr(xla, "LANES", 4)
    monkeypatch.setattr(pallas_tpu, "BLOCKS", ((16, 128),))
    monkeypatch.setattr(pallas_gpu, "WEIGHTS", 1)


def likeliest_without_token(ranges, dtype=jnp.float32, dim=64, tokens=23) -> Case:
    """A case whose targets are tokens and whose other words, with rows 20 times as long, are by far the most likely."""
    inputs = case(tokens=tokens, dim=dim, vocab=VOCAB, scale=0.3, temperature=0.8, dtype=dtype)
    mask = token_mask(ranges, VOCAB)
    targets = np.random.default_rng(1).choice(np.flatnonzero(mask), tokens)
    return inputs._replace(head=jnp.where(mask[:, None], inputs.head, 20 * inputs.head), targets=jnp.asarray(targets))


def runner(name, ranges, shards=None):
    run = lambda *inputs: api.linear_logprob(*inputs, name, shards, ranges)  # noqa: E731
    return run if shards is None else jax.jit(run, static_argnums=3)


def served(monkeypatch, name):
    """Let the interpreter serve where the machine cannot."""
    if name.startswith("pallas"):
        module = importlib.import_module(f"alignment.kernels.linear_logprob.{name}")
        monkeypatch.setattr(module, "unsupported", lambda hidden, head, backend: "")


@pytest.mark.ci
@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
def test_the_distribution_is_that_over_tokens(implementation, ranges, monkeypatch):
    served(monkeypatch, implementation)
    wide = implementation == "pallas_gpu"  # of bfloat16 alone; its gradient is rounded to that
    inputs = likeliest_without_token(ranges, jnp.bfloat16 if wide else jnp.float32)
    with interpreted(implementation):
        check(
            runner(implementation, ranges),
            inputs,
            slope_tolerance=BFLOAT16 if wide else FLOAT32,
            is_token=token_mask(ranges, VOCAB),
            compiled=implementation in COMPILED,
        )


@pytest.mark.parametrize("implementation", ["reference", "xla", "pallas_tpu"])
def test_what_the_other_rows_hold_changes_no_bit(implementation, monkeypatch):
    served(monkeypatch, implementation)
    inputs = likeliest_without_token(HOLES)
    zeroed = inputs._replace(head=jnp.where(token_mask(HOLES, VOCAB)[:, None], inputs.head, 0))
    with interpreted(implementation):
        for change in (lambda run, one: run(*one), lambda run, one: jax.grad(loss(run, one))(one.hidden)):
            left, right = (change(runner(implementation, HOLES), one) for one in (inputs, zeroed))
            jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.mark.parametrize("implementation", ["reference", "xla"])
def test_the_other_rows_get_no_gradient(implementation):
    inputs, mask = likeliest_without_token(HOLES), token_mask(HOLES, VOCAB)
    head = jax.grad(lambda head: loss(runner(implementation, HOLES), inputs._replace(head=head))(inputs.hidden))
    slope = np.asarray(head(inputs.head))
    assert not slope[~mask].any() and slope[mask].any(axis=1).all()


@pytest.mark.parametrize("implementation", ["reference", "xla", "pallas_tpu"])
def test_a_target_without_a_token_has_the_lowest_log_probability_and_no_gradient(implementation, monkeypatch):
    served(monkeypatch, implementation)
    inputs = likeliest_without_token(PADDED)
    strange = inputs._replace(targets=inputs.targets.at[::2].set(300))
    run = runner(implementation, PADDED)
    with interpreted(implementation):
        out, usual = run(*strange), run(*inputs)
        slope = jax.grad(loss(run, strange, (1.0, 0.0, 0.0)))(inputs.hidden)
    assert (out.log_prob[::2] == api.LOWEST).all() and not slope[::2].any() and slope[1::2].any()
    peak = float64(inputs, is_token=token_mask(PADDED, VOCAB)).peak
    np.testing.assert_allclose(out.entropy, usual.entropy, rtol=0, atol=FLOAT32 * peak)  # sums in another order
    np.testing.assert_array_equal(out.log_prob[1::2], usual.log_prob[1::2])


@pytest.mark.ci
@pytest.mark.parametrize("implementation", ["xla", "pallas_tpu"])
@pytest.mark.parametrize("ranges", RANGES)
def test_a_head_sharded_by_vocabulary(implementation, ranges, monkeypatch):
    """Over four devices; some slices hold no token at all."""
    served(monkeypatch, implementation)
    mesh = jax.make_mesh((2, 4), ("data", "tensor"), axis_types=(AxisType.Auto,) * 2)
    inputs = likeliest_without_token(ranges, tokens=24)
    shards = api.Shards(mesh, "tensor", "data" if implementation == "xla" else None)
    with interpreted(implementation):
        check(runner(implementation, ranges, shards), inputs, is_token=token_mask(ranges, VOCAB))


def test_without_ranges_nothing_is_masked():
    inputs = case(vocab=VOCAB)
    everything = runner("xla", ((0, VOCAB),))(*inputs)
    for left, right in zip(runner("xla", None)(*inputs), everything, strict=True):
        np.testing.assert_array_equal(left, right)


@settings(max_examples=100)
@drawn(st.sets(st.integers(0, 40), min_size=1), st.integers(1, 42))
def test_ranges_hold_the_ids_and_no_others(ids, rows):
    ranges = token_ranges(ids, rows)
    below = {token for token in ids if token < rows}
    if ranges is None:
        assert below == set(range(rows))
    else:
        assert set(np.flatnonzero(token_mask(ranges, rows))) == below
        assert all(end < first for (_, end), (first, _) in zip(ranges, ranges[1:], strict=False))


def test_the_ranges_of_qwen():
    assert token_ranges(range(151_665), 151_936) == ((0, 151_665),)  # Qwen2.5-0.5B to 3B
    assert token_ranges(range(151_665), 152_064) == ((0, 151_665),)  # 7B and larger
    assert token_ranges(range(2560), 2560) is None  # the embedded base
