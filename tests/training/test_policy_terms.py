"""Every loss and every constant of `config.grpo` reaches the loss that is trained."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, experiment_config, grpo_batch, lora, params

from alignment.adapters.stack import make_stack
from alignment.config import default_config
from alignment.errors import UserError
from alignment.objectives.family import LOSSES
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training.batches import make_grpo_batch
from alignment.training.checks import check_grpo
from alignment.training.losses import make_grpo_loss
from alignment.training.state import Frozen
from alignment.training.update import loss_constants

FLAGS = {
    "clip_low": 0.9,
    "clip_high": 40.0,
    "dual_clip": 2.0,
    "beta": 0.5,
    "kl": "k2",
    "kl_correction": True,
    "entropy_bonus": 0.1,
    "importance_cap": 1.5,
}


def section(**options):
    config = default_config().grpo
    config.update({"max_new_tokens": 6, "clip_high": 0.3} | options)
    return config


def batch():
    """The tiny rollout with the log-probabilities of the samples spread around those of the policy, some chosen."""
    made, rng = grpo_batch(), np.random.default_rng(1)
    old = jnp.asarray(rng.normal(-5.0, 1.5, made.mask.shape), jnp.float32)
    return made.replace(old_log_prob=old, chosen=jnp.asarray(rng.random(made.mask.shape) < 0.5))


def outcome(**options):
    chosen = section(**options)
    loss = make_grpo_loss(CONFIG, temperature=0.8, remat=False, loss=chosen.loss, **loss_constants(chosen))
    frozen = Frozen(params(), make_stack({}), make_stack({"reference": lora(1)}))
    total, tally = loss(lora(2), frozen, batch(), jax.random.key(0))
    return float(total), float(tally.count)


@pytest.fixture(scope="module")
def plain():
    return outcome()


@pytest.mark.ci
@pytest.mark.parametrize("name", FLAGS)
def test_every_constant_changes_the_loss(plain, name):
    total, count = outcome(**{name: FLAGS[name]})
    assert count == plain[1] and abs(total - plain[0]) > 1e-4


@pytest.mark.ci
def test_losses_count_what_they_are_divided_by(plain):
    outcomes = {name: outcome(loss=name) for name in LOSSES}
    completions, tokens = batch().mask.shape[:2], float(batch().mask.sum())
    counts = {name: count for name, (_, count) in outcomes.items()}
    assert outcomes["grpo"] == plain
    assert {counts[name] for name in ("grpo", "gspo", "dr_grpo")} == {float(np.prod(completions))}
    assert {counts[name] for name in ("bnpo", "dapo", "cispo", "lite_ppo", "clip_cov", "kl_cov")} == {tokens}
    # bnpo, dapo and lite_ppo differ by their constants and advantages, which the batch holds; clip_cov by its gradient.
    assert len({round(total, 4) for total, _ in outcomes.values()}) == len(LOSSES) - 3


def test_truncated_completions_are_left_out_on_demand():
    made = grpo_batch()
    truncated = np.zeros(made.mask.shape[:2], bool)
    truncated[0, 1] = True
    group = SimpleNamespace(truncated=truncated, prompts=made.prompts, prompt_mask=made.prompt_mask, mask=made.mask)
    group.completions, group.log_prob = made.completions, made.log_prob
    np.testing.assert_array_equal(make_grpo_batch(group, made.advantages).mask, made.mask)
    mask = make_grpo_batch(group, made.advantages, drop_truncated=True).mask
    assert not mask[0, 1].any()
    np.testing.assert_array_equal(mask[1:], made.mask[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "ppo"}, "loss .--config.grpo.loss. 'ppo'"),
        ({"kl": "k4"}, "KL estimator"),
        ({"dual_clip": 1.1}, "dual_clip=1.1"),
    ],
)
def test_what_cannot_work_is_refused_before_training(options, message):
    with pytest.raises(UserError, match=message):
        check_grpo(section(**options), 1)


@pytest.mark.ci
def test_a_whole_run_with_everything_on(tmp_path):
    config = experiment_config(tmp_path)
    config.arms = ("grpo_only",)
    config.grpo.update(steps=2, epochs=2, loss="cispo", clip_high=4.0, beta=0.05, kl="k1", kl_correction=True)
    config.grpo.update(entropy_bonus=0.01, importance_cap=2.0, mask_truncated=True)
    curve = execute(open_run(config, str(tmp_path / "run")))[0].curve
    assert len(curve) == 2 and all(np.isfinite(row["loss"]) and "importance/mean" in row for row in curve)
