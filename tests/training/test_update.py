"""The GRPO update against the plain path: every sample a whole sequence of its own, full logits, log-softmax."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import make_stack, push
from alignment.models.packing import pack_cells
from alignment.models.qwen2 import group_hidden_states, hidden_states, init_params, logits
from alignment.objectives.family import LOSSES
from alignment.objectives.policy import LossConfig, Tokens, policy_loss
from alignment.parallel.data_parallel import choose_devices, compile_step, place_frozen
from alignment.training.batches import GrpoBatch
from alignment.training.losses import completion_log_probs, make_grpo_loss
from alignment.training.state import Frozen, init_state
from alignment.training.step import Term, make_step, term_gradient

KEY = jax.random.key(5)
CLIP = {"clip_low": 0.2, "clip_high": 0.2}
TEMPERATURE = 0.8
PROMPT_LENGTHS = (5, 8, 1, 7)
LENGTHS = np.array([[16, 3, 1], [9, 16, 2], [1, 1, 1], [4, 12, 7]])


def frozen():
    reasoning = make_stack({"reasoning": lora(1)})
    return Frozen(params(), reasoning, reasoning)


@pytest.fixture(scope="module")
def batch():
    """Mixed lengths, with a prompt of one token, completions of one token, and noise in all padding."""
    rng = np.random.default_rng(0)
    tokens, prompt_mask = prompts(lengths=PROMPT_LENGTHS)
    shape = (*LENGTHS.shape, LENGTHS.max())
    made = GrpoBatch(
        prompts=jnp.where(prompt_mask, tokens, 50),
        prompt_mask=prompt_mask,
        completions=jnp.asarray(rng.integers(3, CONFIG.vocab_size, shape)),
        mask=jnp.asarray(np.arange(shape[2]) < LENGTHS[..., None]),
        log_prob=jnp.asarray(-rng.random(shape), jnp.float32),
        advantages=jnp.asarray(rng.normal(size=shape[:2]), jnp.float32),
    )
    # Old log-probabilities around the current ones, so that some ratios are clipped and others are not.
    now = completion_log_probs(
        params(), push(frozen().under, "reward", lora(2)), made, config=CONFIG, temperature=TEMPERATURE
    )
    return made.replace(old_log_prob=now.log_prob + jnp.asarray(0.3 * rng.normal(size=shape), jnp.float32))


@pytest.fixture(scope="module")
def cells(batch):
    """Packed as in training, into a row that no prompt fills."""
    return jnp.asarray(pack_cells(np.asarray(batch.mask), 26))  # 9 + 16 + 2 - 3 = 24 tokens in the fullest


def plain_log_probs(stack, batch):
    """[P, G, Lc] from sequences without padding between prompt and completion, each computed from its first token."""
    groups, samples, length = batch.completions.shape
    rows = jnp.zeros((groups, samples, batch.prompts.shape[1] + length), int)
    for p, head in enumerate(PROMPT_LENGTHS):
        rows = rows.at[p, :, :head].set(batch.prompts[p, :head])
        rows = rows.at[p, :, head : head + length].set(batch.completions[p])
    hidden = hidden_states(params(), CONFIG, rows.reshape(groups * samples, -1), stack)
    scores = jax.nn.log_softmax(logits(params(), hidden) / TEMPERATURE).reshape(*rows.shape, -1)
    completion_scores = jnp.stack([scores[p, :, head - 1 : head - 1 + length] for p, head in enumerate(PROMPT_LENGTHS)])
    return jnp.take_along_axis(completion_scores, batch.completions[..., None], axis=3)[..., 0]


@functools.partial(jax.jit, static_argnames="beta")
def plain_gradient(batch, beta, modules):
    still = frozen()

    def loss(modules):
        policy = push(still.under, "reward", lora(2).replace(modules=modules))
        flat = functools.partial(jnp.reshape, shape=(-1, batch.mask.shape[2]))
        now, mask = flat(plain_log_probs(policy, batch)), flat(batch.mask)
        old = jax.lax.stop_gradient(now) if batch.old_log_prob is None else flat(batch.old_log_prob)
        ref = flat(plain_log_probs(still.reference, batch)) if beta else None
        tokens = Tokens(now, old, batch.advantages.reshape(-1), mask, ref)
        return policy_loss(tokens, LOSSES["grpo"], LossConfig(beta=beta, **CLIP)).total

    return jax.value_and_grad(loss)(modules)


def update_gradient(batch, beta, parts=1, remat=False):
    loss = make_grpo_loss(CONFIG, temperature=TEMPERATURE, beta=beta, remat=remat, **CLIP)
    run = jax.jit(functools.partial(term_gradient, Term("grpo", loss, micro_batches=parts)))
    return run(lora(2), frozen(), batch, KEY)


def assert_same(got, want, rel=1e-5):
    """Relative to the largest entry of each array.

    Forward and backward pass are sqrt(3 x 2 x 7 x 48) = 45 roundings of 2^-24 of a token's share, 2.7e-6, which partly
    cancel over the 78 tokens.
    """
    for left, right in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        scale = float(jnp.abs(right).max())
        assert scale > 1e-4
        np.testing.assert_allclose(left, right, rtol=0, atol=rel * scale)


@pytest.mark.ci
@pytest.mark.parametrize(("beta", "several"), [(0.0, False), (0.1, True)])
def test_gradients_are_those_of_the_plain_path(batch, cells, beta, several):
    """One update a rollout without a reference, and several with one; packed, in pieces, and recomputed."""
    dense = batch if several else batch.replace(old_log_prob=None)
    total, want = plain_gradient(dense, beta, lora(2).modules)
    cut = {"parts": 2} if several else {"parts": 4, "remat": True}
    packed = dense.replace(cells=cells)
    for batch, options in ((dense, {}), (packed, {}), (packed, cut)):
        got = update_gradient(batch, beta, **options)
        assert_same(got.modules, want)
        assert float(got.total) == pytest.approx(float(total), rel=1e-5)


@pytest.mark.ci
def test_packing_changes_no_metric(batch, cells):
    dense, packed = update_gradient(batch, 0.1), update_gradient(batch.replace(cells=cells), 0.1)
    assert float(dense.tally.sums["ratio/mean"]) != float(dense.tally.sums["tokens"])
    for left, right in zip(jax.tree.leaves(packed.tally), jax.tree.leaves(dense.tally), strict=True):
        # Sums over 78 tokens of log-probabilities up to 8, each off by up to 26 roundings of 2^-24 (tiny.py), 1.3e-5.
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-4)


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["jit", "pmap"])
def test_packed_rows_are_cut_over_devices(batch, cells, mode):
    """The gradient itself comes out as the optimiser's state: start from zero so that nothing is lost to rounding."""
    term = Term("grpo", make_grpo_loss(CONFIG, temperature=TEMPERATURE, beta=0.1, remat=False, **CLIP))
    zero = jax.tree.map(jnp.zeros_like, lora(2).modules)
    keep = optax.GradientTransformation(lambda _: zero, lambda grads, state, params=None: (zero, grads))
    placement = choose_devices(mode, 2)
    run = compile_step(lambda axis: make_step((term,), keep, axis), placement)
    packed = batch.replace(cells=cells)
    state, _ = run(init_state(lora(2), keep, KEY), place_frozen(frozen(), placement), {"grpo": packed})
    whole = update_gradient(packed, 0.1)
    assert_same(state.opt_state, jax.tree.map(lambda leaf: leaf / whole.tally.count, whole.modules))


