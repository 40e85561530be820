"""Whose gradient a KL penalty has, exactly: every completion of a policy with 3 tokens and 2 steps is enumerated.

A parameter vector holds the logits of the first step and, for each first token, of the second. Expectations are sums
over the 9 completions (81 pairs where a group's mean enters) weighed by the probabilities of the policy that sampled.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from alignment.objectives.family import LOSSES
from alignment.objectives.kl import (
    ESTIMATORS,
    GRADIENTS,
    NOTHING,
    SEQUENCE_REVERSE,
    TOKEN_FORWARD,
    TOKEN_REVERSE,
    describe_penalty,
    sequence_penalty,
    token_penalty,
)
from alignment.objectives.policy import LossConfig, Tokens, policy_loss

COMPLETIONS = np.array(list(itertools.product(range(3), repeat=2)))  # [9, 2]
MASK = np.ones((9, 2), bool)
PAIRS = np.array(list(itertools.product(range(9), repeat=2)))  # [81, 2]: every group of two
PARAMETERS, REFERENCE, OLD = (np.float32(np.random.default_rng(seed).normal(0, 1.0, (4, 3))) for seed in (0, 1, 2))
# Sums of 81 float32 terms that come to about 1: some twenty roundings of 1.2e-7.
ROUNDING = 3e-6


def gradient(function, *arguments):
    return jax.jit(jax.grad(function))(*arguments)


def log_probs(parameters):
    """[9, 2]: of both tokens of every completion."""
    logits = jax.nn.log_softmax(parameters)
    return jnp.stack([logits[0, COMPLETIONS[:, 0]], logits[1 + COMPLETIONS[:, 0], COMPLETIONS[:, 1]]], axis=1)


def probabilities(parameters):
    return jnp.exp(log_probs(parameters).sum(axis=1))


def next_token_kl(parameters, sampler, forward):
    """KL of the next-token distributions, summed over both steps; prefixes are drawn from `sampler` and fixed."""
    now, ref = jax.nn.log_softmax(parameters), jax.nn.log_softmax(REFERENCE)
    p, q = (ref, now) if forward else (now, ref)
    each = jnp.sum(jnp.exp(p) * (p - q), axis=1)  # [4]: of the first step, and after every first token
    return each[0] + jax.nn.softmax(sampler[0]) @ each[1:]


def sequence_kl(parameters, sampler):
    """KL of the distributions over completions, which does not depend on who sampled."""
    return probabilities(parameters) @ (log_probs(parameters) - log_probs(REFERENCE)).sum(axis=1)


EXACT = {
    NOTHING: lambda parameters, sampler: 0.0 * parameters.sum(),
    TOKEN_REVERSE: lambda parameters, sampler: next_token_kl(parameters, sampler, forward=False),
    TOKEN_FORWARD: lambda parameters, sampler: next_token_kl(parameters, sampler, forward=True),
    SEQUENCE_REVERSE: sequence_kl,
}


def token_target(estimator, correction, sampler):
    """The expectation of the penalty that the loss adds, as a function of the parameters; on-policy by default."""

    def value(parameters):
        now, ref = log_probs(parameters), log_probs(REFERENCE)
        ratio = jnp.exp(now - jax.lax.stop_gradient(log_probs(sampler)))
        return probabilities(sampler) @ token_penalty(estimator, correction, now, ref, ratio).sum(axis=1)

    return value


def whole_loss(sampler, rewards=None, mask=MASK, loss="dr_grpo", **constants):
    """The expectation of the whole policy loss over groups of two, summed over tokens, with beta = 1."""
    rewards = jnp.asarray(np.zeros(9) if rewards is None else rewards)
    constants = {"beta": 1.0, "clip_low": 0.99, "clip_high": 99.0, "max_tokens": 1, "group_size": 2} | constants

    def value(parameters):
        now, ref, old = log_probs(parameters), log_probs(REFERENCE), log_probs(sampler)
        weights = probabilities(sampler)

        def of_group(pair):
            advantages = rewards[pair] - rewards[pair].mean()
            tokens = Tokens(now[pair], old[pair], advantages, jnp.asarray(mask)[pair], ref[pair])
            out = policy_loss(tokens, LOSSES[loss], LossConfig(**constants))
            return weights[pair].prod() * out.total / out.count

        return jax.vmap(of_group)(PAIRS).sum()

    return value


def test_the_exact_divergences_are_four_different_ones():
    gradients = [gradient(exact, PARAMETERS, PARAMETERS) for exact in EXACT.values()]
    for left, right in itertools.combinations(gradients, 2):
        assert float(jnp.abs(left - right).max()) > 0.05


@pytest.mark.parametrize(("combination", "effect"), GRADIENTS.items(), ids=lambda value: str(value))
def test_every_penalty_has_the_gradient_that_the_table_states(combination, effect):
    """On-policy. A group's mean includes the completion itself, so that half of the gradient is left at G = 2."""
    target, estimator, correction = combination
    exact = gradient(EXACT[effect], PARAMETERS, PARAMETERS)
    if target == "token":
        np.testing.assert_allclose(
            gradient(token_target(estimator, correction, PARAMETERS), PARAMETERS), exact, atol=ROUNDING
        )
        if effect == NOTHING:
            return  # refused, so no loss has it
    loss = whole_loss(PARAMETERS, kl_target=target, kl=estimator, kl_correction=correction)
    share = 1.0 if target == "token" else 0.5
    np.testing.assert_allclose(gradient(loss, PARAMETERS), share * exact, atol=ROUNDING)


