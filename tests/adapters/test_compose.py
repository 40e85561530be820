"""Composition: what two adapters compute together, as one adapter and as merged weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.compose import concatenate, merge, merged_share
from alignment.adapters.stack import Stack, make_stack
from alignment.errors import UserError
from alignment.models.qwen2 import hidden_states, logits


def run(weights, stack=None):
    return logits(weights, hidden_states(weights, CONFIG, prompts()[0], stack))


def gap(left, right):
    return float(jnp.abs(left - right).max())


@pytest.mark.parametrize("gates", [{}, {"reward": 0.5}, {"reasoning": 0.0}])
@pytest.mark.parametrize("scaling", ["lora", "rslora"])
def test_concatenation_is_the_stack(gates, scaling):
    """Bit for bit, on any machine: both are computed from the same factors, in products of the same shapes."""
    stack = make_stack({"reasoning": lora(1, rank=4, scaling=scaling), "reward": lora(2, rank=3)}, gates)
    one = concatenate(stack)
    assert one.rank == 7
    assert one.scale == 1.0
    np.testing.assert_array_equal(run(params(), stack), run(params(), make_stack({"both": one})))


@pytest.mark.ci
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("ranks", [(16, 8), (20, 16)])
def test_concatenation_is_the_stack_where_ranks_fill_more_than_one_block(ranks, dtype):
    stack = make_stack({"reasoning": lora(1, rank=ranks[0]), "reward": lora(2, rank=ranks[1])}, {"reward": 0.3})
    weights = jax.tree.map(lambda leaf: leaf.astype(dtype), params())
    np.testing.assert_array_equal(run(weights, stack), run(weights, make_stack({"both": concatenate(stack)})))


def test_concatenation_of_adapters_on_different_projections():
    stack = make_stack(
        {"reasoning": lora(1, targets=("q_proj", "up_proj")), "reward": lora(2, targets=("up_proj", "o_proj"))}
    )
    one = concatenate(stack)
    assert set(one.modules) == {"q_proj", "up_proj", "o_proj"}
    np.testing.assert_array_equal(run(params(), stack), run(params(), make_stack({"both": one})))


def test_summing_the_factors_is_another_function():
    """PEFT's "linear" combination has cross terms; a test that could not tell them apart would prove nothing."""
    first, second = lora(1), lora(2)
    summed = first.replace(
        modules={
            name: {key: first.modules[name][key] + second.modules[name][key] for key in "ab"} for name in first.modules
        }
    )
    both = run(params(), make_stack({"reasoning": first, "reward": second}))
    assert gap(both, run(params(), make_stack({"sum": summed}))) > 1e-2


def test_merging_into_float32():
    stack = make_stack({"reasoning": lora(1), "reward": lora(2)}, {"reward": 0.7})
    left, right = run(params(), stack), run(merge(params(), stack))
    # W + A B is rounded once more: about sqrt(2 layers x 7 products x 48 terms) * 2^-24 = 1.5e-6 of a logit, up to 16.
    assert jnp.linalg.norm(left - right) <= 5e-6 * jnp.linalg.norm(left)
    assert gap(left, right) <= 1e-4


def test_merging_leaves_the_base_alone_and_has_one_type():
    weights = params()
    before = np.array(weights["layers"]["q_proj"]["w"])
    merged = merge(weights, make_stack({"reward": lora(2, targets=("q_proj",))}), jnp.bfloat16)
    np.testing.assert_array_equal(before, weights["layers"]["q_proj"]["w"])
    assert {leaf.dtype for leaf in (merged["embed"], merged["layers"]["up_proj"]["w"])} == {jnp.dtype(jnp.bfloat16)}


def uniform(size):
    """One adapter that adds `size` to every weight of one projection: A and B of rank 1."""
    one = lora(1, rank=1, alpha=1.0, targets=("q_proj",))
    ones = {"a": jnp.ones((2, 32, 1)), "b": jnp.full((2, 1, 32), size)}
    return make_stack({"reward": one.replace(modules={"q_proj": ones})})


@pytest.mark.parametrize(("size", "share"), [(2.0**-10, 0.0), (2.0**-8, 0.0), (1.5 * 2.0**-8, 2 / 1.5), (2.0**-7, 1.0)])
def test_the_share_that_a_bfloat16_merge_leaves(size, share):
    """Bfloat16 has steps of 2^-7 above 1: half a step or less (to even) is lost, three quarters become a whole one."""
    weights = params()
    weights["layers"]["q_proj"]["w"] = jnp.ones_like(weights["layers"]["q_proj"]["w"])
    assert merged_share(weights, uniform(size), jnp.bfloat16) == pytest.approx((share, min(1.0, share)))
    assert merged_share(weights, uniform(size), jnp.float32) == pytest.approx((1.0, 1.0))


def test_an_empty_stack_has_nothing_to_concatenate():
    with pytest.raises(UserError, match="base"):
        concatenate(Stack())
