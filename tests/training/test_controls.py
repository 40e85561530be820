"""What a reward stage changes from one rollout to the next: the entropy's weight, chosen tokens and the reference."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import CONFIG, experiment_config, grpo_batch, lora, params

from alignment.adapters.stack import make_stack
from alignment.config import default_config
from alignment.errors import UserError
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training import loop
from alignment.training.checks import check_grpo
from alignment.training.controls import choose_tokens, hold_entropy, reset_reference
from alignment.training.losses import make_grpo_loss
from alignment.training.state import Frozen, init_state, make_optimizer, with_reference
from alignment.training.step import Term, make_step

KEY = jax.random.key(0)


def section(**options):
    config = default_config().grpo
    config.update(options)
    return config


def batch_of_entropy(entropy):
    """The tiny rollout with -log pi equal to `entropy` at every token, and noise where the mask is false."""
    made = grpo_batch()
    return made.replace(log_prob=jnp.where(made.mask, -entropy, 9.0))


def test_the_weight_of_the_entropy_follows_its_target_by_hand():
    """Below .5 it rises by .01 a step, above it acts no more and falls, and never below 0."""
    config = section(target_entropy=0.5, entropy_rate=0.01, entropy_bonus=0.02)
    state, weights, coefficients = init_state(lora(2), optax.sgd(1.0), KEY, config), [], []
    for entropy in (0.4, 0.3, 0.6, 0.7, 0.8, 0.9, 0.4):
        state, batch = hold_entropy(state, batch_of_entropy(entropy), config)
        assert batch.entropy_weight.shape == (batch.mask.shape[0],)
        weights.append(float(batch.entropy_weight[0]))
        coefficients.append(float(state.entropy_weight))
    np.testing.assert_allclose(weights, [0.03, 0.04, 0, 0, 0, 0, 0.01], atol=1e-7)
    np.testing.assert_allclose(coefficients, [0.03, 0.04, 0.03, 0.02, 0.01, 0, 0.01], atol=1e-7)


def test_only_losses_that_name_a_rule_get_chosen_tokens():
    batch = grpo_batch()
    assert choose_tokens(batch, section(loss="grpo"), np.random.default_rng(0)) is batch
    chosen = choose_tokens(batch, section(loss="kl_cov", covariance_share=0.5), np.random.default_rng(0)).chosen
    assert int(chosen.sum()) == int(batch.mask.sum()) // 2 and not np.any(chosen & ~batch.mask)


@pytest.mark.ci
def test_a_reset_makes_the_current_policy_the_reference_and_forgets_the_moments():
    optimizer = make_optimizer(section(learning_rate=0.1, warmup=0.0), 10)
    start = Frozen(params(), make_stack({"under": lora(1)}), make_stack({"under": lora(1)}))
    assert with_reference(start, init_state(lora(2), optimizer, KEY)) is start
    state = init_state(lora(2), optimizer, KEY, section(reference_reset=1))
    before = state.reference
    loss = make_grpo_loss(CONFIG, temperature=1.0, remat=False, beta=0.5, kl="k2")
    step = jax.jit(make_step((Term("grpo", loss),), optimizer))
    state, first = step(state, start, {"grpo": grpo_batch()})
    jax.tree.map(np.testing.assert_array_equal, state.reference, before)  # the step passes it on
    _, moved = step(state, start, {"grpo": grpo_batch()})
    state = reset_reference(state, optimizer)
    _, after = step(state, start, {"grpo": grpo_batch()})
    # Two programs round the log-probabilities of one policy differently: k3 of 1e-6 is 1e-12 / 2.
    assert max(float(first["kl/mean"]), float(after["kl/mean"])) < 1e-10 < 1e-6 < float(moved["kl/mean"])
    counts = optax.tree.get_all_with_path(state.opt_state, "count")
    assert sorted(int(count) for _, count in counts) == [0, 1]  # of Adam and of the schedule
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(optax.tree.get(state.opt_state, "mu")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "kl_cov"}, "loss=kl_cov pulls back to the policy that sampled.*minibatches"),
        ({"covariance_low": 5.0}, "covariance_low=5.0 must lie below --config.grpo.covariance_high=5.0"),
        ({"reference_reset": 3, "beta": 0.0}, "reference_reset=3 resets the reference of a KL penalty.*beta=0"),
        ({"kl_target": "sequence"}, "kl=k3 in the advantages"),
    ],
)
def test_what_would_do_nothing_is_refused_before_training(options, message):
    with pytest.raises(UserError, match=message):
        check_grpo(section(**options), 1)


@pytest.mark.ci
def test_a_resumed_run_with_every_control_ends_with_the_same_bits(tmp_path, monkeypatch):
    """Stopped after 4 of 5 steps, between two resets."""
    config = experiment_config(tmp_path)
    config.arms, config.checkpoint.every = ("grpo_only",), 2
    config.grpo.update(loss="kl_cov", beta=0.1, kl_target="sequence", kl="k1", reference_reset=3, target_entropy=9.0)
    whole = execute(open_run(config, str(tmp_path / "whole")))[0].curve

    def stop_at_4(step):
        if step == 4:
            raise RuntimeError("stopped")

    monkeypatch.setattr(loop, "pretend_shortage", stop_at_4)
    with pytest.raises(RuntimeError, match="stopped"):
        execute(open_run(config, str(tmp_path / "resumed")))
    monkeypatch.undo()
    resumed = execute(open_run(config, str(tmp_path / "resumed")))[0].curve
    clocked = ("time", "_per_s", "compilations")  # what a clock or a warm process decides
    steady = [
        [{n: row[n] for n in row if not any(c in n for c in clocked)} for row in rows] for rows in (resumed, whole)
    ]
    assert steady[0] == steady[1]
    assert whole[3]["kl/mean"] < whole[2]["kl/mean"] and whole[-1]["entropy/weight"] > whole[0]["entropy/weight"] > 0