@pytest.mark.parametrize(("estimator", "correction"), [("k1", True), ("k2", False), ("k3", True)])
def test_several_passes_keep_the_gradient_of_the_token_target(estimator, correction):
    """Another policy sampled: the ratio of the token mends its distribution, and its prefixes stay as they were."""
    exact = gradient(EXACT[TOKEN_REVERSE], PARAMETERS, OLD)
    loss = whole_loss(OLD, kl=estimator, kl_correction=correction)
    np.testing.assert_allclose(gradient(loss, PARAMETERS), exact, atol=ROUNDING)


@pytest.mark.parametrize("estimator", ["k1", "k3"])
@pytest.mark.parametrize("correction", [False, True])
def test_the_values_of_k1_and_k3_are_unbiased(estimator, correction):
    value = token_target(estimator, correction, PARAMETERS)(PARAMETERS)
    assert float(value) == pytest.approx(float(next_token_kl(PARAMETERS, PARAMETERS, False)), abs=ROUNDING)
    assert float(value) == pytest.approx(float(sequence_kl(PARAMETERS, PARAMETERS)), abs=ROUNDING)


def test_k3_in_the_advantages_is_the_gradient_of_no_divergence():
    """Why it is refused: on average it does not even point where the reverse KL falls."""
    now, ref = log_probs(PARAMETERS), log_probs(REFERENCE)
    reward = ESTIMATORS["k3"](now, ref).value.sum(axis=1)
    got = gradient(lambda parameters: probabilities(parameters) @ jax.lax.stop_gradient(reward), PARAMETERS)
    for exact in EXACT.values():
        assert float(jnp.abs(got - gradient(exact, PARAMETERS, PARAMETERS)).max()) > 0.05
    assert cosine(got, gradient(sequence_kl, PARAMETERS, PARAMETERS)) < 0


def cosine(left, right):
    return float((left * right).sum() / jnp.linalg.norm(left) / jnp.linalg.norm(right))


REWARDS, BETA = np.float32(np.random.default_rng(3).normal(0, 0.25, 9)), 0.4


def objective(parameters):
    """E[r] - beta KL(pi || pi_ref)."""
    return probabilities(parameters) @ REWARDS - BETA * sequence_kl(parameters, None)


def optimum():
    """beta log E_ref[exp(r / beta)], at pi_ref exp(r / beta)."""
    return BETA * jax.nn.logsumexp(log_probs(REFERENCE).sum(axis=1) + REWARDS / BETA)


