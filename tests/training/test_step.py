"""One optimiser step: who gets a gradient, and what must not change it."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import CONFIG, grpo_batch, lora, params, sft_batch

from alignment.adapters.stack import make_stack, push
from alignment.parallel.data_parallel import choose_devices, compile_step, place_frozen
from alignment.training.losses import completion_log_probs, make_grpo_loss, make_sft_loss
from alignment.training.state import Frozen, init_state
from alignment.training.step import Term, make_step, term_gradient

LOSSES = {
    "sft": make_sft_loss(CONFIG, remat=False),
    "grpo": make_grpo_loss(CONFIG, temperature=0.8, clip_low=0.2, clip_high=0.2, beta=0.1, remat=False),
}
BATCHES = {"sft": sft_batch, "grpo": grpo_batch}
KEY = jax.random.key(5)


def frozen():
    reasoning = make_stack({"reasoning": lora(1)})
    return Frozen(params(), reasoning, reasoning)


@functools.partial(jax.jit, static_argnames=("name", "parts"))
def _gradient(name, parts, trainable, still, batch, key):
    return term_gradient(Term(name, LOSSES[name], micro_batches=parts), trainable, still, batch, key)


def gradient(name, parts=1, batch=None, trainable=None):
    return _gradient(name, parts, trainable or lora(2), frozen(), batch or BATCHES[name](), KEY)


def assert_close(left, right, rel=1e-5):
    """Relative to the largest entry of each array.

    A sum over the 100 trained tokens of a batch in another order moves sqrt(100) 2^-24 = 6e-7 of its terms' size, which
    is at most a few times the sum's largest entry.
    """
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        scale = float(jnp.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=rel * max(scale, 1e-6))


# Each case compiles two programs; plain `pytest` takes one.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.ci) if name != "grpo" else name for name in LOSSES]
)
@pytest.mark.parametrize("parts", [4, *(pytest.param(parts, marks=pytest.mark.ci) for parts in (2, 8))])
def test_micro_batches_change_nothing(name, parts):
    whole, cut = gradient(name), gradient(name, parts)
    assert_close(cut.modules, whole.modules)
    assert_close((cut.total, cut.tally), (whole.total, whole.tally))


@pytest.mark.parametrize("name", LOSSES)
def test_batch_order_changes_nothing(name):
    batch = BATCHES[name]()
    turned = jax.tree.map(lambda leaf: leaf[::-1], batch)
    assert_close(gradient(name, batch=turned).modules, gradient(name, batch=batch).modules)


@pytest.mark.ci
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_eight_devices_give_one_devices_gradients(name, mode):
    """Plain gradient descent at rate 1: the change of the adapter is minus the mean gradient."""
    term = Term(name, LOSSES[name])
    single = gradient(name)
    wanted = jax.tree.map(lambda leaf: leaf / single.tally.count, single.modules)
    optimizer = optax.sgd(1.0)
    placement = choose_devices(mode, 8)
    run = compile_step(lambda axis: make_step((term,), optimizer, axis), placement)
    state = init_state(lora(2), optimizer, KEY)
    start = jax.device_get(state.lora.modules)
    after, metrics = run(state, place_frozen(frozen(), placement), {name: BATCHES[name]()})
    moved = jax.tree.map(lambda old, new: old - np.asarray(new), start, after.lora.modules)
    # A parameter below 2 less its gradient is rounded by 2^-24, half a unit in its last place; twice that.
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(start)) < 2
    for got, want in zip(jax.tree.leaves(moved), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-5 * float(jnp.abs(want).max()) + 2**-23)
    assert float(metrics["loss"]) == pytest.approx(float(single.total / single.tally.count), rel=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_devices_sum_gradients_and_counts_exactly_as_one(mode):
    """The gradient itself, not a difference of parameters: start from zero so that nothing is lost to rounding."""
    term = Term("grpo", LOSSES["grpo"])
    zero = jax.tree.map(jnp.zeros_like, lora(2).modules)
    begin = lambda _: jax.tree.map(jnp.copy, zero)  # noqa: E731 (the step donates it)
    keep = optax.GradientTransformation(begin, lambda grads, state, params=None: (zero, grads))
    gradients = {}
    for devices in (1, 8):
        placement = choose_devices(mode, devices)
        run = compile_step(lambda axis: make_step((term,), keep, axis), placement)
        state, _ = run(init_state(lora(2), keep, KEY), place_frozen(frozen(), placement), {"grpo": grpo_batch()})
        gradients[devices] = jax.device_get(state.opt_state)
    assert_close(gradients[8], gradients[1])


@pytest.mark.parametrize("name", LOSSES)
def test_only_the_adapter_in_training_ever_changes(name):
    """Base, frozen adapter and reference are the same bits after 20 steps; the trainable adapter is not."""
    optimizer = optax.adam(1e-2)
    run = jax.jit(make_step((Term(name, LOSSES[name]),), optimizer))
    still, state = frozen(), init_state(lora(2), optimizer, KEY)
    before, start = jax.device_get(still), jax.device_get(state.lora.modules)
    for seed in range(20):
        state, _ = run(state, still, {name: BATCHES[name](seed)})
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(still), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(
        np.any(old != new) for old, new in zip(jax.tree.leaves(start), jax.tree.leaves(state.lora.modules), strict=True)
    )
    assert int(state.step) == 20


@pytest.mark.ci
@pytest.mark.parametrize("name", LOSSES)
def test_base_and_frozen_adapters_get_no_gradient(name):
    """Differentiated on purpose, the frozen arguments would have one; the step differentiates the adapter alone."""

    def loss(still):
        return LOSSES[name](lora(2), still, BATCHES[name](), KEY)[0]

    reachable = jax.jit(jax.grad(loss))(frozen())
    assert any(np.any(leaf) for leaf in jax.tree.leaves(reachable.under))  # so the absence below means something
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(reachable.reference))
    assert set(gradient(name).modules) == set(lora(2).modules)


def test_a_fresh_reward_adapter_starts_at_the_reference():
    """Ratio 1 exactly, and KL 0 up to rounding: in a compiled step, XLA fuses policy and reference differently."""
    batch = grpo_batch().replace(old_log_prob=None)
    out = gradient("grpo", batch=batch, trainable=lora(2, trained=False))
    tokens = float(out.tally.sums["tokens"])
    assert abs(float(out.tally.sums["kl/mean"])) / tokens < 1e-10
    assert float(out.tally.sums["ratio/mean"]) == tokens
    assert float(out.tally.maxima["ratio/max"]) == 1.0


@pytest.mark.ci
def test_completion_log_probs_are_those_of_plain_sequences():
    from alignment.models.qwen2 import hidden_states, logits

    batch, stack = grpo_batch(), push(frozen().under, "reward", lora(2))
    got = jax.jit(functools.partial(completion_log_probs, config=CONFIG, temperature=0.8))(params(), stack, batch)
    plain = jax.jit(
        lambda rows: jax.nn.log_softmax(logits(params(), hidden_states(params(), CONFIG, rows, stack)) / 0.8)
    )
    cells, width = list(np.ndindex(*batch.completions.shape[:2])), batch.prompts.shape[1]
    lengths = [int(batch.prompt_mask[p].sum()) for p, _ in cells]
    rows = [
        jnp.concatenate([batch.prompts[p, :length], batch.completions[p, g], jnp.zeros(width - length, int)])
        for (p, g), length in zip(cells, lengths, strict=True)
    ]
    for (p, g), length, scores in zip(cells, lengths, plain(jnp.stack(rows)), strict=True):
        want = scores[length - 1 : length + 5]
        # Logits up to 8 after two layers: 26 roundings of 2^-24 each way (tiny.py) are 2.5e-5.
        np.testing.assert_allclose(got.log_prob[p, g], want[jnp.arange(6), batch.completions[p, g]], atol=1e-4)
        np.testing.assert_allclose(got.entropy[p, g], -(jnp.exp(want) * want).sum(axis=-1), atol=1e-4)


@pytest.mark.ci
def test_a_joint_stage_adds_two_means():
    terms = (Term("grpo", LOSSES["grpo"]), Term("sft", LOSSES["sft"], weight=0.3))
    zero = jax.tree.map(jnp.zeros_like, lora(2).modules)
    keep = optax.GradientTransformation(lambda _: zero, lambda grads, state, params=None: (zero, grads))
    batches = {name: BATCHES[name]() for name in LOSSES}
    state, metrics = jax.jit(make_step(terms, keep))(init_state(lora(2), keep, KEY), frozen(), batches)
    alone = {name: gradient(name) for name in LOSSES}
    means = {
        name: jax.tree.map(lambda leaf, n=name: leaf / alone[n].tally.count, alone[name].modules) for name in LOSSES
    }
    assert_close(state.opt_state, jax.tree.map(lambda a, b: a + 0.3 * b, means["grpo"], means["sft"]))
    assert {"nll", "kl/mean", "grad_norm", "loss/grpo", "loss/sft"} <= set(metrics)


@pytest.mark.ci
def test_dropout_is_on_in_sft_and_off_in_grpo():
    dropped = lora(2, dropout=0.5)
    assert float(gradient("sft", trainable=dropped).total) != float(gradient("sft").total)
    assert float(gradient("grpo", trainable=dropped).total) == float(gradient("grpo").total)
