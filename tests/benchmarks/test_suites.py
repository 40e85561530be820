"""Cases measured beside each other do the same work: equal values and gradients."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from alignment.benchmarks.setting import Setting, parse_size
from alignment.benchmarks.suites import attention, logprob, sft, update
from alignment.training.losses import make_grpo_loss

pytestmark = pytest.mark.ci

SETTING = Setting("update", parse_size("32,2,4,2,48,64"), prompts=2, group=3, prompt_len=7, new_tokens=5)


def close(left, right, tolerance=2e-5):
    """Equal up to 170 roundings of float32 (1.2e-7) of the largest entry: two layers, sums of up to 64 terms."""
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1e-3, float(abs(b).max())))


def gradient(loss):
    """Total, count and gradient of an adapter whose B is not zero, so that every factor gets one."""
    state, frozen, batch = update.make_inputs(SETTING)
    modules = jax.tree.map(lambda leaf: leaf + 0.02, state.lora.modules)

    def total(modules):
        value, tally = loss(state.lora.replace(modules=modules), frozen, batch, state.key)
        return value, tally.count

    return jax.jit(jax.value_and_grad(total, has_aux=True))(modules)


@pytest.fixture(scope="module")
def plain():
    return gradient(update.simple_loss(SETTING.config, *update.AGAINST["plain"]))


def test_the_plain_update_has_a_gradient_everywhere(plain):
    assert all(abs(leaf).max() > 0 for leaf in jax.tree.leaves(plain[1]))


@pytest.mark.parametrize("name", ["unshared", "unfused"])
def test_an_update_without_one_saving_is_the_plain_one(name, plain):
    close(gradient(update.simple_loss(SETTING.config, *update.AGAINST[name])), plain)


@pytest.mark.parametrize("implementation", ["auto", "xla"])
def test_our_update_is_the_plain_one(implementation, plain):
    loss = make_grpo_loss(SETTING.config, temperature=1.0, remat=False, logprob=implementation, **update.CLIP)
    close(gradient(loss), plain)


@pytest.mark.parametrize("module", [attention, logprob])
def test_both_implementations_of_a_kernel_agree(module):
    arrays = module.make_arrays(SETTING)
    arrays = (arrays,) if isinstance(arrays, dict) else arrays
    ours, plain = (jax.jit(module._value_and_gradient(name))(*arrays) for name in ("xla", "reference"))
    close(ours, plain, 1e-4)


def test_inputs_have_the_type_asked_for():
    setting = dataclasses.replace(SETTING, dtype="bfloat16")
    _, frozen, batch = update.make_inputs(setting)
    assert frozen.params["embed"].dtype == "bfloat16" and batch.cells.max() <= 15
    assert logprob.make_arrays(setting)[0].dtype == attention.make_arrays(setting)["completion"][0].dtype == "bfloat16"


def test_a_supervised_step_trains_on_the_responses_alone():
    batch = sft.make_rows(SETTING)
    assert batch.tokens.shape == batch.loss_mask.shape == (6, 12)
    assert batch.loss_mask.sum(axis=1).tolist() == [5] * 6 and not batch.loss_mask[:, :7].any()
    suite = sft.build(dataclasses.replace(SETTING, suite="sft", repeats=1), ("plain",))
    assert [case.name for case in suite.cases] == ["ours", "plain"] and suite.useful_flops > 0
