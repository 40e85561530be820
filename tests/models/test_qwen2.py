"""The four ways through the layers agree with each other (parity with torch is in test_parity.py)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, STATE_ERROR, lora, params, prompts

from alignment.adapters.stack import make_stack
from alignment.models import qwen2

STACK = make_stack({"reasoning": lora(1), "reward": lora(2)})
# Relative to a gradient's largest entry. Forward and backward pass have three times the products of a forward pass:
# sqrt(3 x 2 x 7 x 48) = 45 roundings of 2^-24 of each token's share. Shares of 60 tokens partly cancel, and another
# machine sums in another order: four times that for each.
SLOPE_ERROR = 16 * (3 * 2 * 7 * 48) ** 0.5 * 2**-24


@pytest.fixture(scope="module")
def case():
    tokens, mask = prompts()
    completions = jax.random.randint(jax.random.key(9), (4, 3, 5), 3, CONFIG.vocab_size)
    return params(), tokens, mask, completions


def flat_states(weights, tokens, mask, completions):
    """Plain causal forward passes over each prompt followed by each of its completions, without padding between."""
    lengths = np.asarray(mask.sum(axis=1))
    last, completion_states = [], []
    for prompt, length, group in zip(tokens, lengths, completions, strict=True):
        rows = jnp.stack([jnp.concatenate([prompt[:length], row]) for row in group])
        hidden = qwen2.hidden_states(weights, CONFIG, rows, STACK)
        last.append(hidden[0, length - 1])
        completion_states.append(hidden[:, length:])
    return jnp.stack(last), jnp.stack(completion_states)


@pytest.mark.ci
@pytest.mark.parametrize("remat", [False, True])
def test_groups_over_a_shared_prompt_equal_whole_sequences(case, remat):
    last, completion_states = qwen2.group_hidden_states(*_group_arguments(case), STACK, remat=remat)
    want_last, want_own = flat_states(*case)
    np.testing.assert_allclose(last, want_last, rtol=0, atol=STATE_ERROR)
    np.testing.assert_allclose(completion_states, want_own, rtol=0, atol=STATE_ERROR)


def _group_arguments(case):
    weights, tokens, mask, completions = case
    return weights, CONFIG, tokens, mask, completions


@pytest.mark.ci
def test_gradients_through_a_shared_prompt_equal_those_of_whole_sequences(case):
    weights, tokens, mask, completions = case

    def shared(modules):
        stack = make_stack({"reward": lora(2).replace(modules=modules)})
        last, completion_states = qwen2.group_hidden_states(weights, CONFIG, tokens, mask, completions, stack)
        return jnp.sin(completion_states).sum()

    def plain(modules):
        stack = make_stack({"reward": lora(2).replace(modules=modules)})
        total = 0.0
        for row, length, group in zip(tokens, [5, 8, 3, 7], completions, strict=True):
            rows = jnp.stack([jnp.concatenate([row[:length], one]) for one in group])
            total += jnp.sin(qwen2.hidden_states(weights, CONFIG, rows, stack)[:, length:]).sum()
        return total

    got, want = jax.grad(shared)(lora(2).modules), jax.grad(plain)(lora(2).modules)
    for left, right in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=SLOPE_ERROR * float(jnp.abs(right).max() + 1))


@pytest.mark.ci
def test_prefill_and_decode_equal_the_group_pass(case):
    weights, tokens, mask, completions = case
    last, whole = qwen2.group_hidden_states(*_group_arguments(case), STACK)
    hidden, prompt_kv = qwen2.prefill(weights, CONFIG, tokens, mask, STACK)
    np.testing.assert_allclose(hidden, last, rtol=0, atol=STATE_ERROR)
    cache = (jnp.zeros((4, 2, 3, 5, 8)),) * 2
    completion_kv, ahead = qwen2.KeysValues(cache, cache), jnp.array([0, 2, 1])  # each completion has its own position
    for step in range(7):
        positions = jnp.broadcast_to(step - ahead, (4, 3))
        real = (positions >= 0) & (positions < 5)
        at = jnp.clip(positions, 0, 4)[..., None]
        token = jnp.take_along_axis(completions, at, axis=2)[..., 0]
        keys_values = qwen2.GroupKeysValues(prompt_kv, mask, completion_kv)
        hidden, completion_kv = qwen2.decode(weights, CONFIG, token, jnp.where(real, positions, 5), keys_values, STACK)
        want = jnp.take_along_axis(whole, at[..., None], axis=2)[:, :, 0]
        np.testing.assert_allclose(hidden[real], want[real], rtol=0, atol=STATE_ERROR)


def test_joined_layers_decode_as_the_stack_does():
    """One token behind prompts of several lengths, with two adapters, one of them at a gate of 0.7."""
    (tokens, mask), weights = prompts(), params()
    stack = make_stack({"reasoning": lora(1), "reward": lora(2)}, {"reward": 0.7})
    _, prompt_kv = qwen2.prefill(weights, CONFIG, tokens, mask, stack)
    cache = (jnp.zeros((len(tokens), 2, 3, 5, 8)),) * CONFIG.num_hidden_layers
    keys_values = qwen2.GroupKeysValues(prompt_kv, mask, qwen2.KeysValues(cache, cache))
    arguments = weights, CONFIG, jnp.full((len(tokens), 3), 7), jnp.zeros((len(tokens), 3), int), keys_values
    joined = qwen2.unstack(weights, stack, join=True)
    assert all(qwen2.JOINED in layer and "q_proj" not in layer and not slices for layer, slices in joined)
    hidden, _ = qwen2.decode(*arguments, stack)
    np.testing.assert_allclose(qwen2.decode(*arguments, layers=joined)[0], hidden, rtol=0, atol=STATE_ERROR)


@pytest.mark.ci
def test_a_single_layer_and_a_prompt_of_one_token():
    """A loop of one turn, and a last token with nothing before it."""
    config = CONFIG.replace(num_hidden_layers=1)
    weights = params(config=config)
    stack = make_stack({"reward": lora(2, config=config)})
    tokens, mask = prompts(lengths=(1, 4), width=4)
    rows = jax.random.randint(jax.random.key(1), (2, 1, 3), 3, CONFIG.vocab_size)
    last, completion_states = jax.jit(qwen2.group_hidden_states, static_argnums=1)(
        weights, config, tokens, mask, rows, stack
    )
    hidden, prompt_kv = jax.jit(qwen2.prefill, static_argnums=1)(weights, config, tokens, mask, stack)
    assert len(prompt_kv.k) == 1 and prompt_kv.k[0].shape == (2, 2, 4, 8)
    for p, length in enumerate((1, 4)):
        whole = jnp.concatenate([tokens[p, :length], rows[p, 0]])[None]
        want = qwen2.hidden_states(weights, config, whole, stack)[0]
        np.testing.assert_allclose(last[p], want[length - 1], rtol=0, atol=STATE_ERROR)
        np.testing.assert_allclose(hidden[p], want[length - 1], rtol=0, atol=STATE_ERROR)
        np.testing.assert_allclose(completion_states[p, 0], want[length:], rtol=0, atol=STATE_ERROR)


def test_what_stands_in_padding_changes_nothing(case):
    weights, tokens, mask, completions = case
    noise = jnp.where(mask, tokens, 50)
    for got, want in zip(
        qwen2.group_hidden_states(weights, CONFIG, noise, mask, completions, STACK),
        qwen2.group_hidden_states(weights, CONFIG, tokens, mask, completions, STACK),
        strict=True,
    ):
        np.testing.assert_array_equal(got, want)


@pytest.mark.ci
def test_remat_changes_no_gradient(case):
    weights, tokens, _, _ = case

    def loss(modules, remat):
        stack = make_stack({"reward": lora(2).replace(modules=modules)})
        return jnp.sin(qwen2.hidden_states(weights, CONFIG, tokens, stack, remat=remat)).sum()

    plain, again = (jax.grad(loss)(lora(2).modules, remat) for remat in (False, True))
    for left, right in zip(jax.tree.leaves(plain), jax.tree.leaves(again), strict=True):
        np.testing.assert_allclose(left, right, rtol=0, atol=SLOPE_ERROR * float(jnp.abs(right).max() + 1))


def test_bfloat16_runs_in_bfloat16_and_agrees_coarsely(case):
    weights, tokens, _, _ = case
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), weights)
    hidden = qwen2.hidden_states(half, CONFIG, tokens, STACK)
    assert hidden.dtype == jnp.bfloat16
    full = qwen2.hidden_states(weights, CONFIG, tokens, STACK)
    # 8 bits of mantissa over two layers: a few percent of a unit-RMS state.
    assert float(jnp.sqrt(jnp.mean(jnp.square(hidden.astype(jnp.float32) - full)))) < 0.1


def test_an_untied_head_is_used():
    untied = CONFIG.replace(tie_word_embeddings=False)
    weights = params(config=untied)
    hidden = jnp.ones((1, 32))
    want = weights["head"].sum(axis=1)
    # 32 terms of size 0.3 in another order: at most 32 roundings of 2^-24 of the sum of their sizes, 2e-5.
    np.testing.assert_allclose(qwen2.logits(weights, hidden)[0], want, rtol=0, atol=4e-5)
