"""The GRPO family on hand-worked tensors, against finite differences, and cut into micro-batches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import UserError
from alignment.objectives.aggregation import AGGREGATIONS
from alignment.objectives.covariance import SELECTIONS
from alignment.objectives.family import LOSSES, get_loss
from alignment.objectives.kl import ESTIMATORS
from alignment.objectives.policy import LossConfig, Tokens, mask_truncated, policy_loss
from alignment.objectives.ratios import RATIOS
from alignment.objectives.surrogates import SURROGATES

RATIO = jnp.array([[1.5, 0.5], [1.5, 9.0]])
MASK = jnp.array([[True, True], [True, False]])
ZEROS = jnp.zeros((2, 2))
CHOSEN = jnp.array([[True, False], [False, True]])
TOKENS = Tokens(jnp.log(RATIO), ZEROS, jnp.array([1.0, -2.0]), MASK, chosen=CHOSEN)


def loss(name: str, tokens: Tokens = TOKENS, **constants):
    return policy_loss(tokens, LOSSES[name], LossConfig(**{"max_tokens": 4} | constants))


# Sums of a few float32 numbers up to 6 (a rounding is 2.4e-7), some from values written with six digits (5e-7).
WRITTEN = 1e-5


@pytest.mark.parametrize(
    ("name", "total", "count"),
    [
        # Per token: -min(1.5, 1.2) = -1.2, -min(.5, .8) = -.5, and with A = -2: -min(-3, -2.4) = 3.
        ("grpo", (-1.2 - 0.5) / 2 + 3, 2),
        ("bnpo", -1.2 - 0.5 + 3, 3),
        ("dapo", -1.2 - 0.5 + 3, 3),
        ("lite_ppo", -1.2 - 0.5 + 3, 3),
        ("dr_grpo", (-1.2 - 0.5 + 3) / 4, 2),
        # Ratios of the responses: sqrt(1.5 * .5) = .866025, within the clip, and 1.5: -.866025 + 3.
        ("gspo", -0.866025 + 3, 2),
        # Weights 1.2, .5, 1.2 on A log pi: -(1.2 ln 1.5 + .5 ln .5 - 2.4 ln 1.5).
        ("cispo", -(1.2 * 0.405465 - 0.5 * 0.693147 - 2.4 * 0.405465), 3),
        ("clip_cov", -1.2 - 0.5 + 3, 3),  # the value is that of dapo; the gradient of the first token is dropped
        ("kl_cov", -1.5 + 0.405465 - 0.5 + 3, 3),  # no clip, and abs(ln 1.5) at the first token
    ],
)
def test_every_loss_by_hand(name, total, count):
    out = loss(name)
    assert float(out.total) == pytest.approx(total, abs=WRITTEN)
    assert float(out.count) == count


def test_clip_higher_and_dual_clip_by_hand():
    """High .28: -1.28. Dual clip 1.3 at A = -2: min(1.3 * -2, 1.2 * -2) = -2.6; without it -3."""
    assert float(loss("dapo", clip_high=0.28).total) == pytest.approx(-1.28 - 0.5 + 3, abs=WRITTEN)
    out = loss("dapo", dual_clip=1.3)
    assert float(out.total) == pytest.approx(-1.2 - 0.5 + 2.6, abs=WRITTEN)
    assert float(out.sums["clip/high"]) == 2 and float(loss("dapo").sums["clip/high"]) == 1


def test_a_dual_clip_stops_the_gradient_of_a_bad_token():
    def total(log_prob, cap):
        return loss("dapo", TOKENS._replace(log_prob=log_prob), dual_clip=cap).total

    assert jax.grad(total)(TOKENS.log_prob, 0.0)[1, 0] == pytest.approx(3.0)
    assert jax.grad(total)(TOKENS.log_prob, 1.3)[1, 0] == 0.0


def test_cispo_clips_the_weight_and_keeps_the_gradient():
    """d/d log pi = -weight A at every token, also where the weight is at its cap of 5 (high = 4)."""
    gradient = jax.grad(lambda x: loss("cispo", TOKENS._replace(log_prob=x), clip_high=4.0).total)(jnp.log(RATIO * 4))
    np.testing.assert_allclose(gradient, [[-5.0, -2.0], [10.0, 0.0]], rtol=1e-6)


def test_truncated_importance_by_hand():
    """Trainer over sampler 2, 1/2 and 4, cap 2: weights 2, .5, 2: (-2.4 - .25) / 2 + 6."""
    tokens = TOKENS._replace(sampler_log_prob=-jnp.log(jnp.array([[2.0, 0.5], [4.0, 1.0]])))
    out = loss("grpo", tokens, importance_cap=2.0)
    assert float(out.total) == pytest.approx(-1.325 + 6, abs=WRITTEN)
    assert float(out.sums["importance/mean"]) == pytest.approx(4.5)
    assert float(out.sums["importance/capped"]) == 2
    kl = {"beta": 0.1, "importance_cap": 2.0}
    with_kl = loss("grpo", tokens._replace(ref_log_prob=jnp.log(RATIO) + 0.5), **kl)
    assert float(with_kl.total - out.total) == pytest.approx(0.1 * 2 * 0.148721, abs=WRITTEN)  # the KL is not weighted


@pytest.mark.parametrize(
    ("importance", "bounds", "total", "outside"),
    [
        # Trainer over sampler 2 and 1/2, then 4: the products are 1 and 4. The gains are -1.2 and -.5, and 3.
        ("sequence_truncate", {"importance_cap": 2.0}, (-1.2 - 0.5) / 2 + 2 * 3, 1),
        ("sequence_mask", {"importance_cap": 2.0}, (-1.2 - 0.5) / 2, 1),
        ("token_mask", {"importance_cap": 3.0}, (2 * -1.2 - 0.5 * 0.5) / 2, 1),
        ("token_mask", {"importance_cap": 3.0, "importance_floor": 0.6}, 2 * -1.2 / 2, 2),
        ("token_truncate", {"importance_cap": 3.0, "importance_floor": 0.6}, (2 * -1.2 - 0.6 * 0.5) / 2 + 3 * 3, 2),
    ],
)
def test_importance_weights_by_hand(importance, bounds, total, outside):
    """The last token is masked, so that its ratio of e^-9 does not enter the product."""
    gap = jnp.log(jnp.array([[2.0, 0.5], [4.0, 1.0]])) - jnp.array([[0.0, 0.0], [0.0, 9.0]])
    out = loss("grpo", TOKENS._replace(sampler_log_prob=-gap), importance=importance, **bounds)
    assert float(out.total) == pytest.approx(total, abs=WRITTEN)
    assert float(out.sums["importance/capped"]) == outside


def test_clip_cov_drops_the_gradient_of_the_chosen_tokens_by_hand():
    """Unclipped ratios of .9 and 1.1 have the slope -rho A, -(-2) x 1.1 in the second row."""
    tokens = TOKENS._replace(log_prob=jnp.log(jnp.array([[0.9, 0.9], [1.1, 9.0]])))
    slope = lambda name: jax.grad(lambda x: loss(name, tokens._replace(log_prob=x)).total)(tokens.log_prob)  # noqa: E731
    np.testing.assert_allclose(slope("dapo"), [[-0.9, -0.9], [2.2, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(slope("clip_cov"), [[0.0, -0.9], [2.2, 0.0]], rtol=1e-6)
    assert float(loss("clip_cov", tokens).sums["clip/covariance"]) == 1  # the other one is masked


def test_kl_cov_pulls_the_chosen_tokens_back_by_hand():
    """The first token has ratio .9, so that log pi lies below log pi_old: its penalty of .5 adds the slope -.5."""
    tokens = TOKENS._replace(log_prob=jnp.log(jnp.array([[0.9, 1.5], [1.5, 9.0]])))
    total = lambda x: loss("kl_cov", tokens._replace(log_prob=x), covariance_weight=0.5).total  # noqa: E731
    np.testing.assert_allclose(jax.grad(total)(tokens.log_prob), [[-1.4, -1.5], [3.0, 0.0]], rtol=1e-6)


def test_a_target_entropy_takes_the_weights_of_the_batch():
    entropy = jnp.array([[1.0, 3.0], [2.0, 9.0]])
    tokens = TOKENS._replace(entropy=entropy, entropy_weight=jnp.array([0.1, 0.2]))
    out = loss("grpo", tokens, target_entropy=0.5, entropy_bonus=7.0)
    assert float(out.total) == pytest.approx(2.15 - 0.1 * 2 - 0.2 * 2, abs=WRITTEN)


def test_entropy_bonus_by_hand():
    """Means over tokens 2 and 2, times .1, are taken off; the gradient reaches the entropy of unmasked tokens."""
    entropy = jnp.array([[1.0, 3.0], [2.0, 9.0]])
    total = lambda values: loss("grpo", TOKENS._replace(entropy=values), entropy_bonus=0.1).total  # noqa: E731
    assert float(total(entropy)) == pytest.approx(2.15 - 0.4, abs=WRITTEN)
    np.testing.assert_allclose(jax.grad(total)(entropy), [[-0.05, -0.05], [-0.1, 0.0]], atol=1e-7)


def test_masking_truncated_completions():
    mask = mask_truncated(MASK, jnp.array([True, False]))
    np.testing.assert_array_equal(mask, [[False, False], [True, False]])
    out = loss("grpo", TOKENS._replace(mask=mask))
    assert (float(out.total), float(out.count)) == (pytest.approx(3.0), 2.0)  # it still counts as a response
    assert float(loss("dapo", TOKENS._replace(mask=mask)).count) == 1.0


# --- estimators of the KL ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "up", "down"), [("k1", -0.5, 0.5), ("k2", 0.125, 0.125), ("k3", 0.148721, 0.106531)])
def test_estimators_by_hand(name, up, down):
    got = ESTIMATORS[name](jnp.zeros(3), jnp.array([0.5, -0.5, 0.0])).value
    np.testing.assert_allclose(got, [up, down, 0.0], atol=WRITTEN)


def test_the_correction_enters_the_loss():
    tokens = TOKENS._replace(ref_log_prob=TOKENS.log_prob + 0.5)
    plain, mended = (loss("dapo", tokens, beta=0.1, kl_correction=flag) for flag in (False, True))
    assert float(mended.total - plain.total) == pytest.approx(0.1 * 0.148721 * (1.5 + 0.5 + 1.5 - 3), abs=WRITTEN)
    assert float(mended.sums["kl/mean"]) == float(plain.sums["kl/mean"])  # the metric is the plain estimate


@pytest.mark.parametrize("name", ["dapo", "gspo"])
def test_k2_is_weighed_by_the_ratio_of_the_token(name):
    """k2 = .125 at three tokens with the ratios 1.5, .5 and 1.5; gspo's own ratio of the first response is .866."""
    tokens = TOKENS._replace(ref_log_prob=TOKENS.log_prob + 0.5)
    added = loss(name, tokens, beta=0.1, kl="k2").total - loss(name).total
    by_hand = {"dapo": 1.5 + 0.5 + 1.5, "gspo": (1.5 + 0.5) / 2 + 1.5}[name]
    assert float(added) == pytest.approx(0.1 * 0.125 * by_hand, abs=WRITTEN)


