"""Filters against a sort in float64, and the draw against the distribution it is made of."""

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
from alignment.rollout.sampling import Sampling, choose, draw, filter_shares

WORDS = 300  # not a multiple of the table's rows


def shares_of(seed: int, rows: int = 3) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(scale=3.0, size=(rows, WORDS)).astype(np.float32)
    return np.exp(scores - scores.max(axis=-1, keepdims=True))


def kept_by_sorting(shares: np.ndarray, sampling: Sampling) -> np.ndarray:
    """The words each filter keeps, one row at a time, from the sorted row."""
    row = shares.astype(np.float64)
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
    sampling, shares = Sampling(1.0, top_k, top_p, min_p), shares_of(seed)
    found = np.asarray(filter_shares(jnp.asarray(shares), sampling))
    for row, kept in zip(shares, found, strict=True):
        np.testing.assert_array_equal(kept > 0, kept_by_sorting(row, sampling))
        np.testing.assert_array_equal(kept[kept > 0], row[kept > 0])


def test_equally_likely_words_are_kept_together():
    shares = jnp.asarray([[1.0, 0.5, 0.5, 0.5, 0.1]])
    np.testing.assert_array_equal(filter_shares(shares, Sampling(top_k=2)), [[1.0, 0.5, 0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(filter_shares(shares, Sampling(top_p=0.4)), [[1.0, 0.5, 0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(filter_shares(shares, Sampling(top_p=0.3)), [[1.0, 0.0, 0.0, 0.0, 0.0]])


def pick(sampling: Sampling, rows: int = 20_000, seed: int = 5):
    scores = jnp.log(jnp.asarray(shares_of(seed, 1)[0])) * (sampling.temperature or 1.0)
    keys = jax.random.split(jax.random.key(1), rows)
    logits = jnp.broadcast_to(scores, (rows, WORDS))
    return jax.jit(choose, static_argnames="sampling")(logits, keys, jnp.zeros(rows, int), sampling=sampling)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(0.7), Sampling(1.0, 12), Sampling(1.0, 0, 0.8, 0.02)])
def test_tokens_follow_the_filtered_distribution(sampling):
    """20,000 draws (chi-square, p > 1e-4), never outside, and recorded with their own probability."""
    shares = np.asarray(filter_shares(jnp.asarray(shares_of(5, 1)), sampling), np.float64)[0]
    expected = shares / shares.sum()
    token, log_prob = pick(sampling)
    # float32 logits of about 10 are rounded by 1e-6, and the sum of 300 shares by a few times that.
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
    sampling = Sampling(temperature, top_k, top_p, min_p, ranges)
    mask = token_mask(ranges, WORDS)
    logits = np.log(shares_of(9, 1)[0])
    logits = np.where(mask, logits, np.where(np.arange(WORDS) % 2, 1e4, np.inf)).astype(np.float32)
    keys, rows = jax.random.split(jax.random.key(1), 500), jnp.zeros(500, int)
    token, log_prob = jax.jit(choose, static_argnames="sampling")(
        jnp.broadcast_to(logits, (500, WORDS)), keys, rows, sampling=sampling
    )
    assert mask[np.asarray(token)].all()
    shares = np.exp((logits[mask] - logits[mask].max()).astype(np.float64) / (temperature or 1.0))
    if temperature:
        shares = np.asarray(filter_shares(jnp.asarray(shares[None], jnp.float32), sampling), np.float64)[0]
    expected = np.zeros(WORDS)
    expected[mask] = shares / shares.sum()
    # As above; divided by a temperature of 0.7 the logits are half as large again.
    np.testing.assert_allclose(np.exp(log_prob), expected[np.asarray(token)], rtol=1e-4)


def test_greedy_takes_the_best_word_and_its_untempered_probability():
    token, log_prob = pick(Sampling(0.0, 1, 0.1, 1.0), rows=2)
    shares = shares_of(5, 1)[0]
    assert (np.asarray(token) == shares.argmax()).all()
    # The sum of 300 shares may be off by 300 * 2^-24 = 1.8e-5 of itself, and its logarithm by as much; twice that.
    np.testing.assert_allclose(log_prob, np.log(1 / shares.sum(dtype=np.float64)), rtol=0, atol=4e-5)


@pytest.mark.parametrize("noise", [0.0, 0.5, 1 - 2**-24])
def test_the_ends_of_the_noise_fall_on_words_that_can_be_drawn(noise):
    shares = np.zeros((1, WORDS), np.float32)
    shares[0, [3, 150, 297]] = 0.1, 1.0, 0.3
    token, total = draw(jnp.asarray(shares), jnp.full((1, 2), noise, jnp.float32))
    assert int(token[0]) in (3, 150, 297)
    np.testing.assert_allclose(total, 1.4, rtol=1e-6)  # three shares, so a few roundings of 2^-24


@pytest.mark.parametrize(
    "wrong", [{"temperature": -0.1}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": -0.1}, {"min_p": 2.0}]
)
def test_values_out_of_range_are_named(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"{name}=.* is out of range; it must"):
        Sampling(**wrong)
