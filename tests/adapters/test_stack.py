"""The stack in the forward pass: exact zeros, gates, dropout."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import Stack, layer_slices, make_stack, project, push
from alignment.models.qwen2 import hidden_states, logits


def run(stack=None, key=None):
    weights = params()
    return np.asarray(logits(weights, hidden_states(weights, CONFIG, prompts()[0], stack, dropout_key=key)))


def test_stage_two_starts_exactly_where_stage_one_ended():
    reasoning = make_stack({"reasoning": lora(1)})
    np.testing.assert_array_equal(run(reasoning), run(push(reasoning, "reward", lora(2, trained=False))))


def test_a_closed_gate_is_exactly_the_stack_without_it():
    both = make_stack({"reasoning": lora(1), "reward": lora(2)}, {"reward": 0.0})
    np.testing.assert_array_equal(run(both), run(make_stack({"reasoning": lora(1)})))
    np.testing.assert_array_equal(run(Stack()), run(make_stack({"reasoning": lora(1)}, {"reasoning": 0.0})))


def test_the_four_composition_states_differ():
    states = [
        run(make_stack({"reasoning": lora(1), "reward": lora(2)}, {"reasoning": r, "reward": w}))
        for r in (0, 1)
        for w in (0, 1)
    ]
    gaps = [np.abs(a - b).max() for i, a in enumerate(states) for b in states[:i]]
    assert min(gaps) > 1e-3


def first_layer(stack):
    return jax.tree.map(lambda leaf: leaf[0], layer_slices(stack))


def test_a_gate_scales_the_contribution_to_one_linear_map():
    x = jax.random.normal(jax.random.key(0), (5, 32))  # few enough that the factors are applied to every token

    def contribution(gate):
        stack = make_stack({"reward": lora(2)}, {"reward": gate})
        return project(x, {"q_proj": jnp.zeros((32, 32))}, first_layer(stack), stack)[0]

    a, b = (lora(2).modules["q_proj"][name][0] for name in "ab")
    # Sums of 32 terms of size 1 in another order: at most 32 * 2^-24 = 2e-6 each way.
    np.testing.assert_allclose(contribution(1.0), 2.0 * (x @ a) @ b, rtol=1e-5, atol=4e-6)
    np.testing.assert_array_equal(contribution(0.5), 0.5 * contribution(1.0))  # a power of two rounds nothing


def test_dropout_acts_only_with_a_key_and_is_unbiased():
    stack = make_stack({"reasoning": lora(1, dropout=0.5)})
    np.testing.assert_array_equal(run(stack), run(make_stack({"reasoning": lora(1)})))
    first, again, other = (run(stack, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_an_untouched_projection_adds_nothing():
    stack = make_stack({"reward": lora(2, targets=("q_proj",))})
    x, w = jnp.ones((1, 32)), jnp.eye(32)
    np.testing.assert_array_equal(project(x, {"o_proj": w}, first_layer(stack), stack)[0], x @ w)


def project_case():
    """Two adapters on one projection of the tiny model and enough rows that the sum of weights is the shorter way."""
    loras = {"reasoning": lora(1, targets=("o_proj",)), "reward": lora(2, targets=("o_proj",))}
    stack = make_stack(loras, {"reasoning": 0.7})
    w = params()["layers"]["o_proj"]["w"][0]
    x = jax.random.normal(jax.random.key(5), (3, 40, w.shape[0]))
    return x, w, stack


def test_many_and_few_tokens_are_computed_in_two_ways_that_agree_in_values_and_every_gradient():
    x, w, stack = project_case()
    target = jnp.cos(jnp.arange(x.shape[0] * x.shape[1] * w.shape[1], dtype=jnp.float32)).reshape(*x.shape[:2], -1)

    def by_sum(x, w, stack):
        return jnp.sum(target * project(x, {"o_proj": w}, first_layer(stack), stack)[0])

    def by_factors(x, w, stack):
        parts = [
            adapter.gate * adapter.lora.scale * (x @ factors["a"][0]) @ factors["b"][0]
            for adapter in stack.adapters
            for factors in (adapter.lora.modules["o_proj"],)
        ]
        return jnp.sum(target * (x @ w + sum(parts)))

    actual, wanted = (jax.value_and_grad(f, argnums=(0, 1, 2))(x, w, stack) for f in (by_sum, by_factors))
    # Sums of up to 120 tokens x 32 outputs in float32: sqrt(3840) * 6e-8 of their terms is 4e-6.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5), actual, wanted)


def test_the_sum_of_weights_is_made_for_many_float32_tokens_alone():
    x, w, stack = project_case()

    def sums(x, w):
        traced = jax.make_jaxpr(lambda x: project(x, {"o_proj": w}, first_layer(stack), stack)[0])(x)
        return "_summed_products" in str(traced)

    assert sums(x, w)
    assert not sums(x[:, :2], w)
    assert not sums(x, w.astype(jnp.bfloat16))
    assert not sums(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16))


@pytest.mark.ci
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("tokens", [1, 7, 120])
@pytest.mark.parametrize("ranks", [(4, 3), (16, 8), (20, 16)])
def test_an_adapter_whose_b_is_zero_adds_an_exact_zero_however_ranks_fall_into_blocks(ranks, tokens, dtype):
    under = make_stack({"reasoning": lora(1, rank=ranks[0])})
    both = push(under, "reward", lora(2, rank=ranks[1], trained=False))
    w = params()["layers"]["o_proj"]["w"][0].astype(dtype)
    x = jax.random.normal(jax.random.key(5), (tokens, w.shape[0]))
    one, two = (jax.jit(project)(x, {"o_proj": w}, first_layer(s), s)[0] for s in (under, both))
    np.testing.assert_array_equal(one, two)


def test_bfloat16_weights_take_nothing_from_a_small_adapter():
    """One sum in float32: x W and what a B of 1e-6 adds, of which bfloat16 next to x W would keep nothing."""
    x, w, _ = project_case()
    w = w.astype(jnp.bfloat16)
    modules = {"o_proj": {"a": lora(1).modules["o_proj"]["a"], "b": jnp.full((2, 4, w.shape[1]), 1e-6)}}
    small = make_stack({"reasoning": lora(1, targets=("o_proj",)).replace(modules=modules)})
    added = project(x, {"o_proj": w}, first_layer(small), small)[0] - project(x, {"o_proj": w}, (), Stack())[0]
    wanted = small.adapters[0].lora.scale * (x @ modules["o_proj"]["a"][0]) @ modules["o_proj"]["b"][0]
    rounding = 2 * 2.0**-24 * float(jnp.abs(x @ w.astype(jnp.float32)).max())  # of the sum and of the difference
    np.testing.assert_allclose(added, wanted, rtol=0, atol=2 * rounding)
    assert float(jnp.abs(wanted).max()) > 10 * rounding


@pytest.mark.parametrize("tokens", [2, 120])
def test_gradients_through_bfloat16_weights_are_those_of_float32_up_to_one_rounding(tokens):
    x, w, stack = project_case()
    x, w = x.reshape(-1, x.shape[-1])[:tokens], w.astype(jnp.bfloat16)

    def value(x, w, stack):
        return jnp.sum(jnp.cos(project(x, {"o_proj": w}, first_layer(stack), stack)[0]))

    actual = jax.grad(value, argnums=(0, 1, 2))(x, w, stack)
    wanted = jax.grad(value, argnums=(0, 1, 2))(x, w.astype(jnp.float32), stack)
    for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(wanted), strict=True):
        # Two roundings to bfloat16 (x and g), each 2^-9 at most, then of the sum of up to 120 terms.
        size = jnp.abs(other).max()
        assert float(jnp.abs(one.astype(jnp.float32) - other).max()) <= 2.0**-6 * float(size)
