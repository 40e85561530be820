"""Group attention against attention over each whole sequence, in float64 and with its gradients written by hand."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.kernels.group_attention import api, xla

P, G, LP, LC, H, K, D = 2, 3, 9, 11, 4, 2, 8
NAMES = ("q", "prompt k", "prompt v", "own k", "own v")


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 3 queries and never more than 4 of them: 11 queries make several blocks with a ragged last one."""
    monkeypatch.setattr(xla, "BLOCK", 3)
    monkeypatch.setattr(xla, "MAX_BLOCKS", 4)


def case(seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    shapes = (P, G, LC, H, D), (P, LP, K, D), (P, LP, K, D), (P, G, LC, K, D), (P, G, LC, K, D)
    return tuple(jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes)


def prompt_mask(lengths):
    return jnp.arange(LP) < jnp.asarray(lengths)[:, None]


def attend(arrays, mask, implementation="xla"):
    q, prompt_k, prompt_v, k, v = arrays
    return api.group_attention(q, (prompt_k, prompt_v), (k, v), mask, implementation=implementation)


@functools.partial(jax.jit, static_argnames="implementation")
def value_and_gradients(arrays, mask, upstream, implementation):
    out, pull = jax.vjp(lambda arrays: attend(arrays, mask, implementation), arrays)
    return out, pull(upstream)[0]


def one_sequence(q, k, v, upstream):
    """Causal attention of the last len(q) tokens of one sequence: q [T, H, d], k and v [S, K, d], all float64."""
    tokens, keys = len(q), len(k)
    visible = np.arange(keys) <= np.arange(keys - tokens, keys)[:, None]
    out, d_q, d_k, d_v = (np.zeros(x.shape) for x in (q, q, k, v))
    for head in range(H):
        shared = head // (H // K)
        scores = np.where(visible, q[:, head] @ k[:, shared].T / np.sqrt(D), -np.inf)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        out[:, head] = weights @ v[:, shared]
        g = upstream[:, head]
        d_weights = g @ v[:, shared].T
        d_scores = weights * (d_weights - (weights * d_weights).sum(axis=1, keepdims=True)) / np.sqrt(D)
        d_q[:, head] = d_scores @ k[:, shared]
        d_k[:, shared] += d_scores.T @ q[:, head]
        d_v[:, shared] += weights.T @ g
    return out, d_q, d_k, d_v


def whole_sequences(arrays, prompt_lengths, lengths, upstream):
    """Every completion behind its own prompt, both cut to their real lengths; gradients of the prompt add up."""
    q, prompt_k, prompt_v, k, v = (np.asarray(x, np.float64) for x in arrays)
    out = np.zeros(q.shape)
    gradients = [np.zeros(x.shape) for x in (q, prompt_k, prompt_v, k, v)]
    for p, g in np.ndindex(P, G):
        head, completion_length = prompt_lengths[p], lengths[p][g]
        keys, values = (
            np.concatenate([a[p, :head], b[p, g, :completion_length]]) for a, b in ((prompt_k, k), (prompt_v, v))
        )
        got, d_q, d_k, d_v = one_sequence(
            q[p, g, :completion_length], keys, values, np.asarray(upstream, np.float64)[p, g, :completion_length]
        )
        out[p, g, :completion_length], gradients[0][p, g, :completion_length] = got, d_q
        for argument, part in ((1, d_k), (2, d_v)):
            gradients[argument][p, :head] += part[:head]
            gradients[argument + 2][p, g, :completion_length] = part[head:]
    return out, gradients


def assert_close(got, want, name=""):
    """Scores of 8 products, softmax and sums over at most 20 keys: (8 + 20 + 8) 2^-24 = 2e-6 of the largest entry."""
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * max(1.0, np.abs(want).max()), err_msg=name)


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
@settings(max_examples=25)
@given(
    seed=st.integers(0, 99),
    prompts=st.lists(st.integers(0, LP), min_size=P, max_size=P),
    flat=st.lists(st.integers(1, LC), min_size=P * G, max_size=P * G),
)
@example(seed=0, prompts=[0, LP], flat=[LC, 1, 5, 1, 1, LC])
@example(seed=1, prompts=[LP, LP], flat=[LC] * 6)
def test_values_and_gradients_are_those_of_whole_sequences(implementation, seed, prompts, flat):
    lengths = np.reshape(flat, (P, G))
    arrays = case(seed)
    real = (np.arange(LC) < lengths[..., None])[..., None, None]
    upstream = jnp.asarray(np.where(real, np.random.default_rng(seed + 1000).normal(size=(P, G, LC, H, D)), 0))
    upstream = upstream.astype(jnp.float32)
    got, gradients = value_and_gradients(arrays, prompt_mask(prompts), upstream, implementation)
    want, want_gradients = whole_sequences(arrays, prompts, lengths, upstream)
    assert_close(np.where(real, got, 0), want)
    for name, left, right in zip(NAMES, gradients, want_gradients, strict=True):
        assert_close(left, right, name)
    outside = ~np.asarray(prompt_mask(prompts))
    assert not np.asarray(gradients[1])[outside].any() and not np.asarray(gradients[2])[outside].any()


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
def test_a_token_decoded_is_that_token_of_the_whole(implementation):
    """Keys of tokens not yet written are noise: the step must not see them."""
    q, prompt_k, prompt_v, k, v = arrays = case()
    mask = prompt_mask([4, LP])
    whole = attend(arrays, mask, implementation)
    last = np.array([[0, 1, 6], [LC - 1, 6, 3]])  # every completion at its own position
    written = (np.arange(LC) <= last[..., None])[..., None, None]
    completion_lanes = tuple(jnp.where(written, x, 1e4).transpose(0, 3, 1, 2, 4) for x in (k, v))
    prompt = tuple(x.swapaxes(1, 2) for x in (prompt_k, prompt_v))
    at_last = last[..., None, None, None]
    query, want = (np.take_along_axis(np.asarray(x), at_last, axis=2)[:, :, 0] for x in (q, whole))
    got = api.cached_attention(query, prompt, completion_lanes, mask, jnp.asarray(last), implementation)
    assert_close(got, want)


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
def test_causal_attention_is_that_of_one_sequence(implementation):
    q, _, _, k, v = (np.asarray(x)[:, 0] for x in case())
    upstream = np.random.default_rng(3).normal(size=q.shape).astype(np.float32)
    out, pull = jax.vjp(jax.jit(lambda *x: api.causal_attention(*x, implementation)), q, k, v)
    for row in range(len(q)):
        want = one_sequence(*(np.asarray(x[row], np.float64) for x in (q, k, v, upstream)))
        for got, right in zip((out, *pull(upstream)), want, strict=True):
            assert_close(got[row], right)


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
def test_a_segment_attends_as_if_it_stood_alone(implementation):
    q, _, _, k, v = (np.asarray(x)[:, 0] for x in case())
    segments = np.array([[1] * 4 + [2] * 5 + [0] * 2, [1] + [2] * 10])  # cut across blocks of three
    upstream = np.random.default_rng(3).normal(size=q.shape).astype(np.float32)
    attend = jax.jit(lambda *x: api.causal_attention(*x, implementation, segments=jnp.asarray(segments)))
    out, pull = jax.vjp(attend, q, k, v)
    results = (out, *pull(upstream))
    for row, segment in ((0, 1), (0, 2), (1, 1), (1, 2)):
        at = segments[row] == segment
        want = one_sequence(*(np.asarray(x[row][at], np.float64) for x in (q, k, v, upstream)))
        for got, right in zip(results, want, strict=True):
            assert_close(got[row][at], right)


