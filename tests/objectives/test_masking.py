"""Planted at masked positions, NaN and infinities change no bit of any loss, gradient or metric."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.objectives.aggregation import AGGREGATIONS
from alignment.objectives.family import LOSSES
from alignment.objectives.kl import ESTIMATORS
from alignment.objectives.policy import LossConfig, Tokens, policy_loss
from alignment.objectives.ratios import RATIOS
from alignment.objectives.sft import sft_loss
from alignment.training.mismatch import mismatch_sums

SHAPE = (5, 6)
PER_TOKEN = ("log_prob", "old_log_prob", "ref_log_prob", "entropy", "sampler_log_prob")
PLANTS = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -1e30])
EVERYTHING = LossConfig(
    dual_clip=3.0, beta=0.1, kl_correction=True, entropy_bonus=0.01, importance_cap=2.0, max_tokens=SHAPE[1]
)
PLAIN = LossConfig(max_tokens=SHAPE[1])


@st.composite
def planted(draw):
    """A batch with a completion that is masked whole, zeros at its masked positions, and the same with plants there."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    mask = rng.random(SHAPE) < 0.6
    mask[0], mask[1, 0] = False, True
    zeros = {name: np.where(mask, rng.normal(-2, 0.3, SHAPE), 0).astype(np.float32) for name in PER_TOKEN}
    zeros["advantages"] = np.where(mask.any(axis=1), rng.normal(size=SHAPE[0]), 0).astype(np.float32)
    masked_out = {name: np.where(~mask) for name in PER_TOKEN} | {"advantages": np.where(~mask.any(axis=1))}
    bad = {name: array.copy() for name, array in zeros.items()}
    for name, where in masked_out.items():
        count = len(where[0])
        bad[name][where] = draw(st.lists(PLANTS, min_size=count, max_size=count))
    return mask, zeros, bad


@functools.partial(jax.jit, static_argnames=("loss", "constants"))
def value_and_gradient(loss, constants, mask, arrays):
    def total(log_prob, entropy):
        chosen = jnp.arange(mask.size).reshape(mask.shape) % 2 == 0
        tokens = Tokens(mask=mask, chosen=chosen, **(arrays | {"log_prob": log_prob, "entropy": entropy}))
        out = policy_loss(tokens, LOSSES[loss], constants)
        return out.total, out

    return jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(arrays["log_prob"], arrays["entropy"])


def assert_same_bits(left, right):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(np.asarray(a).view(np.uint32), np.asarray(b).view(np.uint32))


@pytest.mark.parametrize("kl", ESTIMATORS)
@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=10)
@given(batch=planted())
def test_the_policy_losses(loss, kl, batch):
    mask, zeros, bad = batch
    constants = LossConfig(**(vars(EVERYTHING) | {"kl": kl}))
    wanted, got = (value_and_gradient(loss, constants, mask, arrays) for arrays in (zeros, bad))
    assert_same_bits(got, wanted)
    for slope in got[1]:
        assert not np.asarray(slope)[~mask].any()
    assert np.any(got[1][0])


@pytest.mark.parametrize("loss", ["grpo", "gspo", "cispo"])
@settings(max_examples=10)
@given(batch=planted())
def test_the_policy_losses_without_their_extras(loss, batch):
    mask, zeros, bad = batch
    assert_same_bits(*(value_and_gradient(loss, PLAIN, mask, arrays) for arrays in (bad, zeros)))


@settings(max_examples=20)
@given(batch=planted(), kind=st.sampled_from([bool, np.float32, np.int32]))
def test_the_loss_of_sft_for_every_type_of_mask(batch, kind):
    mask, zeros, bad = batch
    slope = jax.value_and_grad(sft_loss, has_aux=True)
    assert_same_bits(*(slope(jnp.asarray(each["log_prob"]), jnp.asarray(mask, kind)) for each in (bad, zeros)))


@settings(max_examples=20)
@given(batch=planted())
def test_the_parts_by_themselves(batch):
    mask, zeros, bad = batch
    for each in AGGREGATIONS.values():
        assert_same_bits(*(each(jnp.asarray(arrays["log_prob"]), jnp.float32(mask), 6) for arrays in (bad, zeros)))
    for name, each in RATIOS.items():
        got, want = (each(jnp.asarray(arrays["log_prob"]), jnp.float32(mask)) for arrays in (bad, zeros))
        assert_same_bits(got, want), name
    moments = (mismatch_sums(arrays["log_prob"], arrays["sampler_log_prob"], mask) for arrays in (bad, zeros))
    assert_same_bits(*moments)


def test_a_value_at_a_position_that_counts_is_not_hidden():
    """NaN at a real token stays NaN: masking does not repair what is wrong."""
    mask = jnp.array([[True, False]])
    total, _ = sft_loss(jnp.array([[jnp.nan, 0.0]]), mask)
    assert jnp.isnan(total)
