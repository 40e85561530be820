"""Matrix products of a traced program, counted by hand."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import pallas as pl

from alignment.benchmarks.fit.compiler import abstract_inputs
from alignment.benchmarks.fit.products import product_flops
from alignment.benchmarks.flops import update_work
from alignment.benchmarks.setting import Setting, parse_size
from alignment.benchmarks.suites import update


def count(function, *shapes):
    return product_flops(jax.jit(function).trace(*(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)).jaxpr)


def test_a_product_is_two_operations_an_element_and_term():
    assert count(jnp.matmul, (2, 3), (3, 5)) == 2 * 2 * 3 * 5
    assert count(lambda x, y: jnp.einsum("bij,bjk->bik", x, y), (7, 2, 3), (7, 3, 5)) == 7 * 2 * 2 * 3 * 5
    assert count(lambda x: x + jnp.exp(x), (4, 4)) == 0


def test_a_loop_counts_every_turn():
    walk = lambda x, ws: jax.lax.scan(lambda x, w: (x @ w, None), x, ws)[0]  # noqa: E731
    assert count(walk, (2, 3), (11, 3, 3)) == 11 * 2 * 2 * 3 * 3


def test_what_is_computed_again_counts_again():
    def loss(x, w, again):
        layer = lambda x: jnp.sin(jnp.sin(x @ w) @ w).sum()  # noqa: E731
        return (jax.checkpoint(layer) if again else layer)(x)

    one = 2 * 2 * 3 * 3
    assert count(lambda x, w: jax.grad(loss)(x, w, False), (2, 3), (3, 3)) == 4 * one
    assert count(lambda x, w: jax.grad(loss)(x, w, True), (2, 3), (3, 3)) == 6 * one


def test_of_two_branches_the_costlier_counts():
    pick = lambda x, w: jax.lax.cond(x[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)  # noqa: E731
    assert count(pick, (2, 3), (3, 3)) == 2 * 2 * 2 * 3 * 3


def test_a_kernel_counts_as_it_says():
    def kernel(x, y):
        y[...] = x[...] @ x[...]

    estimate = pl.CostEstimate(flops=12345, transcendentals=0, bytes_accessed=1)
    shape = jax.ShapeDtypeStruct((8, 8), jnp.float32)
    call = pl.pallas_call(kernel, out_shape=shape, cost_estimate=estimate, interpret=True)
    assert count(call, (8, 8)) == 12345


@pytest.mark.ci
@pytest.mark.parametrize(("remat", "least", "most"), [(False, 1.0, 1.5), (True, 1.2, 2.0)])
def test_an_update_does_what_it_must_and_little_more(remat, least, most):
    setting = Setting("update", parse_size("64,4,4,2,192,512"), prompts=2, group=4, prompt_len=128, new_tokens=128)
    setting = dataclasses.replace(setting, remat=remat)
    inputs = abstract_inputs(setting, jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    counted = product_flops(jax.jit(update.update_step(update.our_loss(setting))).trace(*inputs).jaxpr)
    assert least < counted / update_work(setting).total < most