def test_the_sequence_target_moves_the_advantages_by_hand():
    """log pi / pi_ref sums to 1 and to -1 (the last token is masked): minus the group's mean of 0, times .1.

    Advantages 1 - .1 and -2 + .1: clipped gains 1.2 x .9 and .5 x .9, and 1.5 x -1.9.
    """
    gap = jnp.array([[0.25, 0.75], [-1.0, 9.0]])
    tokens = TOKENS._replace(ref_log_prob=TOKENS.log_prob - gap)
    out = loss("bnpo", tokens, beta=0.1, kl="k1", kl_target="sequence", group_size=2)
    assert float(out.total) == pytest.approx(-(1.2 + 0.5) * 0.9 + 1.5 * 1.9, abs=WRITTEN)
    assert float(out.sums["kl/mean"]) == float(loss("bnpo", tokens, beta=0.1).sums["kl/mean"])
    with pytest.raises(ValueError, match="at least two"):
        loss("bnpo", tokens, beta=0.1, kl="k1", kl_target="sequence")


# --- all of them ------------------------------------------------------------------------------------------------------

EVERYTHING = {"clip_high": 0.28, "dual_clip": 3.0, "beta": 0.3, "kl_correction": True}
EVERYTHING |= {"entropy_bonus": 0.2, "importance_cap": 1.5}


