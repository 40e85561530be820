"""Losses of judgements on responses: the Bradley-Terry model with ties, and thumbs.

A pair has the margin d = s(first) - s(second) of two scores. Bradley & Terry (1952) give the first P = sigma(d).
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def preference_loss(margin: jax.Array) -> jax.Array:
    """-log sigma(d) for margins d = s(preferred) - s(other) [N]."""
    chex.assert_rank(margin, 1)
    return jax.nn.softplus(-margin)


def tie_loss(margin: jax.Array) -> jax.Array:
    """-1/2 log(4 sigma(d) sigma(-d)) = log cosh(d / 2) for the margins d [N] of pairs judged equal.

    Quark (2602.11661) is quoted with -log sigma(|d|) for ties, which falls with |d| and pushes equals apart: that
    cannot be intended. Of two repairs, both 0 at d = 0 and rising from there, -log(2 sigma(-|d|)) has a kink at 0 and a
    slope of 1/2 on either side of it, so that a gradient never settles there; this one is smooth, with slope
    tanh(d / 2) / 2, and is what cross-entropy with the label 1/2 would add. A reconstruction.
    """
    chex.assert_rank(margin, 1)
    return 0.5 * (jax.nn.softplus(margin) + jax.nn.softplus(-margin)) - jnp.log(2.0)


def thumb_loss(score: jax.Array, up: jax.Array) -> jax.Array:
    """-log sigma(s) for a thumb up and -log sigma(-s) for one down; scores [N], `up` [N] of 0 and 1."""
    chex.assert_equal_shape((score, up))
    return jax.nn.softplus(jnp.where(up > 0.5, -score, score))
