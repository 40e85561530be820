"""The gradients of two halves of a step's groups against `term_gradient` on each half."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest
from tiny import CONFIG, grpo_batch, lora, params, sft_batch

from alignment.adapters.stack import Stack, make_stack
from alignment.config import default_config
from alignment.errors import UserError
from alignment.parallel.data_parallel import choose_devices, compile_step, place_frozen
from alignment.training.batches import minibatch
from alignment.training.checks import check_grpo
from alignment.training.losses import make_grpo_loss, make_sft_loss
from alignment.training.power import step_and_measure
from alignment.training.state import Frozen, init_state
from alignment.training.step import Tally, Term, make_step, term_gradient

KEY = jax.random.key(5)
OPTIMIZER = optax.sgd(1e-2)
NOTHING = Frozen({}, Stack(), Stack())


def toy_loss(per_token):
    """A loss of the tokens' ids and advantages that is quadratic in the adapter, divided by tokens or by responses."""

    def loss(lora, frozen, batch, key):
        weight = jax.tree.reduce(jnp.add, jax.tree.map(lambda leaf: leaf.sum(), lora.modules))
        spread = sum(jnp.sin(jnp.arange(leaf.size)) @ leaf.ravel() for leaf in jax.tree.leaves(lora.modules))
        mask = batch.mask.astype(jnp.float32)
        value = batch.advantages[..., None] * weight + 0.1 * batch.completions * spread + 0.01 * spread**2
        count = mask.sum() if per_token else jnp.float32(mask.shape[0] * mask.shape[1])
        return (value * mask).sum(), Tally(count, {"tokens": mask.sum()}, {})

    return loss


def dot(left, right):
    return sum(float(jnp.vdot(a, b)) for a, b in zip(*map(jax.tree.leaves, (left, right)), strict=True))


def check(terms, frozen, batches, adapter):
    """g = (g_1 + g_2) / 2, each half from its groups alone; the products agree to float32's rounding of the norms."""
    placement = choose_devices(count=1)
    run = compile_step(lambda axis: make_step(terms, OPTIMIZER, axis), placement)
    placed = place_frozen(frozen, placement)
    state, metrics, power = step_and_measure(run, init_state(adapter, OPTIMIZER, KEY), placed, batches)
    plain, plain_metrics = run(init_state(adapter, OPTIMIZER, KEY), placed, batches)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), state.lora, plain.lora))
    assert metrics == plain_metrics
    gradient = jax.jit(partial(term_gradient, terms[0]))
    halves = [gradient(adapter, frozen, minibatch(batches["grpo"], index, 2), KEY) for index in range(2)]
    scale = 2 / float(halves[0].tally.count + halves[1].tally.count)
    first, second = (jax.tree.map(lambda leaf: scale * leaf, half.modules) for half in halves)
    size = dot(first, first) + dot(second, second)
    assert power["power/dot"] == pytest.approx(dot(first, second), abs=1e-5 * size)
    assert power["power/first"] == pytest.approx(dot(first, first), rel=1e-5)
    assert power["power/second"] == pytest.approx(dot(second, second), rel=1e-5)
    assert power["power/completions"] == 12.0


@pytest.mark.parametrize("per_token", [True, False])
def test_the_halves_are_those_of_the_gradient_and_the_step_is_unchanged(per_token):
    check((Term("grpo", toy_loss(per_token)),), NOTHING, {"grpo": grpo_batch()}, lora(2, targets=("q_proj",)))


@pytest.mark.ci
def test_the_halves_of_a_joint_stage_are_those_of_its_groups():
    reasoning = make_stack({"reasoning": lora(1)})
    loss = make_grpo_loss(CONFIG, temperature=0.8, beta=0.05, remat=False, loss="dapo", clip_low=0.2, clip_high=0.2)
    terms = (Term("grpo", loss), Term("sft", make_sft_loss(CONFIG, remat=False), weight=0.5))
    check(terms, Frozen(params(), reasoning, reasoning), {"grpo": grpo_batch(), "sft": sft_batch()}, lora(2))


def test_an_odd_number_of_prompts_is_refused():
    grpo = default_config().grpo
    grpo.update(prompts=6, minibatches=2, power_every=5)
    with pytest.raises(UserError, match=r"--config\.grpo\.power_every=5 .* which has 3: make"):
        check_grpo(grpo, 1)
    grpo.power_every = 0
    check_grpo(grpo, 1)