def random_tokens(seed: int, rows: int = 4, length: int = 5) -> Tokens:
    rng = np.random.default_rng(seed)
    draw = lambda scale: jnp.asarray(rng.normal(-2, scale, (rows, length)), jnp.float32)  # noqa: E731
    old = draw(0.3)
    now = old + 0.3 * (draw(1.0) + 2)
    mask = jnp.asarray(rng.random((rows, length)) < 0.7).at[0].set(False)
    advantages = jnp.asarray(rng.normal(0, 1, rows), jnp.float32)
    ref, entropy, sampler = now + 0.2 * (draw(1.0) + 2), -draw(0.3), old + 0.4 * (draw(1.0) + 2)
    return Tokens(now, old, advantages, mask, ref, entropy, sampler, jnp.asarray(rng.random(mask.shape) < 0.3))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_against_finite_differences(name):
    """Per token of log pi and of the entropy. The weight of CISPO is a constant, so there it is held at its place.

    Clip-Cov stops gradients that a difference sees, so that no token is chosen; its slope has a test of its own.
    """
    tokens = random_tokens(3)
    tokens = tokens._replace(chosen=tokens.chosen & (name != "clip_cov"))
    held = LOSSES[name].surrogate == "weighted"

    def total(log_prob, entropy):
        old = tokens.old_log_prob + jax.lax.stop_gradient(log_prob - tokens.log_prob) * held
        shifted = tokens._replace(log_prob=log_prob, entropy=entropy, old_log_prob=old)
        return loss(name, shifted, **EVERYTHING | {"kl_correction": not held, "importance_cap": 0.0}).total

    gradients = jax.jit(jax.grad(total, argnums=(0, 1)))(tokens.log_prob, tokens.entropy)
    compiled, step = jax.jit(total), 2e-3
    for index in np.ndindex(*tokens.mask.shape):
        nudge = jnp.zeros(tokens.mask.shape).at[index].set(step)
        up, down = compiled(tokens.log_prob + nudge, tokens.entropy), compiled(tokens.log_prob - nudge, tokens.entropy)
        # float32 sums of a few units leave 1e-3 at this step
        assert float(gradients[0][index]) == pytest.approx(float(up - down) / (2 * step), abs=3e-3)
        up, down = compiled(tokens.log_prob, tokens.entropy + nudge), compiled(tokens.log_prob, tokens.entropy - nudge)
        assert float(gradients[1][index]) == pytest.approx(float(up - down) / (2 * step), abs=3e-3)


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 1000), cut=st.integers(1, 3))
@settings(max_examples=10, deadline=None)
def test_micro_batches_add_up(name, seed, cut):
    tokens = random_tokens(seed)
    whole = loss(name, tokens, **EVERYTHING)
    parts = [
        loss(name, jax.tree.map(lambda leaf, s=s: leaf[s], tokens), **EVERYTHING) for s in (np.s_[:cut], np.s_[cut:])
    ]
    # Twenty float32 terms in another order: 20 roundings of 6e-8 of sums that may reach a hundred.
    for field in ("total", "count", "sums"):
        added = jax.tree.map(jnp.add, getattr(parts[0], field), getattr(parts[1], field))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), added, getattr(whole, field))


