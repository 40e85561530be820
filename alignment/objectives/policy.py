"""The policy loss of the GRPO family: a pure function of log-probabilities, built from the parts of a `family.Loss`."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from alignment.common.registry import lookup
from alignment.errors import UserError
from alignment.objectives.aggregation import AGGREGATIONS
from alignment.objectives.family import Loss
from alignment.objectives.kl import ESTIMATORS, GRADIENTS, NOTHING, TARGETS, k3, sequence_penalty, token_penalty
from alignment.objectives.masking import masked, masked_sum
from alignment.objectives.ratios import IMPORTANCE, MAX_LOG_RATIO, RATIOS, importance_weights, token_ratio
from alignment.objectives.surrogates import SURROGATES, Clip, at_chosen


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """The constants of a policy loss, fields of `config.grpo`; 0 turns a part off.

    Raises:
      UserError: a constant out of its range.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float = 0.0  # bound on rho for negative advantages, above 1 + clip_high
    beta: float = 0.0  # weight of the KL penalty
    kl_target: str = "token"  # a term of the loss at each token, or of the advantage of the whole sequence
    kl: str = "k3"  # its estimator: k1, k2 or k3
    kl_correction: bool = False  # multiply it by rho, which mends the gradient of k1 and k3
    entropy_bonus: float = 0.0  # weight of the entropy, in reward per nat
    target_entropy: float = 0.0  # in nat a token; the weight of the entropy is then that of `Tokens`
    covariance_weight: float = 1.0  # of the penalty of KL-Cov
    importance: str = "token_truncate"  # an entry of `IMPORTANCE`
    importance_cap: float = 0.0  # the largest importance weight
    importance_floor: float = 0.0  # the least one
    max_tokens: int = 0  # the sampler's limit L_max, for the aggregation fixed_length
    group_size: int = 0  # completions of a prompt, which are consecutive rows; for the KL target sequence

    def __post_init__(self):
        self._check_kl()
        lookup(IMPORTANCE, self.importance, "importance weight (--config.grpo.importance)")
        for name in (
            "clip_low",
            "clip_high",
            "dual_clip",
            "beta",
            "importance_cap",
            "importance_floor",
            "target_entropy",
        ):
            if getattr(self, name) < 0:
                raise UserError(f"--config.grpo.{name}={getattr(self, name)}: it must not be negative")
        if self.dual_clip and self.dual_clip <= 1 + self.clip_high:
            raise UserError(
                f"--config.grpo.dual_clip={self.dual_clip} must lie above 1 + clip_high = {1 + self.clip_high} (0: off)"
            )
        if self.importance != "token_truncate" and not self.importance_cap:
            raise UserError(
                f"--config.grpo.importance={self.importance} weighs nothing without --config.grpo.importance_cap; set "
                "one, such as 2"
            )
        if self.importance_floor and not self.importance_floor < 1 < self.importance_cap:
            raise UserError(
                f"--config.grpo.importance_floor={self.importance_floor} and --config.grpo.importance_cap="
                f"{self.importance_cap}: 1, the weight of equal probabilities, must lie between them"
            )

    @property
    def needs_entropy(self) -> bool:
        """Whether the gradient of the entropy is part of the loss."""
        return bool(self.entropy_bonus or self.target_entropy)

    def _check_kl(self) -> None:
        lookup(ESTIMATORS, self.kl, "KL estimator (--config.grpo.kl)")
        if self.kl_target not in TARGETS:
            raise UserError(f"--config.grpo.kl_target={self.kl_target} is unknown; use one of {', '.join(TARGETS)}")
        effect = GRADIENTS.get((self.kl_target, self.kl, self.kl_correction))
        if effect == NOTHING:
            raise UserError(
                f"--config.grpo.kl={self.kl} penalises {NOTHING}; use --config.grpo.kl=k2, add "
                "--config.grpo.kl_correction=true, or take --config.grpo.kl_target=sequence"
            )
        if effect is None and self.kl_correction:
            raise UserError(
                "--config.grpo.kl_correction=true belongs to --config.grpo.kl_target=token: an advantage is multiplied "
                "by the ratio anyway; leave it out"
            )
        if effect is None:
            raise UserError(
                f"--config.grpo.kl={self.kl} in the advantages (--config.grpo.kl_target={self.kl_target}) has the "
                "gradient of no divergence; use --config.grpo.kl=k1, or --config.grpo.kl_target=token"
            )


class Tokens(NamedTuple):
    """What a policy loss reads of N completions of up to Lc tokens. Only `log_prob` and `entropy` carry a gradient.

    Values at masked positions, and the advantage of a completion without tokens, are never used.
    """

    log_prob: jax.Array  # [N, Lc] of the sampled tokens under the current policy, at the sampling temperature
    old_log_prob: jax.Array  # [N, Lc] under the policy that sampled, computed by the trainer
    advantages: jax.Array  # [N]
    mask: jax.Array  # [N, Lc] true at completion tokens, the end token included
    ref_log_prob: jax.Array | None = None  # [N, Lc] under the reference; needed where beta is not 0
    entropy: jax.Array | None = None  # [N, Lc] of the current policy, differentiable; needed for an entropy bonus
    sampler_log_prob: jax.Array | None = None  # [N, Lc] as the sampler recorded it; needed for an importance cap
    chosen: jax.Array | None = None  # [N, Lc] booleans of `covariance.SELECTIONS`; needed by losses that name a rule
    entropy_weight: jax.Array | None = None  # [N]; needed for a target entropy