def test_what_stands_in_padding_changes_no_bit():
    q, prompt_k, prompt_v, k, v = case()
    mask = prompt_mask([2, 6])
    noise = [jnp.where(mask[..., None, None], x, 1e4) for x in (prompt_k, prompt_v)]
    changed = attend((q, *noise, k, v), mask)
    np.testing.assert_array_equal(changed, attend((q, prompt_k, prompt_v, k, v), mask))
    assert (np.asarray(changed) != np.asarray(attend((q, *noise, k, v), prompt_mask([3, 6])))).any()


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_in_a_prompts_padding_changes_no_bit(implementation, value):
    arrays, mask = case(), prompt_mask([6, 0])
    upstream = jnp.ones(arrays[0].shape)
    planted = tuple(jnp.where(mask[:, :, None, None], x, value) for x in arrays[1:3])
    zeros = tuple(jnp.where(mask[:, :, None, None], x, 0) for x in arrays[1:3])
    got, want = (
        value_and_gradients((arrays[0], *prompt, *arrays[3:]), mask, upstream, implementation)
        for prompt in (planted, zeros)
    )
    jax.tree.map(np.testing.assert_array_equal, got, want)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(got))


def test_a_prompt_without_tokens_is_as_if_it_were_not_there():
    """Neither NaN values nor NaN gradients where one part is masked altogether; large scores make exp overflow."""
    arrays = tuple(30 * x for x in case())
    upstream = jnp.ones((P, G, LC, H, D))
    out, gradients = value_and_gradients(arrays, prompt_mask([0, 0]), upstream, "xla")
    q, _, _, k, v = arrays
    alone = [api.causal_attention(q[p], k[p], v[p]) for p in range(P)]
    # Scores reach 4,000, where float32 rounds to 2e-4: so far apart may weights be, of values up to 100.
    np.testing.assert_allclose(out, jnp.stack(alone), rtol=0, atol=2e-2)
    assert all(np.isfinite(leaf).all() for leaf in gradients)
    assert not np.asarray(gradients[1]).any() and np.asarray(gradients[4]).any()