@pytest.mark.parametrize("name", LOSSES)
def test_masked_tokens_do_not_matter(name):
    tokens = random_tokens(1)
    noise = jnp.where(tokens.mask, 0.0, 7.0)
    other = tokens._replace(log_prob=tokens.log_prob - noise, entropy=tokens.entropy + noise)
    assert float(loss(name, other, **EVERYTHING).total) == pytest.approx(float(loss(name, tokens, **EVERYTHING).total))


def test_every_choice_names_what_there_is():
    for choice in LOSSES.values():
        assert choice.ratio in RATIOS and choice.surrogate in SURROGATES and choice.aggregation in AGGREGATIONS
        assert choice.source and choice.covariance in SELECTIONS.keys() | {""}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"kl": "k4"}, "KL estimator.*'k4'"),
        ({"kl": "k1", "beta": 0.1}, "kl=k1 penalises nothing.*kl=k2.*kl_correction=true"),
        ({"kl_target": "reward"}, "kl_target=reward is unknown; use one of token, sequence"),
        ({"kl": "k3", "kl_target": "sequence"}, "kl=k3 in the advantages.*no divergence; use --config.grpo.kl=k1"),
        ({"kl": "k2", "kl_target": "sequence"}, "kl=k2 in the advantages.*no divergence; use --config.grpo.kl=k1"),
        ({"kl": "k1", "kl_target": "sequence", "kl_correction": True}, "kl_correction=true belongs to .*token"),
        ({"clip_low": -0.1}, "clip_low=-0.1: it must not be negative"),
        ({"importance": "token"}, "importance weight.*'token'; did you mean 'token_mask'"),
        ({"importance": "token_mask"}, "importance=token_mask weighs nothing without --config.grpo.importance_cap"),
        ({"importance_cap": 0.9, "importance_floor": 0.5}, "1, the weight of equal probabilities, must lie between"),
        ({"dual_clip": 1.1}, "dual_clip=1.1 must lie above 1 . clip_high = 1.2"),
    ],
)
def test_constants_out_of_range(constants, message):
    with pytest.raises(UserError, match=message):
        LossConfig(**constants)


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(UserError, match="'grop'; did you mean 'grpo'"):
        get_loss("grop")


@pytest.mark.parametrize(
    ("constants", "missing"),
    [
        ({"beta": 0.1}, "ref_log_prob"),
        ({"entropy_bonus": 0.1}, "entropy"),
        ({"importance_cap": 2.0}, "sampler"),
        ({"target_entropy": 1.0}, "entropy"),
    ],
)
def test_what_the_settings_need_must_be_given(constants, missing):
    with pytest.raises(ValueError, match=missing):
        loss("grpo", **constants)


def test_dr_grpo_needs_the_limit():
    with pytest.raises(ValueError, match="limit"):
        loss("dr_grpo", max_tokens=0)
