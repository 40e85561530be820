"""The way of a reward stage: the change of the weights by hand, the KL of the rollout and the held-out loss."""

from __future__ import annotations

import datasets
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, grpo_batch, lora, params

from alignment.adapters.compose import merge, update_norm
from alignment.adapters.stack import Stack, make_stack
from alignment.config import default_config
from alignment.data.tokens import Examples
from alignment.parallel.data_parallel import choose_devices
from alignment.training.drift import Texts, change, is_measured, make_drift, text_batches
from alignment.training.options import TrainingOptions
from alignment.training.state import Frozen

NAMES = ("q_proj", "down_proj")


def moved(adapter, by):
    keys = iter(jax.random.split(jax.random.key(9), 100))
    return adapter.replace(
        modules=jax.tree.map(lambda leaf: leaf + by * jax.random.normal(next(keys), leaf.shape), adapter.modules)
    )


def added(stack):
    """What a stack adds to the weights, in float64 from `merge` on weights of zero."""
    zeros = jax.tree.map(jnp.zeros_like, params())
    layers = merge(zeros, stack)["layers"]
    return np.concatenate([np.asarray(layers[name]["w"], np.float64).ravel() for name in (*NAMES, "o_proj")])


def test_the_norm_of_a_stack_is_that_of_what_it_adds_to_the_weights():
    stack = make_stack({"a": lora(1, targets=NAMES), "b": lora(2, targets=("q_proj", "o_proj"))}, {"b": 0.5})
    assert float(update_norm(stack)) == pytest.approx(np.linalg.norm(added(stack)), rel=1e-5)
    assert float(update_norm(Stack())) == 0.0


@pytest.mark.parametrize("by", [0.1, 1e-5])
def test_a_small_change_of_the_weights_is_not_rounded_away(by):
    """Against the products in float64; a change of 1e-5 has 1e-5 / 6e-8, some two digits, in float32 factors of 1."""
    start = lora(1, targets=NAMES)
    now = moved(start, by)
    exact = 0.0
    for name in NAMES:
        before, after = (
            np.matmul(*(np.asarray(side.modules[name][factor], np.float64) for factor in "ab")) for side in (start, now)
        )
        exact += np.sum((start.scale * (after - before)) ** 2)
    assert float(update_norm(change(start, now))) == pytest.approx(exact**0.5, rel=1e-2)
    assert float(update_norm(change(start, start))) == 0.0


def test_the_measured_steps_are_every_nth_from_the_first_on_and_the_last():
    grpo = default_config().grpo
    grpo.update(steps=9, power_every=3)
    assert [step for step in range(9) if is_measured(grpo, step)] == [0, 3, 6, 8]
    grpo.power_every = 0
    assert not any(is_measured(grpo, step) for step in range(9))


class Base:
    config, pad_id = CONFIG, 0


def holdout():
    rng = np.random.default_rng(0)
    lengths = (9, 12)
    ids = [rng.integers(3, CONFIG.vocab_size, length).tolist() for length in lengths]
    masks = [(np.arange(length) >= 4).astype(int).tolist() for length in lengths]
    return Examples(datasets.Dataset.from_dict({"ids": ids, "mask": masks}), np.array(lengths))


def longer():
    """Three examples, of other lengths than `holdout`."""
    ids = [[5] * length for length in (3, 7, 6)]
    masks = [[0] + [1] * (len(row) - 1) for row in ids]
    return Examples(datasets.Dataset.from_dict({"ids": ids, "mask": masks}), np.array([3, 7, 6]))


def test_two_texts_have_one_shape_and_padding_does_not_count():
    reasoning, retention = text_batches(Base, Texts(holdout(), longer()))
    (shape,) = {part.tokens.shape for part in (*reasoning, *retention)}
    assert shape[0] == 2 and len(reasoning) == 1 and len(retention) == 2
    assert sum(int(part.loss_mask.sum()) for part in retention) == 2 + 6 + 5
    nothing, (alone,) = text_batches(Base, Texts(None, longer()))
    assert nothing == [] and int(alone.loss_mask.sum()) == 13


@pytest.mark.ci
def test_the_held_out_loss_with_and_without_the_reward_adapter():
    """At the start an adapter that adds nothing changes nothing; without it the loss stays; the KL is that by hand."""
    grpo, batch = default_config().grpo, grpo_batch()
    grpo.update(steps=4, power_every=2, beta=0.0)
    reasoning = make_stack({"reasoning": lora(1)})
    start, now = lora(2, trained=False), lora(2)
    frozen = Frozen(params(), reasoning, reasoning)
    options = TrainingOptions(choose_devices(count=1))
    reference = batch.log_prob - 0.5
    drift = make_drift(Base, options, frozen, start, Texts(holdout(), holdout()), grpo, lambda stack, batch: reference)
    first, last = drift(start, batch, 0), drift(now, batch, 3)
    assert first["distance/weights"] == first["distance/weights_share"] == 0.0
    assert first["reasoning/nll"] == first["reasoning/nll_start"] == first["reasoning/nll_without_reward"]
    assert last["reasoning/nll_without_reward"] == first["reasoning/nll"] != last["reasoning/nll"]
    assert "reasoning/nll_start" not in last
    assert first["retention/nll"] == first["retention/nll_start"] == first["reasoning/nll"]
    assert last["retention/nll"] == last["reasoning/nll"]  # the same text
    assert last["distance/weights_share"] == pytest.approx(last["distance/weights"] / float(update_norm(reasoning)))
    assert last["kl/mean"] == pytest.approx(np.exp(-0.5) + 0.5 - 1, rel=1e-5)
    alone = make_drift(
        Base, options, frozen.replace(under=Stack()), start, Texts(), grpo, lambda stack, batch: reference
    )
    assert alone(now, batch, 0).keys() == {"distance/weights", "kl/mean", "kl/base", "time/measure"}
