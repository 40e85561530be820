"""Inputs for `linear_logprob`, their answers in float64 numpy, and the interpreters of the kernels."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.kernels.linear_logprob import api

# Of the largest logit. A logit of D <= 128 products is off by sqrt(D) 2^-24 of the sum of |h_i w_i|, which is at most
# twice the largest logit here: 1.4e-6 of that. Seven times as much leaves room for another order of the sums.
FLOAT32 = 1e-5
BFLOAT16 = 1e-2  # of a gradient that is rounded to 2^-9 of an entry twice, 4e-3, and 2.5 times that
COMPILED = ("reference", "xla")  # implementations that run as they are; the others have an interpreter here
MIX = (1.0, -0.6, 0.4)  # of log-probability, log-sum-exp and entropy in `loss`


class Case(NamedTuple):
    hidden: jax.Array
    head: jax.Array
    targets: jax.Array
    temperature: float


class Answer(NamedTuple):
    out: api.LogProb
    slope: np.ndarray  # d loss / d hidden
    head_slope: np.ndarray
    peak: float  # the largest logit in absolute value, at least 1


def case(tokens=37, dim=16, vocab=101, scale=1.0, temperature=1.0, dtype=jnp.float32, seed=0) -> Case:
    draw = np.random.default_rng(seed)
    hidden = jnp.asarray(scale * draw.normal(size=(tokens, dim)), dtype)
    head = jnp.asarray(draw.normal(size=(vocab, dim)), dtype)
    return Case(hidden, head, jnp.asarray(draw.integers(0, vocab, tokens), jnp.int32), temperature)


def weigh(xp, tokens, mix=MIX):
    """Upstream cotangents of the three results, different for every token."""
    wave = xp.sin(1.0 + xp.arange(tokens))
    return [share * wave for share in mix]


def loss(run, inputs: Case, mix=MIX):
    """A scalar function of hidden states through all of the results whose share is not 0."""

    def scalar(hidden):
        out = run(hidden, *inputs[1:])
        terms = zip(out, weigh(jnp, len(hidden), mix), mix, strict=True)
        return sum((leaf * cotangent).sum() for leaf, cotangent, share in terms if share)

    return scalar


def float64(inputs: Case, mix=MIX, is_token=None) -> Answer:
    hidden, head, targets = (np.asarray(leaf, np.float64) for leaf in inputs[:3])
    targets = targets.astype(int)
    logits = hidden @ head.T / inputs.temperature
    if is_token is not None:  # exp of it is 0, and 0 times it is 0
        logits = np.where(is_token, logits, np.finfo(np.float64).min / 8)
    top = logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(axis=1, keepdims=True)) + top
    log_p = logits - log_sum
    p, hit = np.exp(log_p), np.eye(len(head))[targets]
    entropy = -(p * log_p).sum(axis=1, keepdims=True)
    up = [column[:, None] for column in weigh(np, len(hidden), mix)]
    slope = up[0] * (hit - p) + up[1] * p - up[2] * p * (log_p + entropy)
    out = api.LogProb((log_p * hit).sum(axis=1), log_sum[:, 0], entropy[:, 0])
    slopes = slope @ head / inputs.temperature, slope.T @ hidden / inputs.temperature
    return Answer(out, *slopes, max(1.0, np.abs(logits[:, is_token] if is_token is not None else logits).max()))


def check(run, inputs: Case, mix=MIX, slope_tolerance=FLOAT32, is_token=None, compiled=False):
    """Values and gradient of `run` against float64.

    What is computed from a logit is as far off as the logit: values are held to `FLOAT32` times the largest one, and so
    is the gradient's norm, relative to itself (p has the relative error of z - lse).
    `compiled` takes a fifth of the time, since otherwise every operation is a program; Pallas' interpreters need the
    latter, because a compiled program may wait forever for their calls back into Python.
    """
    want = float64(inputs, mix, is_token)
    run_both = lambda hidden: (run(hidden, *inputs[1:]), jax.grad(loss(run, inputs, mix))(hidden))  # noqa: E731
    got, slope = (jax.jit(run_both) if compiled else run_both)(inputs.hidden)
    for name, left, right in zip(api.LogProb._fields, got, want.out, strict=True):
        assert left.dtype == jnp.float32 and left.shape == inputs.targets.shape
        np.testing.assert_allclose(left, right, rtol=0, atol=FLOAT32 * want.peak, err_msg=name)
    assert slope.dtype == inputs.hidden.dtype and slope.shape == inputs.hidden.shape
    assert distance(slope, want.slope) <= slope_tolerance * want.peak


def distance(got, want) -> float:
    """||got - want|| / ||want||; absolute where the answer vanishes."""
    error = np.linalg.norm(np.asarray(got, np.float64) - want)
    return error / max(np.linalg.norm(want), 1e-30) if np.linalg.norm(want) > 1e-12 else error


@contextlib.contextmanager
def interpreted(name: str):
    """Run the kernels of Pallas implementation `name` in Pallas' interpreter on the CPU; others as they are."""
    if name == "pallas_tpu":
        from jax.experimental.pallas import tpu as pltpu

        with pltpu.force_tpu_interpret_mode():
            yield
    elif name == "pallas_gpu":
        if jax.__version_info__[:2] < (0, 11):
            pytest.skip(f"jax {jax.__version__}: the Mosaic GPU interpreter and kernel need 0.11")
        from jax.experimental.pallas import mosaic_gpu as plgpu

        with plgpu.force_gpu_interpret_mode():
            yield
    else:
        yield
