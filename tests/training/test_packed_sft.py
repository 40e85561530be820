"""Examples that share a row are trained on as if each had a row of its own."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_data import examples_of
from tiny import CONFIG, lora, params

from alignment.adapters.stack import Stack, make_stack
from alignment.data.collate import collate
from alignment.models import qwen2
from alignment.training.batches import SftBatch
from alignment.training.losses import make_sft_loss
from alignment.training.state import Frozen
from alignment.training.step import Term, term_gradient

RNG = np.random.default_rng(0)


def example():
    prompt, answer = (int(number) for number in RNG.integers(2, 9, 2))
    return RNG.integers(3, CONFIG.vocab_size, prompt + answer).tolist(), [0] * prompt + [1] * answer


EXAMPLES = examples_of([example() for _ in range(24)])
FROZEN = Frozen(params(), make_stack({"reasoning": lora(1)}), Stack())


@functools.partial(jax.jit, static_argnames="parts")
def _gradient(trainable, batch, parts):
    term = Term("sft", make_sft_loss(CONFIG, remat=False), micro_batches=parts)
    return term_gradient(term, trainable, FROZEN, batch, jax.random.key(0))


def gradient(arrays, parts=1):
    return _gradient(lora(2), SftBatch(**{name: jnp.asarray(array) for name, array in arrays.items()}), parts)


def assert_same(left, right):
    """Sums over some 100 response tokens in another order: sqrt(100) 2^-24 = 6e-7 of terms of the size of the sum."""
    assert float(left.tally.count) == float(right.tally.count)
    np.testing.assert_allclose(left.total, right.total, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(left.modules), jax.tree.leaves(right.modules), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * float(jnp.abs(b).max()))


@pytest.mark.ci
@pytest.mark.parametrize("parts", [1, 2])
def test_packed_and_unpacked_gradients_are_equal(parts):
    plain = collate(EXAMPLES, 8, 1, 0)
    packed = collate(EXAMPLES, 8, 1, 0, batching="packed", parts=parts)
    assert len(packed["tokens"]) <= 8 and packed["segments"].max() >= 2
    assert_same(gradient(packed, parts), gradient(plain))


@pytest.mark.ci
def test_without_the_segment_numbers_the_gradient_would_be_another():
    packed = collate(EXAMPLES, 8, 1, 0, batching="packed")
    blurred = gradient({name: array for name, array in packed.items() if name != "segments"})
    with pytest.raises(AssertionError):
        assert_same(blurred, gradient(packed))


def test_no_token_sees_another_example():
    packed = collate(EXAMPLES, 8, 1, 0, batching="packed")
    tokens, segments = jnp.asarray(packed["tokens"]), jnp.asarray(packed["segments"])
    noise = jnp.where(segments == 1, (tokens + 7) % CONFIG.vocab_size, tokens)
    states = [qwen2.hidden_states(FROZEN.params, CONFIG, row, segments=segments) for row in (tokens, noise)]
    others = np.asarray(segments > 1)
    np.testing.assert_array_equal(np.asarray(states[0])[others], np.asarray(states[1])[others])
    assert (np.asarray(states[0]) != np.asarray(states[1]))[np.asarray(segments == 1)].any()
