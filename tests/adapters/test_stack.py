"""The stack in the forward pass: exact zeros, gates, dropout."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import Stack, delta, make_stack, project, push
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


def test_a_gate_scales_the_contribution_to_one_linear_map():
    x = jax.random.normal(jax.random.key(0), (5, 32))

    def contribution(gate):
        stack = make_stack({"reward": lora(2)}, {"reward": gate})
        slices = (jax.tree.map(lambda leaf: leaf[0], stack.adapters[0].lora.modules),)
        return delta(x, "q_proj", slices, stack)

    a, b = (lora(2).modules["q_proj"][name][0] for name in "ab")
    np.testing.assert_allclose(contribution(1.0), 2.0 * (x @ a) @ b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(contribution(0.5), 0.5 * contribution(1.0), rtol=1e-6)


def test_dropout_acts_only_with_a_key_and_is_unbiased():
    stack = make_stack({"reasoning": lora(1, dropout=0.5)})
    np.testing.assert_array_equal(run(stack), run(make_stack({"reasoning": lora(1)})))
    first, again, other = (run(stack, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_an_untouched_projection_adds_nothing():
    stack = make_stack({"reward": lora(2, targets=("q_proj",))})
    assert delta(jnp.ones((1, 32)), "o_proj", (stack.adapters[0].lora.modules,), stack) is None


def project_case():
    """Two adapters on one projection of the tiny model and enough rows that the sum of weights is the shorter way."""
    stack = make_stack({"reasoning": lora(1), "reward": lora(2)}, {"reasoning": 0.7})
    w = params()["layers"]["o_proj"]["w"][0]
    modules = [jax.tree.map(lambda leaf: leaf[0], adapter.lora.modules["o_proj"]) for adapter in stack.adapters]
    x = jax.random.normal(jax.random.key(5), (3, 40, w.shape[0]))
    return x, w, tuple(modules), stack


def test_many_and_few_tokens_take_ways_that_agree_in_values_and_every_gradient():
    x, w, modules, stack = project_case()
    target = jnp.cos(jnp.arange(x.shape[0] * x.shape[1] * w.shape[1], dtype=jnp.float32)).reshape(*x.shape[:2], -1)

    def by_sum(x, w, modules, gate):
        gated = Stack((stack.adapters[0].replace(gate=gate), stack.adapters[1]))
        return jnp.sum(target * project(x, w, "o_proj", [{"o_proj": each} for each in modules], gated))

    def by_factors(x, w, modules, gate):
        scales = gate * stack.adapters[0].lora.scale, stack.adapters[1].lora.scale
        parts = [scale * (x @ each["a"]) @ each["b"] for scale, each in zip(scales, modules, strict=True)]
        return jnp.sum(target * (x @ w + sum(parts)))

    arguments = x, w, modules, jnp.float32(0.7)
    found, wanted = (jax.value_and_grad(f, argnums=(0, 1, 2, 3))(*arguments) for f in (by_sum, by_factors))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5), found, wanted)


def test_the_sum_of_weights_is_made_for_many_float32_tokens_alone():
    x, w, modules, stack = project_case()

    def sums(x, w):
        slices = [{"o_proj": each} for each in modules]
        return "_through_sum" in str(jax.make_jaxpr(lambda x: project(x, w, "o_proj", slices, stack))(x))

    assert sums(x, w)
    assert not sums(x[:, :2], w)
    assert not sums(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16))
