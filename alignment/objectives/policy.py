"""The policy loss of the GRPO family: one pure function of log-probabilities, put together from `family.Choice`."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from alignment.errors import UserError
from alignment.objectives.aggregation import AGGREGATIONS
from alignment.objectives.family import Choice
from alignment.objectives.kl import ESTIMATORS, corrected
from alignment.objectives.masking import masked, masked_sum
from alignment.objectives.ratios import MAX_LOG_RATIO, RATIOS, truncated_importance
from alignment.objectives.surrogates import SURROGATES, Clip, Gain
from alignment.text.lookup import lookup


@dataclasses.dataclass(frozen=True)
class Settings:
    """The constants of a policy loss; 0 turns a part off.

    Raises:
      UserError: a constant out of its range.
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float = 0.0  # bound on rho for negative advantages, above 1 + clip_high
    beta: float = 0.0  # weight of the KL penalty
    kl: str = "k3"  # its estimator: k1, k2 or k3
    kl_correction: bool = False  # multiply it by rho, which mends its gradient
    entropy_bonus: float = 0.0  # weight of the entropy, in reward for a nat
    importance_cap: float = 0.0  # of truncated importance sampling
    max_tokens: int = 0  # the sampler's limit L_max, for the aggregation fixed_length

    def __post_init__(self):
        lookup(ESTIMATORS, self.kl, "KL estimator (--config.grpo.kl)")
        if self.kl == "k1" and not self.kl_correction:
            raise UserError(
                "--config.grpo.kl=k1 penalises nothing: as a loss its gradient has mean zero; use --config.grpo.kl=k2, "
                "or add --config.grpo.kl_correction=true"
            )
        for name in ("clip_low", "clip_high", "dual_clip", "beta", "importance_cap"):
            if getattr(self, name) < 0:
                raise UserError(f"--config.grpo.{name}={getattr(self, name)}: it must not be negative")
        if self.dual_clip and self.dual_clip <= 1 + self.clip_high:
            raise UserError(
                f"--config.grpo.dual_clip={self.dual_clip} must lie above 1 + clip_high = {1 + self.clip_high} (0: off)"
            )


class Tokens(NamedTuple):
    """What a policy loss reads: N completions of up to Lc tokens. Only `log_prob` and `entropy` carry a gradient.

    What stands at masked positions, and the advantage of a completion without a token, is never looked at.
    """

    log_prob: jax.Array  # [N, Lc] of the sampled tokens under the current policy, at the sampling temperature
    old_log_prob: jax.Array  # [N, Lc] under the policy that sampled, computed by the trainer
    advantages: jax.Array  # [N]
    mask: jax.Array  # [N, Lc] true at completion tokens, the end token included
    ref_log_prob: jax.Array | None = None  # [N, Lc] under the reference; needed where beta is not 0
    entropy: jax.Array | None = None  # [N, Lc] of the current policy, differentiable; needed for an entropy bonus
    sampler_log_prob: jax.Array | None = None  # [N, Lc] as the sampler recorded it; needed for an importance cap


class PolicyLoss(NamedTuple):
    """Unnormalised sum and its count, and sums over tokens and maxima of what the metrics need."""

    total: jax.Array
    count: jax.Array
    sums: dict[str, jax.Array]
    maxima: dict[str, jax.Array]


