"""The gradient with respect to the hidden states, computed in the forward pass.

    d log p_y / dh = ((1 - p_y) W_y - sum over v != y of p_v W_v) / temperature
    d lse     / dh = (p_y W_y + sum over v != y of p_v W_v) / temperature
    d entropy / dh = -(sum over v of p_v (log p_v + entropy) W_v) / temperature

The first two come from one array [T, D] gathered with the same sweep over the head that gives the values: 4 passes of
2 T D V operations in all, instead of 6 for recomputing the logits in the backward pass. The third needs a second sweep,
which runs only where a cotangent of the entropy reaches it; every implementation shares the chunked XLA one.

The head is meant to be frozen. Its gradient is exact as well, and takes another sweep in XLA,

    d loss / dW_v = sum over tokens of (d loss / dz_v) h / temperature, with, for cotangents a, b, c of the results,
    d loss / dz_v = a (1[v = y] - p_v) + b p_v - c p_v (log p_v + entropy)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from alignment.errors import UserError
from alignment.kernels.linear_logprob.online import Sweep, finish
from alignment.kernels.linear_logprob.types import LogProb


class Passes(NamedTuple):
    """The four passes over the head that values and gradients are made of.

    `sweep(hidden, head, targets, temperature, weighted, is_token)` gives a `Sweep`; it must accept targets outside
    [0, V), which match no word. `entropy_grad(hidden, head, out, temperature, is_token)` gives the sum of
    p_v (log p_v + entropy) W_v [T, D] float32, `target_rows(head, targets)` gives W_y [T, D], and
    `head_grad(hidden, head, targets, out, cotangents, temperature, is_token)` d loss / dW [V, D] float32, with
    `cotangents` a `LogProb` of arrays [T]. `is_token`, bool [V], is false at the words that have no share in the
    distribution; None where all have.
    """

    sweep: Callable[..., Sweep]
    entropy_grad: Callable[..., jax.Array]
    target_rows: Callable[..., jax.Array]
    head_grad: Callable[..., jax.Array]


class _Residuals(NamedTuple):
    hidden: jax.Array
    head: jax.Array
    targets: jax.Array
    temperature: jax.Array
    is_token: jax.Array | None
    out: LogProb
    one_minus_p: jax.Array
    weighted_rows: jax.Array
    head_perturbed: tuple  # ((),) where the head's gradient is needed, else (); static under tracing, unlike an array


def differentiable(passes: Passes) -> Callable[..., LogProb]:
    """Return `linear_logprob(hidden, head, targets, temperature, is_token=None)` made of `passes`.

    Without differentiation only the values are computed. All three results may be differentiated with respect to
    `hidden` and `head`, exactly. A derivative with respect to `temperature` raises `UserError`.
    """

    @jax.custom_vjp
    def run(hidden, head, targets, temperature, is_token):
        return finish(passes.sweep(hidden, head, targets, temperature, False, is_token)).out

    def forward(hidden, head, targets, temperature, is_token):
        if temperature.perturbed:
            raise UserError(
                "linear_logprob has no gradient for the temperature: stop the gradient there, "
                'or use implementation="reference", which has one'
            )
        arguments = tuple(argument.value for argument in (hidden, head, targets, temperature))
        is_token = None if is_token is None else is_token.value
        done = finish(passes.sweep(*arguments, True, is_token))
        head_perturbed = ((),) if head.perturbed else ()
        return done.out, _Residuals(
            *arguments, is_token, done.out, done.one_minus_p, done.weighted_rows, head_perturbed
        )

    def backward(saved, cotangents):
        hidden = _hidden_cotangent(passes, saved, cotangents).astype(saved.hidden.dtype)
        head = _head_cotangent(passes, saved, cotangents).astype(saved.head.dtype) if saved.head_perturbed else None
        return hidden, head, None, None, None

    run.defvjp(forward, backward, symbolic_zeros=True)

    def linear_logprob(hidden, head, targets, temperature, is_token=None):
        return run(hidden, head, targets, jnp.asarray(temperature, jnp.float32), is_token)

    return linear_logprob


def _hidden_cotangent(passes: Passes, saved: _Residuals, cotangents: LogProb) -> jax.Array:
    log_prob, log_sum_exp = (_column(cotangent) for cotangent in cotangents[:2])
    target_rows = passes.target_rows(saved.head, saved.targets).astype(jnp.float32)
    total = (log_prob * saved.one_minus_p + log_sum_exp * (1.0 - saved.one_minus_p)) * target_rows
    total += (log_sum_exp - log_prob) * saved.weighted_rows
    if not isinstance(cotangents.entropy, SymbolicZero):
        entropy_grad = passes.entropy_grad(saved.hidden, saved.head, saved.out, saved.temperature, saved.is_token)
        total -= _column(cotangents.entropy) * entropy_grad
    return total / saved.temperature


def _head_cotangent(passes: Passes, saved: _Residuals, cotangents: LogProb) -> jax.Array:
    zero = jnp.zeros(saved.targets.shape, jnp.float32)
    dense = LogProb(*(zero if isinstance(leaf, SymbolicZero) else leaf for leaf in cotangents))
    return passes.head_grad(
        saved.hidden, saved.head, saved.targets, saved.out, dense, saved.temperature, saved.is_token
    )


def _column(cotangent: jax.Array | SymbolicZero) -> jax.Array | float:
    return 0.0 if isinstance(cotangent, SymbolicZero) else cotangent[:, None]
