"""Filters against a sort in float64, and sampled tokens against their distribution."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from alignment.errors import UserError
from alignment.kernels.vocabulary import token_mask
from alignment.rollout.sampling import SamplingConfig, filter_probs, sample_from_cdf, sample_token

WORDS = 300  # not a multiple of the table's rows


def random_probs(seed: int, rows: int = 3) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(scale=3.0, size=(rows, WORDS)).astype(np.float32)
    return np.exp(scores - scores.max(axis=-1, keepdims=True))


def filter_by_sorting(probs: np.ndarray, sampling: SamplingConfig) -> np.ndarray:
    """The words each filter keeps, one row at a time, from the sorted row."""
    row = probs.astype(np.float64)
    if sampling.top_k:
        row = np.where(row >= np.sort(row)[::-1][min(sampling.top_k, len(row)) - 1], row, 0)
    if sampling.top_p < 1:
        order = np.argsort(-row, kind="stable")
        before = np.concatenate([[0], np.cumsum(row[order])[:-1]])  # what more likely words hold together
        last = row[order][before < sampling.top_p * row.sum()][-1]
        row = np.where(row >= last, row, 0)
    return (row > 0) & (row >= sampling.min_p)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    top_k=st.sampled_from([0, 1, 2, 7, 299, 300, 1000]),
    top_p=st.sampled_from([0.05, 0.5, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
)
def test_filters_keep_what_a_sort_keeps(seed, top_k, top_p, min_p):
    sampling, probs = SamplingConfig(1.0, top_k, top_p, min_p), random_probs(seed)
    filtered_rows = np.asarray(filter_probs(jnp.asarray(probs), sampling))
    for row, filtered in zip(probs, filtered_rows, strict=True):
        np.testing.assert_array_equal(filtered > 0, filter_by_sorting(row, sampling))
        np.testing.assert_array_equal(filtered[filtered > 0], row[filtered > 0])


def test_equally_likely_words_are_kept_together():
    probs = jnp.asarray([[1.0, 0.5, 0.5, 0.5, 0.1]])
    np.testing.assert_array_equal(filter_probs(probs, SamplingConfig(top_k=2)), [[1.0, 0.5, 0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(filter_probs(probs, SamplingConfig(top_p=0.4)), [[1.0, 0.5, 0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(filter_probs(probs, SamplingConfig(top_p=0.3)), [[1.0, 0.0, 0.0, 0.0, 0.0]])


def pick(sampling: SamplingConfig, rows: int = 20_000, seed: int = 5):
    scores = jnp.log(jnp.asarray(random_probs(seed, 1)[0])) * (sampling.temperature or 1.0)
    keys = jax.random.split(jax.random.key(1), rows)
    logits = jnp.broadcast_to(scores, (rows, WORDS))
    return jax.jit(sample_token, static_argnames="sampling")(logits, keys, jnp.zeros(rows, int), sampling=sampling)


@pytest.mark.parametrize(
    "sampling", [SamplingConfig(), SamplingConfig(0.7), SamplingConfig(1.0, 12), SamplingConfig(1.0, 0, 0.8, 0.02)]
)
def test_tokens_follow_the_filtered_distribution(sampling):
    """20,000 draws (chi-square, p > 1e-4), never outside, and recorded with their own probability."""
    probs = np.asarray(filter_probs(jnp.asarray(random_probs(5, 1)), sampling), np.float64)[0]
    expected = probs / probs.sum()
    token, log_prob = pick(sampling)
    # float32 logits of about 10 are rounded by 1e-6, and the sum of 300 probs by a few times that.
    np.testing.assert_allclose(np.exp(log_prob), expected[np.asarray(token)], rtol=1e-4)
    counts = np.bincount(np.asarray(token), minlength=WORDS)
    assert not counts[expected == 0].any()
    common = expected * len(token) > 5
    seen, wanted = (np.append(each[common], each[~common].sum()) for each in (counts, expected * len(token)))
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    assert chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue > 1e-4


@pytest.mark.ci
@settings(max_examples=6, deadline=None)  # each compiles a program of its own
@given(
    temperature=st.sampled_from([0.0, 0.7, 1.0]),
    top_k=st.sampled_from([0, 1, 5, 1000]),
    top_p=st.sampled_from([0.5, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.2]),
    ranges=st.sampled_from([((0, 250),), ((0, 3), (7, 9), (100, 280)), ((299, 300),)]),
)
def test_ids_without_a_token_are_as_if_they_were_not_there(temperature, top_k, top_p, min_p, ranges):
    """The most likely ids have none: the draw is that from the logits of the others alone."""
    sampling = SamplingConfig(temperature, top_k, top_p, min_p, ranges)
    mask = token_mask(ranges, WORDS)
    logits = np.log(random_probs(9, 1)[0])
    logits = np.where(mask, logits, np.where(np.arange(WORDS) % 2, 1e4, np.inf)).astype(np.float32)
    keys, rows = jax.random.split(jax.random.key(1), 500), jnp.zeros(500, int)
    token, log_prob = jax.jit(sample_token, static_argnames="sampling")(
        jnp.broadcast_to(logits, (500, WORDS)), keys, rows, sampling=sampling
    )
    assert mask[np.asarray(token)].all()
    probs = np.exp((logits[mask] - logits[mask].max()).astype(np.float64) / (temperature or 1.0))
    if temperature:
        probs = np.asarray(filter_probs(jnp.asarray(probs[None], jnp.float32), sampling), np.float64)[0]
    expected = np.zeros(WORDS)
    expected[mask] = probs / probs.sum()
    # As above; divided by a temperature of 0.7 the logits are half as large again.
    np.testing.assert_allclose(np.exp(log_prob), expected[np.asarray(token)], rtol=1e-4)


def test_greedy_takes_the_best_word_and_its_untempered_probability():
    token, log_prob = pick(SamplingConfig(0.0, 1, 0.1, 1.0), rows=2)
    probs = random_probs(5, 1)[0]
    assert (np.asarray(token) == probs.argmax()).all()
    # The sum of 300 probs may be off by 300 * 2^-24 = 1.8e-5 of itself, and its logarithm by as much; twice that.
    np.testing.assert_allclose(log_prob, np.log(1 / probs.sum(dtype=np.float64)), rtol=0, atol=4e-5)


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-24])
def test_the_ends_of_the_uniforms_fall_on_words_that_can_be_drawn(uniform):
    probs = np.zeros((1, WORDS), np.float32)
    probs[0, [3, 150, 297]] = 0.1, 1.0, 0.3
    token, total = sample_from_cdf(jnp.asarray(probs), jnp.full((1, 2), uniform, jnp.float32))
    assert int(token[0]) in (3, 150, 297)
    np.testing.assert_allclose(total, 1.4, rtol=1e-6)  # three probs, so a few roundings of 2^-24


@pytest.mark.parametrize(
    "wrong", [{"temperature": -0.1}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": -0.1}, {"min_p": 2.0}]
)
def test_values_out_of_range_are_named(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"{name}=.* is out of range; it must"):
        SamplingConfig(**wrong)