def policy_loss(tokens: Tokens, choice: Choice, settings: Settings) -> PolicyLoss:
    """The aggregate of -w_t gain(rho_t, A) + beta KL_t - entropy_bonus H_t over the tokens of `choice`.

    rho is the ratio to the policy that sampled (`ratios`), gain its clipped product with the advantage (`surrogates`),
    w the truncated importance weight of the sampler (1 if off), KL an estimator of `kl`. A response whose mask is empty
    adds nothing and, where responses are counted, counts as one.

    Returns:
      The loss as (sum, count), so that micro-batches and devices add up before one division.
    """
    _check(tokens, settings)
    tokens = _read(tokens)
    mask = tokens.mask.astype(jnp.float32)
    log_ratio = tokens.log_prob - jax.lax.stop_gradient(tokens.old_log_prob)
    ratio = RATIOS[choice.ratio](log_ratio, mask)
    clip = Clip(settings.clip_low, settings.clip_high, settings.dual_clip)
    gain = SURROGATES[choice.surrogate](ratio, tokens.advantages[:, None], tokens.log_prob, clip)
    sums = _ratio_sums(ratio, log_ratio, gain)
    per_token = -gain.value
    for part in (_importance, _penalty, _bonus):  # the weight applies to the gain alone
        per_token, more = part(per_token, tokens, settings, ratio)
        sums |= more
    total, count = AGGREGATIONS[choice.aggregation](per_token, mask, settings.max_tokens)
    sums = {name: jax.lax.stop_gradient(masked_sum(value, mask)) for name, value in sums.items()}
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(mask > 0, ratio, 0.0)))
    return PolicyLoss(total, count, sums | {"tokens": mask.sum()}, {"ratio/max": peak})


def _check(tokens: Tokens, settings: Settings) -> None:
    needed = {
        "ref_log_prob": settings.beta,
        "entropy": settings.entropy_bonus,
        "sampler_log_prob": settings.importance_cap,
    }
    for name, used in needed.items():
        if used and getattr(tokens, name) is None:
            raise ValueError(f"the policy loss needs {name} with these settings")
    given = [array for array in tokens if array is not None and array is not tokens.advantages]
    chex.assert_equal_shape(given)
    chex.assert_shape(tokens.advantages, (tokens.log_prob.shape[0],))


def _read(tokens: Tokens) -> Tokens:
    """The arrays with 0 at masked positions, so that nothing that stands there meets an operation or its derivative."""
    arrays = {name: leaf for name, leaf in tokens._asdict().items() if leaf is not None and name != "mask"}
    rows = jnp.any(jnp.asarray(tokens.mask, bool), axis=1)
    return tokens._replace(
        **{name: masked(leaf, rows if name == "advantages" else tokens.mask) for name, leaf in arrays.items()}
    )


def _ratio_sums(ratio: jax.Array, log_ratio: jax.Array, gain: Gain) -> dict[str, jax.Array]:
    return {
        "ratio": ratio,
        "clip/low": gain.at_low,
        "clip/high": gain.at_high,
        "clip/log_ratio": jnp.abs(log_ratio) > MAX_LOG_RATIO,
    }


def _importance(per_token, tokens: Tokens, settings: Settings, ratio) -> tuple[jax.Array, dict[str, jax.Array]]:
    if not settings.importance_cap:
        return per_token, {}
    weight = truncated_importance(tokens.old_log_prob, tokens.sampler_log_prob, settings.importance_cap)
    return weight * per_token, {"importance/mean": weight, "importance/capped": weight >= settings.importance_cap}


def _penalty(per_token, tokens: Tokens, settings: Settings, ratio) -> tuple[jax.Array, dict[str, jax.Array]]:
    if not settings.beta:
        return per_token, {}
    penalty = plain = ESTIMATORS[settings.kl](tokens.log_prob, tokens.ref_log_prob)
    if settings.kl_correction:
        penalty = corrected(plain, ratio)
    return per_token + settings.beta * penalty.value, {"kl": plain.value, "clip/k3": plain.clamped}


def _bonus(per_token, tokens: Tokens, settings: Settings, ratio) -> tuple[jax.Array, dict[str, jax.Array]]:
    if not settings.entropy_bonus:
        return per_token, {}
    return per_token - settings.entropy_bonus * tokens.entropy, {}


def mask_truncated(mask: jax.Array, truncated: jax.Array) -> jax.Array:
    """Return `mask` [..., Lc] without the completions [...] that met the token limit (DAPO's overlong filter).

    A reward for an unfinished completion says little about its tokens. It still counts as a response (as in TRL).
    """
    return mask & ~truncated[..., None]
