"""The Kullback-Leibler (KL) penalty to the reference policy: three estimators (Schulman 2020) and two targets.

The estimators are functions of d = log pi_ref - log pi at tokens sampled from pi. The values of k1 and k3 estimate
KL(pi || pi_ref) without bias. What a penalty *does* is another matter: its gradient is what counts, and `GRADIENTS`
states it for every combination that a configuration may name. `tests/objectives/test_kl_targets.py` proves the table by
enumerating a policy of two steps.

- target `token`: a term of the loss at every token, with the divergence of the next-token distributions as objective.
  The prefixes count as fixed, so no token answers for the divergence that it leads to.
- target `sequence`: beta times the log-ratio of the whole completion, taken off its advantage. The objective is the
  divergence of the distributions over completions, E[r] - beta KL(pi || pi_ref), whose optimum is pi_ref exp(r / beta).

Derivations are in 2510.01555 and 2512.21852; docs/losses.md argues the default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from alignment.objectives.masking import masked_sum

MAX_LOG_RATIO = 20.0
MAX_K3 = 10.0


class Penalty(NamedTuple):
    """The estimate per token, and whether a clamp was active."""

    value: jax.Array
    clamped: jax.Array


def k1(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k1 = -d: unbiased, of either sign, high variance; d clamped to +-20."""
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    return Penalty(-d, clamped)


def k2(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k2 = d^2 / 2: biased, low variance; d clamped to +-20."""
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    return Penalty(0.5 * d**2, clamped)


def k3(log_prob: jax.Array, ref_log_prob: jax.Array) -> Penalty:
    """k3 = exp(d) - d - 1 with d = log pi_ref - log pi: unbiased, never negative (2402.03300 eq. 4).

    d is clamped to +-20 and the estimate to +-10, as is common, so that one token cannot blow up a step.
    """
    d, clamped = _log_ratio(log_prob, ref_log_prob)
    value = jnp.expm1(d) - d  # exp(d) - 1 would round a small d away
    return Penalty(jnp.clip(value, -MAX_K3, MAX_K3), clamped | (value > MAX_K3))


def _log_ratio(log_prob: jax.Array, ref_log_prob: jax.Array) -> tuple[jax.Array, jax.Array]:
    raw = jax.lax.stop_gradient(ref_log_prob) - log_prob
    return jnp.clip(raw, -MAX_LOG_RATIO, MAX_LOG_RATIO), jnp.abs(raw) > MAX_LOG_RATIO


ESTIMATORS: dict[str, Callable[[jax.Array, jax.Array], Penalty]] = {"k1": k1, "k2": k2, "k3": k3}

TARGETS = ("token", "sequence")
NOTHING = "nothing: its gradient has mean zero"
TOKEN_REVERSE = "reverse KL of the next-token distributions, the prefixes fixed"
TOKEN_FORWARD = "forward KL of the next-token distributions, the prefixes fixed"
SEQUENCE_REVERSE = "reverse KL of the distributions over completions"

# What a penalty descends on average, by target, estimator and correction, for an aggregation that sums over tokens. A
# mean over the tokens of a response scales every response by 1 / length. A combination that is missing is refused.
GRADIENTS: dict[tuple[str, str, bool], str] = {
    ("token", "k1", False): NOTHING,
    ("token", "k1", True): TOKEN_REVERSE,
    ("token", "k2", False): TOKEN_REVERSE,
    ("token", "k2", True): TOKEN_REVERSE,
    ("token", "k3", False): TOKEN_FORWARD,
    ("token", "k3", True): TOKEN_REVERSE,
    ("sequence", "k1", False): SEQUENCE_REVERSE,
}


def describe_penalty(beta: float, target: str, estimator: str, correction: bool) -> str:
    """Return the penalty as a phrase of a report, with what it descends: "0.02 x k2, target token: reverse KL ..."."""
    if not beta:
        return "none"
    corrected = " times the ratio" if correction and estimator != "k2" else ""
    return f"{beta:g} x {estimator}{corrected}, target {target}: {GRADIENTS[target, estimator, correction]}"


def token_penalty(
    estimator: str, correction: bool, log_prob: jax.Array, ref_log_prob: jax.Array, ratio: jax.Array
) -> jax.Array:
    """Return the penalty per token [N, Lc], a term of the loss.

    k2 is weighed by rho = pi / pi_old without a gradient through it, which is 1 where a rollout serves one optimiser
    step. With `correction` k1 and k3 are multiplied by rho with the gradient through it: rho k1 and rho k3 estimate the
    divergence also off-policy, and so does their gradient.

    Args:
      estimator: a name in `ESTIMATORS`.
      correction: whether k1 and k3 are multiplied by the ratio.
      log_prob: [N, Lc] of the current policy.
      ref_log_prob: [N, Lc] of the reference.
      ratio: [N, Lc] of the token, also where the loss uses the ratio of a sequence.
    """
    value = ESTIMATORS[estimator](log_prob, ref_log_prob).value
    if estimator == "k2":
        return jax.lax.stop_gradient(ratio) * value
    return ratio * value if correction else value


def sequence_penalty(log_prob: jax.Array, ref_log_prob: jax.Array, mask: jax.Array, group_size: int) -> jax.Array:
    """Return sum_t log pi / pi_ref over each completion, minus its mean over the group, [N], without gradient.

    Times -beta it is added to advantages that are already normalised. Before the normalisation beta would be divided by
    the standard deviation of the group's rewards, and a group of equal rewards would get advantages of size 1 from the
    penalty alone. The group's mean includes the completion itself, as that of the rewards does: both gradients are
    (G - 1) / G of the exact one, so that beta keeps its meaning.

    Args:
      log_prob: [N, Lc] of the current policy, the rows of a group together.
      ref_log_prob: [N, Lc] of the reference.
      mask: [N, Lc] true at the tokens that count.
      group_size: G; N is a multiple of it.

    Raises:
      ValueError: a group of fewer than two.
    """
    if group_size < 2:
        raise ValueError("the KL target sequence compares the completions of a group, and needs at least two")
    total = masked_sum(k1(jax.lax.stop_gradient(log_prob), ref_log_prob).value, mask, axis=1).reshape(-1, group_size)
    return (total - total.mean(axis=1, keepdims=True)).reshape(-1)
