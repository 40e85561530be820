from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.errors import UserError
from alignment.kernels.linear_logprob import api, xla


def case(tokens=37, dim=16, vocab=101, scale=1.0, seed=0):
    keys = jax.random.split(jax.random.key(seed), 3)
    hidden = scale * jax.random.normal(keys[0], (tokens, dim))
    return hidden, jax.random.normal(keys[1], (vocab, dim)), jax.random.randint(keys[2], (tokens,), 0, vocab)


def float64(hidden, head, targets, temperature):
    logits = np.asarray(hidden, np.float64) @ np.asarray(head, np.float64).T / temperature
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    logp = logits - log_sum[:, None]
    return logp[np.arange(len(targets)), targets], log_sum, -(np.exp(logp) * logp).sum(axis=1), np.abs(logits).max()


@pytest.mark.parametrize("implementation", api.IMPLEMENTATIONS)
@pytest.mark.parametrize(("scale", "temperature"), [(1.0, 1.0), (1.0, 0.6), (30.0, 1.0)])
def test_against_float64(implementation, scale, temperature, monkeypatch):
    monkeypatch.setattr(xla, "CHUNK", 8)  # 37 tokens: ragged
    inputs = case(scale=scale)
    got = api.linear_logprob(*inputs, temperature, implementation)
    *want, peak = float64(*inputs, temperature)
    for left, right in zip(got, want, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5 * max(1.0, peak))


def test_gradients_of_the_chunked_pass_are_those_of_the_definition(monkeypatch):
    monkeypatch.setattr(xla, "CHUNK", 8)
    hidden, head, targets = case()

    def loss(hidden, head, implementation):
        out = api.linear_logprob(hidden, head, targets, 0.7, implementation)
        return (jnp.sin(jnp.arange(37)) * out.log_prob + out.entropy - out.log_sum_exp).sum()

    got, want = (jax.grad(loss, argnums=(0, 1))(hidden, head, name) for name in ("xla", "reference"))
    for left, right in zip(got, want, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-4)


def test_the_chunked_pass_never_holds_all_logits():
    hidden, head, targets = case(tokens=4 * xla.CHUNK, dim=16, vocab=4096)

    def loss(hidden):
        return api.linear_logprob(hidden, head, targets).log_prob.sum()

    memory = jax.jit(jax.grad(loss)).lower(hidden).compile().memory_analysis()
    # A chunk's logits and their softmax, not the 33 MB of all 2,048 x 4,096 logits several times over.
    assert memory.temp_size_in_bytes < 4 * xla.CHUNK * 4096 * 4


def test_an_unknown_implementation_is_named():
    with pytest.raises(UserError, match="magic"):
        api.linear_logprob(*case(), implementation="magic")
