"""The wired induction pair: before any training, a text that repeats goes on as it did before."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.models.config import from_hf
from alignment.models.induction import wire_induction
from alignment.models.qwen2 import hidden_states, init_params, logits
from alignment.pretrain_nano import Recipe, model_fields

CONFIG = from_hf(model_fields(Recipe(), (2, 0)))
PERIOD = 60


@pytest.mark.ci
def test_random_strings_are_continued_without_training():
    """Chance is 1 in 2,560; the wired pair, which nothing has trained yet, gets about every fourth token right."""
    plain = init_params(CONFIG, jax.random.key(0), jnp.float32, Recipe().init_std)
    once = np.random.default_rng(0).integers(0, CONFIG.vocab_size, (8, PERIOD))
    tokens = jnp.asarray(np.concatenate([once, once], axis=1))

    @jax.jit
    def share_continued(params):
        likeliest = logits(params, hidden_states(params, CONFIG, tokens)).argmax(-1)
        return (likeliest[:, PERIOD:-1] == tokens[:, PERIOD + 1 :]).mean()

    assert share_continued(plain) < 0.02
    assert share_continued(wire_induction(plain, CONFIG, jax.random.key(1))) > 0.15


@pytest.mark.ci
def test_only_the_first_head_of_two_layers_and_the_residual_outputs_differ():
    plain = init_params(CONFIG, jax.random.key(0), jnp.float32, Recipe().init_std)
    wired = wire_induction(plain, CONFIG, jax.random.key(1))
    head = CONFIG.head_dim
    for name in ("q_proj", "k_proj", "v_proj"):
        before, after = plain["layers"][name]["w"], wired["layers"][name]["w"]
        np.testing.assert_array_equal(before[:, :, head:], after[:, :, head:])
        np.testing.assert_array_equal(before[2:], after[2:])
        assert not np.array_equal(before[:2, :, :head], after[:2, :, :head])
    assert not wired["layers"]["down_proj"]["w"].any()
    assert not wired["layers"]["o_proj"]["w"][:, head:].any()
    assert jax.tree.structure(plain) == jax.tree.structure(wired)