def flops(run, *arguments):
    """Operations of the program as traced; a loop's body counts once, on both sides of a comparison."""
    return jax.jit(run).lower(*arguments).cost_analysis()["flops"]


def test_short_completions_cost_less(batch, cells):
    """Half of the cells are packed; the prompt, attention and the first tokens cost what they cost."""

    def run(batch):
        return completion_log_probs(params(), frozen().under, batch, config=CONFIG, temperature=1.0).log_prob

    assert flops(run, batch.replace(cells=cells)) < 0.75 * flops(run, batch)


def test_one_update_a_rollout_without_penalty_is_one_pass(batch):
    """No pass for old log-probabilities, and none for the reference unless beta asks for it."""

    def run(beta):
        loss = make_grpo_loss(CONFIG, temperature=1.0, beta=beta, remat=False, **CLIP)
        return lambda lora, batch: loss(lora, frozen(), batch, KEY)[0]

    def one_pass(lora, batch):
        stack = push(frozen().under, "reward", lora)
        return completion_log_probs(params(), stack, batch, config=CONFIG, temperature=1.0).log_prob.sum()

    batch = batch.replace(old_log_prob=None)
    once = flops(one_pass, lora(2), batch)
    assert flops(run(0.0), lora(2), batch) < 1.1 * once
    assert flops(run(0.1), lora(2), batch) > 1.5 * once


@pytest.mark.ci
def test_frozen_weights_are_not_kept_a_second_time():
    """Layers walked by index must not leave their weights behind for the backward pass: 32 layers of 110 kB here."""
    config = CONFIG.replace(num_hidden_layers=32, hidden_size=64, intermediate_size=128, head_dim=16)
    weights, adapter = init_params(config, KEY), lora(2, rank=16, config=config)
    held, factors = (
        sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) for tree in (weights["layers"], adapter.modules)
    )
    tokens = jnp.ones((1, 2), int)

    def loss(modules, weights):
        stack = make_stack({"reward": adapter.replace(modules=modules)})
        _, completion_states = group_hidden_states(weights, config, tokens, tokens > 0, tokens[None], stack)
        return completion_states.sum()

    memory = jax.jit(jax.grad(loss)).lower(adapter.modules, weights).compile().memory_analysis()
    assert memory.temp_size_in_bytes < held / 2 + 2 * factors  # factors lie in blocks of ranks, as do their gradients
