from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.objectives.family import LOSSES
from alignment.objectives.kl import k3
from alignment.objectives.policy import LossConfig, Tokens, policy_loss
from alignment.objectives.sft import sft_loss

CLIP = {"clip_low": 0.2, "clip_high": 0.2}


def grpo_loss(log_prob, old_log_prob, ref_log_prob, advantages, mask, **constants):
    tokens = Tokens(log_prob, old_log_prob, advantages, mask, ref_log_prob)
    return policy_loss(tokens, LOSSES["grpo"], LossConfig(**constants))


def test_k3_by_hand():
    """d = +-0.5: exp(.5) - 1.5 = .148721 and exp(-.5) - .5 = .106531; equal policies give 0.

    Six digits are written, so half of 1e-6, and float32 rounds numbers of about 1.6 by 1e-7 a few times.
    """
    got = k3(jnp.zeros(3), jnp.array([0.5, -0.5, 0.0])).value
    np.testing.assert_allclose(got, [0.148721, 0.106531, 0.0], atol=2e-6)


def test_k3_clamps_are_counted():
    penalty = k3(jnp.zeros(4), jnp.array([3.0, 30.0, -30.0, 1.0]))
    np.testing.assert_allclose(penalty.value, [10.0, 10.0, 10.0, np.e - 2], rtol=1e-6)
    np.testing.assert_array_equal(penalty.clamped, [True, True, True, False])


def test_loss_by_hand():
    """Two responses, the second half masked.

    ratios 1.5 and 0.5 with A = 1: min(1.5, 1.2) = 1.2 and min(.5, .8) = .5: mean over tokens .85
    ratio 1.5 with A = -2: min(-3, -2.4) = -3 over its single token. Loss: -.85 + 3 = 2.15 over 2 responses.
    """
    ratios = jnp.array([[1.5, 0.5], [1.5, 9.0]])
    mask = jnp.array([[True, True], [True, False]])
    out = grpo_loss(jnp.log(ratios), jnp.zeros((2, 2)), None, jnp.array([1.0, -2.0]), mask, beta=0.0, **CLIP)
    assert float(out.total) == pytest.approx(2.15, abs=2e-6)  # a dozen roundings of numbers up to 3, 1.2e-7 each
    assert float(out.count) == 2
    assert {name: float(value) for name, value in out.sums.items()} == pytest.approx(
        {"ratio/mean": 3.5, "clip/low": 0, "clip/high": 1, "clip/log_ratio": 0, "tokens": 3}
    )
    assert float(out.maxima["ratio/max"]) == pytest.approx(1.5)


def test_kl_is_a_per_token_term():
    zeros = jnp.zeros((1, 2))
    out = grpo_loss(zeros, zeros, jnp.array([[0.5, -0.5]]), jnp.zeros(1), jnp.ones((1, 2), bool), beta=0.1, **CLIP)
    assert float(out.total) == pytest.approx(0.1 * (0.148721 + 0.106531) / 2, abs=1e-6)


def test_gradient_against_finite_differences():
    rng = np.random.default_rng(0)
    old, ref = (jnp.asarray(rng.normal(-2, 0.1, (3, 4)), jnp.float32) for _ in range(2))
    now = old + jnp.asarray(rng.normal(0, 0.3, (3, 4)), jnp.float32)
    mask = jnp.asarray(rng.random((3, 4)) < 0.7).at[:, 0].set(True)

    def loss(log_prob):
        return grpo_loss(log_prob, old, ref, jnp.array([1.0, -0.5, 0.2]), mask, beta=0.3, **CLIP).total

    gradient = jax.grad(loss)(now)
    for index in np.ndindex(3, 4):
        nudge = jnp.zeros((3, 4)).at[index].set(1e-2)
        numeric = (loss(now + nudge) - loss(now - nudge)) / 2e-2
        # The step leaves 1e-4 of curvature / 6, and a loss of about 1 in float32 is known to 1e-7 / 1e-2.
        assert float(gradient[index]) == pytest.approx(float(numeric), abs=2e-3)


def test_an_on_policy_step_has_the_policy_gradient():
    """At ratio 1 the gradient is -A / n for every token, and masked tokens get none."""
    log_prob = jnp.full((2, 2), -1.0)
    mask = jnp.array([[True, True], [True, False]])

    def loss(x):
        return grpo_loss(x, jax.lax.stop_gradient(x), None, jnp.array([1.0, -1.0]), mask, beta=0.0, **CLIP).total

    np.testing.assert_allclose(jax.grad(loss)(log_prob), [[-0.5, -0.5], [1.0, 0.0]], atol=1e-6)


def test_an_empty_response_counts_and_adds_nothing():
    zeros = jnp.zeros((2, 2))
    out = grpo_loss(zeros, zeros, None, jnp.ones(2), jnp.array([[True, True], [False, False]]), beta=0.0, **CLIP)
    assert (float(out.total), float(out.count)) == (-1.0, 2.0)


def test_a_huge_log_ratio_is_clamped_and_counted():
    out = grpo_loss(
        jnp.array([[30.0]]), jnp.zeros((1, 1)), None, -jnp.ones(1), jnp.ones((1, 1), bool), beta=0.0, **CLIP
    )
    assert np.isfinite(out.total)
    assert float(out.sums["clip/log_ratio"]) == 1


def test_sft_is_a_sum_and_a_count():
    total, count = sft_loss(jnp.array([[-1.0, -2.0], [-4.0, -8.0]]), jnp.array([[True, True], [True, False]]))
    assert (float(total), float(count)) == (7.0, 3.0)
