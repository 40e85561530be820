"""Log-probabilities of an update's tokens from hidden states and a frozen head, forward and backward.

Ours is `--implementation` of `kernels.linear_logprob`; plain is its reference, which holds all [T, V] logits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from alignment.benchmarks.flops import logprob_flops
from alignment.benchmarks.measure import one_program
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import Setting
from alignment.kernels.linear_logprob.api import linear_logprob


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: log-probabilities and hidden-state gradient of T = P G Lc tokens [T, D] under a head [V, D]."""
    check_against(setting, against, ("plain",))
    names = {"ours": setting.implementation} | dict.fromkeys(against, "reference")
    arrays = make_arrays(setting)
    cases = (one_program(name, "step_s", _value_and_gradient(chosen), *arrays) for name, chosen in names.items())
    return Suite(tuple(cases), "step_s", logprob_flops(setting))


def make_arrays(setting: Setting) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return hidden states [T, D], a head [V, D] whose logits have a deviation of about 1, targets [T], weights [T].

    The weights multiply the log-probabilities in the scalar that is differentiated.
    """
    tokens, width, words = setting.completion_tokens, setting.size.hidden, setting.size.vocab
    keys = jax.random.split(jax.random.key(0), 4)
    hidden = jax.random.normal(keys[0], (tokens, width)).astype(setting.dtype)
    head = (jax.random.normal(keys[1], (words, width)) * width**-0.5).astype(setting.dtype)
    return hidden, head, jax.random.randint(keys[2], (tokens,), 0, words), jax.random.normal(keys[3], (tokens,))


def _value_and_gradient(implementation: str):
    def total(hidden, head, targets, weights):
        out = linear_logprob(hidden, head, targets, implementation=implementation)
        return jnp.sum(out.log_prob * weights)

    return jax.value_and_grad(total)