def regret(target, estimator, correction):
    """What is lost of the optimum by following the exact expected gradient to its end, from the reference."""
    constants = {"kl_target": target, "kl": estimator, "kl_correction": correction}
    # The mean of a group of two halves the gradients of the reward and of the sequence target, but not those of tokens.
    beta = BETA if target == "sequence" else BETA / 2

    @jax.jit
    def descend(parameters):
        def step(parameters, _):
            sampler = jax.lax.stop_gradient(parameters)
            slope = jax.grad(whole_loss(sampler, REWARDS, beta=beta, **constants))(parameters)
            return parameters - slope, None

        return jax.lax.scan(step, parameters, length=4000)[0]

    return float(optimum() - objective(descend(REFERENCE)))


def test_only_the_sequence_target_reaches_the_optimum_of_the_regularised_reward():
    """A rate of 1 is far below 2 over the largest curvature, and float32 knows an objective of size 1 to 1e-6."""
    assert abs(regret("sequence", "k1", False)) < 1e-5
    of_k2, of_k3 = regret("token", "k2", False), regret("token", "k3", True)
    assert of_k2 > 1e-3 and of_k3 == pytest.approx(of_k2, abs=1e-5)
    assert regret("token", "k3", False) > 1e-3


def test_at_the_optimum_the_sequence_target_has_no_noise():
    """Reward minus beta times the log-ratio is one constant there, so that every advantage of every group is 0."""
    joint = (log_probs(REFERENCE).sum(axis=1) + REWARDS / BETA).reshape(3, 3)
    best = jnp.concatenate([jax.nn.logsumexp(joint, axis=1)[None], joint])
    assert float(optimum() - objective(best)) == pytest.approx(0.0, abs=ROUNDING)
    now, ref = log_probs(best), log_probs(REFERENCE)
    penalty = BETA * sequence_penalty(now, ref, jnp.asarray(MASK), group_size=9)
    np.testing.assert_allclose(REWARDS - REWARDS.mean() - penalty, np.zeros(9), atol=ROUNDING)


@pytest.mark.parametrize(
    ("estimator", "correction", "pull"),
    [("k2", False, -3.0), ("k3", False, 0.0), ("k3", True, 10.0)],
)
def test_only_k2_pulls_back_a_token_that_the_policy_has_lost(estimator, correction, pull):
    """At d = 3 exp(3) - 4 = 16.1 lies above the clamp of k3: no gradient is left, and the ratio's pushes further away.

    The penalty's slope in log pi: negative raises the token's probability.
    """
    one = jnp.ones(1)
    penalty = lambda now: token_penalty(estimator, correction, now, 3 * one, jnp.exp(now)).sum()  # noqa: E731
    np.testing.assert_allclose(jax.grad(penalty)(0 * one), [pull], rtol=1e-6)


def test_a_mean_over_tokens_weighs_completions_by_their_length():
    """Here the third token ends a completion. The sum has the exact gradient; 1 / length turns it elsewhere."""
    mask = np.stack([np.ones(9, bool), COMPLETIONS[:, 0] != 2], axis=1)

    def ended_kl(parameters):
        gap = jnp.where(mask, log_probs(parameters) - log_probs(REFERENCE), 0.0)
        return probabilities(parameters) @ gap.sum(axis=1)

    exact = gradient(ended_kl, PARAMETERS)
    summed, mean = (
        gradient(whole_loss(PARAMETERS, mask=mask, loss=loss, kl_target="sequence", kl="k1"), PARAMETERS)
        for loss in ("dr_grpo", "grpo")
    )
    np.testing.assert_allclose(summed, 0.5 * exact, atol=ROUNDING)
    assert cosine(mean, exact) < 0.99


def test_the_report_says_what_a_penalty_lowers():
    assert describe_penalty(0.0, "token", "k3", False) == "none"
    forward = "0.02 x k3, target token: forward KL of the next-token distributions, the prefixes fixed"
    assert describe_penalty(0.02, "token", "k3", False) == forward
    assert describe_penalty(0.1, "token", "k1", True).startswith("0.1 x k1 times the ratio, target token: reverse KL")
