from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.objectives.preference import preference_loss, thumb_loss, tie_loss

# Six digits are written, so half of 1e-6; float32 numbers up to 2 are rounded by 1.2e-7 a few times.
WRITTEN = 2e-6


def kinked(margin):
    """The other repair of the tie loss, -log(2 sigma(-|d|))."""
    return -math.log(2 / (1 + math.exp(abs(margin))))


def test_golden_preference():
    np.testing.assert_allclose(
        preference_loss(jnp.array([0.0, 1.0, -1.0, 60.0])), [0.693147, 0.313262, 1.313262, 0.0], atol=WRITTEN
    )


def test_golden_tie():
    """log cosh(d / 2): 0, log cosh 1 and log cosh 2."""
    np.testing.assert_allclose(
        tie_loss(jnp.array([0.0, 2.0, -2.0, 4.0])), [0, 0.433781, 0.433781, 1.325003], atol=WRITTEN
    )


def test_golden_thumbs():
    loss = thumb_loss(jnp.array([1.0, 1.0, -2.0]), jnp.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(loss, [0.313262, 1.313262, 0.126928], atol=WRITTEN)


def test_gradients_by_hand():
    slope = jax.vmap(jax.grad(lambda d: tie_loss(d[None])[0]))(jnp.array([0.0, 2.0, -2.0]))
    np.testing.assert_allclose(slope, [0.0, 0.380797, -0.380797], atol=WRITTEN)  # tanh(d / 2) / 2
    assert float(jax.grad(lambda d: preference_loss(d[None])[0])(0.0)) == pytest.approx(-0.5)


def test_the_tie_loss_draws_equals_together_and_the_printed_one_pushes_them_apart():
    printed = jax.grad(lambda d: -jax.nn.log_sigmoid(jnp.abs(d)))
    ours = jax.grad(lambda d: tie_loss(d[None])[0])
    assert float(ours(1.0)) > 0 > float(printed(1.0))


@given(st.floats(-20, 20))
def test_the_tie_loss_is_even_least_at_0_and_below_the_kinked_one(margin):
    loss, mirrored = (float(tie_loss(jnp.array([d]))[0]) for d in (margin, -margin))
    # Numbers up to 20 are rounded by 1e-6 in float32.
    assert loss == pytest.approx(mirrored, abs=1e-5) and loss >= -1e-6
    assert loss <= kinked(margin) + 1e-5
    # The excess over log 2 of the cross-entropy with the label 1/2.
    half = 0.5 * (math.log1p(math.exp(-margin)) + math.log1p(math.exp(margin))) - math.log(2)
    assert loss == pytest.approx(half, abs=1e-5)


def test_large_margins_stay_finite():
    far = jnp.array([1e4, -1e4])
    assert all(np.isfinite(np.asarray(loss(far))).all() for loss in (preference_loss, tie_loss))