def test_bfloat16_is_accumulated_in_float32():
    """Against float64 on the same rounded inputs: 8 bits of mantissa for weights and output, and no more lost.

    Accumulated in bfloat16, 4,096 equal weights would stop adding at 256 and the mean of ones would not be 1.
    """
    arrays = case(dtype=jnp.bfloat16)
    lengths, upstream = np.full((P, G), LC), jnp.ones((P, G, LC, H, D), jnp.bfloat16)
    got, gradients = value_and_gradients(arrays, prompt_mask([LP, 5]), upstream, "xla")
    want, want_gradients = whole_sequences(arrays, [LP, 5], lengths, upstream)
    assert got.dtype == jnp.bfloat16 and {leaf.dtype for leaf in gradients} == {jnp.dtype(jnp.bfloat16)}
    for left, right in zip((got, *gradients), (want, *want_gradients), strict=True):
        np.testing.assert_allclose(np.asarray(left, np.float64), right, rtol=0, atol=2**-6 * np.abs(right).max())
    q, k, v = jnp.ones((1, 1, 1, 1, 8)), jnp.zeros((1, 4096, 1, 8)), jnp.ones((1, 4096, 1, 8))
    q, k, v = (x.astype(jnp.bfloat16) for x in (q, k, v))
    out = api.group_attention(q, (k, v), (k[:, None, :1], v[:, None, :1]), jnp.ones((1, 4096), bool))
    np.testing.assert_allclose(np.asarray(out, np.float32), 1.0, rtol=2**-7)  # one unit in the last place of 1


def compiled_decode(implementation, samples=64, length=512):
    q, cache = jnp.ones((1, samples, 2, 32)), jnp.ones((1, 2, samples, 4, 32))
    prompt, last = jnp.ones((1, 2, length, 32)), jnp.zeros((1, samples), int)

    def run(q, prompt, cache, last):
        mask = jnp.ones((1, length), bool)
        return api.cached_attention(q, (prompt, prompt), (cache, cache), mask, last, implementation)

    return jax.jit(run).lower(q, prompt, cache, last).compile().memory_analysis().temp_size_in_bytes


def test_the_prompt_is_never_copied_for_each_sample():
    """64 samples of a prompt of 512 tokens: 8.4 MB if its keys (one array) were repeated, as the definition does."""
    copies = 64 * 512 * 2 * 32 * 4
    assert compiled_decode("reference") >= copies
    assert compiled_decode("xla") < copies / 4


@pytest.mark.parametrize("backward", [False, True])
def test_only_causal_work_is_done(backward, monkeypatch):
    """Four blocks compute 10 of 16 squares. (The backward pass computes the scores once more: 5 products, not 4.)"""
    monkeypatch.setattr(xla, "BLOCK", 64)
    x = jnp.ones((1, 256, 2, 64))

    def flops(implementation):
        def run(x):
            return api.causal_attention(x, x, x, implementation).sum()

        return jax.jit(jax.grad(run) if backward else run).lower(x).cost_analysis()["flops"]

    assert 0.3 < flops("xla") / flops("reference") < (0.9 if backward else 0.75)


def test_long_sequences_get_longer_blocks_instead_of_more():
    for length in (1, 3, 12, 13, 4096, 4097):
        blocks = xla._blocks(length)
        assert [argument for rows in blocks for argument in range(rows.start, rows.stop)] == list(range(length))
        assert len(blocks) <= 4


@pytest.mark.parametrize(
    "call",
    [
        lambda: attend(case(), prompt_mask([1, 1]), "magic"),
        lambda: api.causal_attention(*[jnp.ones((1, 2, 1, 4))] * 3, "magic"),
    ],
)
def test_an_unknown_implementation_is_named(call):
    with pytest.raises(UserError, match="group_attention has no implementation 'magic'; use one of xla, reference"):
        call()


def test_a_cache_of_a_narrower_type_is_read_in_the_type_of_the_query():
    """Keys and values rounded to bfloat16 give what their rounded values give in float32, in float32."""
    q, prompt_k, prompt_v, k, v = case()
    prompt = tuple(x.swapaxes(1, 2).astype(jnp.bfloat16) for x in (prompt_k, prompt_v))
    completion_lanes = tuple(x.transpose(0, 3, 1, 2, 4).astype(jnp.bfloat16) for x in (k, v))
    wide = [tuple(x.astype(jnp.float32) for x in pair) for pair in (prompt, completion_lanes)]
    last = jnp.full((P, G), 4)
    got, want = (
        api.cached_attention(q[:, :, 0], *pair, prompt_mask([4, 9]), last)
        for pair in ((prompt, completion_lanes), wide)
    )
    assert got.dtype == jnp.float32
    np.testing.assert_array_equal(got, want)