class PolicyLoss(NamedTuple):
    """A loss as an unnormalised sum and its count, with the sums over tokens and the maxima that metrics need."""

    total: jax.Array
    count: jax.Array
    sums: dict[str, jax.Array]
    maxima: dict[str, jax.Array]


def policy_loss(tokens: Tokens, loss: Loss, config: LossConfig) -> PolicyLoss:
    """Aggregate -w_t gain(rho_t, A) + beta KL_t - entropy_bonus H_t over the tokens, as `loss` prescribes.

    rho is the ratio to the policy before the updates of this rollout (`ratios`), gain its clipped product with the
    advantage (`surrogates`), w the importance weight against the sampler (1 if off), KL the penalty of `kl`. With
    the KL target sequence there is no KL_t: beta times the penalty is taken off A. A response whose mask is empty adds
    0 to the sum, and is counted by aggregations that divide by the number of responses.

    Args:
      tokens: N completions of up to Lc tokens.
      loss: an entry of `LOSSES`.
      config: the constants.

    Returns:
      The loss as (sum, count), so that micro-batches and devices add up before one division, and sums and maxima of
      metrics. Only `log_prob` and `entropy` carry a gradient.

    Raises:
      ValueError: an array that these constants need is missing.
    """
    tokens = _checked(tokens, loss, config)
    mask = tokens.mask.astype(jnp.float32)
    log_ratio = tokens.log_prob - jax.lax.stop_gradient(tokens.old_log_prob)
    ratio = RATIOS[loss.ratio](log_ratio, mask)
    clip = Clip(config.clip_low, config.clip_high, config.dual_clip)
    advantages, in_sequence = tokens.advantages, config.kl_target == "sequence"
    if config.beta and in_sequence:
        penalty = sequence_penalty(tokens.log_prob, tokens.ref_log_prob, mask, config.group_size)
        advantages = advantages - config.beta * penalty
    gain = SURROGATES[loss.surrogate](ratio, advantages[:, None], tokens.log_prob, clip)
    sums = {"ratio/mean": ratio, "clip/low": gain.at_low, "clip/high": gain.at_high}
    sums["clip/log_ratio"] = jnp.abs(log_ratio) > MAX_LOG_RATIO
    value = gain.value
    if loss.covariance:
        value = at_chosen(loss.covariance, value, log_ratio, tokens.chosen, config.covariance_weight)
        sums["clip/covariance"] = tokens.chosen
    per_token = -value
    if config.importance_cap:  # the weight applies to the gain alone
        bounds, pair = (config.importance_floor, config.importance_cap), (tokens.old_log_prob, tokens.sampler_log_prob)
        weight, outside = importance_weights(IMPORTANCE[config.importance], *pair, mask, bounds)
        per_token = weight * per_token
        sums |= {"importance/mean": weight, "importance/capped": outside}
    if config.beta:
        estimate = k3(tokens.log_prob, tokens.ref_log_prob)  # the metric is that of k3, whatever is penalised
        sums |= {"kl/mean": estimate.value, "clip/k3": estimate.clamped}
        if not in_sequence:
            rho = token_ratio(log_ratio, mask)
            penalty = token_penalty(config.kl, config.kl_correction, tokens.log_prob, tokens.ref_log_prob, rho)
            per_token = per_token + config.beta * penalty
    if config.target_entropy:
        per_token = per_token - tokens.entropy_weight[:, None] * tokens.entropy
    elif config.entropy_bonus:
        per_token = per_token - config.entropy_bonus * tokens.entropy
    total, count = AGGREGATIONS[loss.aggregation](per_token, mask, config.max_tokens)
    sums = {name: jax.lax.stop_gradient(masked_sum(value, mask)) for name, value in sums.items()}
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(mask > 0, ratio, 0.0)))
    return PolicyLoss(total, count, sums | {"tokens": mask.sum()}, {"ratio/max": peak})


def _checked(tokens: Tokens, loss: Loss, config: LossConfig) -> Tokens:
    """Check the shapes, and set masked positions to 0, so that no operation or derivative meets what stands there."""
    needed = {
        "ref_log_prob": config.beta,
        "entropy": config.needs_entropy,
        "entropy_weight": config.target_entropy,
        "sampler_log_prob": config.importance_cap,
        "chosen": loss.covariance,
    }
    for name, used in needed.items():
        if used and getattr(tokens, name) is None:
            raise ValueError(f"the policy loss needs {name} with these constants")
    chex.assert_shape(tokens.advantages, (tokens.log_prob.shape[0],))
    per_token = tokens._replace(advantages=None, entropy_weight=None)
    chex.assert_equal_shape([array for array in per_token if array is not None])
    has_tokens = jnp.any(jnp.asarray(tokens.mask, bool), axis=1)
    arrays = {name: leaf for name, leaf in per_token._asdict().items() if leaf is not None and name != "mask"}
    return tokens._replace(
        advantages=masked(tokens.advantages, has_tokens),
        **{name: masked(leaf, tokens.mask) for name, leaf in arrays.items()},
    )


def mask_truncated(mask: jax.Array, truncated: jax.Array) -> jax.Array:
    """Return `mask` [..., Lc] without the completions [...] that met the token limit (DAPO's overlong filter).

    A reward for an unfinished completion says little about its tokens. It still counts as a response (as in TRL).
    """
    return mask & ~truncated[..., None]
