"""Bandits: answers of one token with known payouts, sampled and updated as in training, from a uniform policy.

Every loss with its own advantage, and `grpo` with every advantage, must come to 0.9 of the best payout. A loss whose
sign, weighting or masking is wrong does not, and neither does a sampler whose tokens are not those that were scored.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, experiment_config, lora, params, records

from alignment.adapters.stack import Stack, push
from alignment.models.qwen2 import hidden_states
from alignment.objectives.advantages import ADVANTAGES
from alignment.objectives.family import LOSSES, get_advantage
from alignment.parallel.data_parallel import choose_devices
from alignment.rewards.combine import combine, init_rewards
from alignment.rewards.registry import ScoreBatch
from alignment.rollout.base_model import encode_prompts
from alignment.rollout.sampler import load_sampler
from alignment.training.batches import GrpoBatch, make_grpo_batch
from alignment.training.losses import TRAINABLE, completion_log_probs
from alignment.training.options import TrainingOptions
from alignment.training.rollout import RolloutContext, reward_config_of, sample_and_score
from alignment.training.state import Frozen, init_state, make_optimizer
from alignment.training.update import GrpoData, make_update

pytestmark = pytest.mark.ci

QUESTIONS = records(4)
ARMS, STEPS = 8, 60
PAYOUTS = np.arange(ARMS) / (ARMS - 1)  # 0.5 for the uniform policy, 1 at best
MODEL = CONFIG.replace(vocab_size=448, num_hidden_layers=1)


def payouts(record):
    """[8]: half of the questions pay for the last arm, the others for the first."""
    return PAYOUTS if QUESTIONS.index(record) % 2 else PAYOUTS[::-1]


def payout(batch: ScoreBatch) -> np.ndarray:
    """The reward channel: the first arm is the least id that the policy may sample, `payout.first`."""
    pairs = zip(batch.records, batch.token_ids, strict=True)
    return np.array([payouts(record)[token - payout.first] for record, (token,) in pairs], np.float32)


class Bandit:
    """A base whose policy is uniform over eight unused ids, and what rollouts and updates of it share."""

    def __init__(self, folder):
        self.config = experiment_config(folder)
        self.config.grpo.update(steps=STEPS, prompts=4, group_size=8, max_new_tokens=1, learning_rate=5e-3, warmup=0.0)
        self.config.grpo.update(reward="gated", channels=(f"{__name__}.payout=1",), beta=0.0)
        self.config.grpo.update(minibatches=1, epochs=2)  # two passes, so that a ratio is not always 1
        self.options = TrainingOptions(choose_devices("jit", 1))
        sampler = load_sampler(self.config, self.options.devices)
        prompts = encode_prompts(sampler.base, QUESTIONS)
        used = {token for prompt in prompts for token in prompt} | {*sampler.base.stop_ids, sampler.base.pad_id}
        first = next(i for i in range(MODEL.vocab_size) if used.isdisjoint(range(i, i + ARMS)))
        tree = params(0, MODEL)
        states = np.stack([hidden_states(tree, MODEL, jnp.asarray([prompt]))[0, -1] for prompt in prompts])
        rows = np.array(tree["embed"])
        arms = rows[first : first + ARMS]
        # Without their components along the states after the prompts, the arms have logits of 0, and so equal ones.
        rows[first : first + ARMS] = arms - arms @ np.linalg.pinv(states) @ states
        base = dataclasses.replace(
            sampler.base,
            params=tree | {"embed": jnp.asarray(rows)},
            config=MODEL,
            token_ranges=((first, first + ARMS),),
        )
        self.start, self.optimizer = lora(0, config=MODEL, trained=False), make_optimizer(self.config.grpo, 2 * STEPS)
        self.sampler, self.frozen = dataclasses.replace(sampler, base=base), Frozen(base.params, Stack(), Stack())
        self.context = RolloutContext(self.sampler, self.frozen, self.config.grpo, reward_config_of(self.config.grpo))
        payout.first, self.updates = first, {}
        tokens = np.zeros((4, max(map(len, prompts))), np.int32)
        for row, prompt in zip(tokens, prompts, strict=True):
            row[: len(prompt)] = prompt
        every = np.broadcast_to(np.arange(first, first + ARMS)[:, None], (4, ARMS, 1))
        self.every_arm = GrpoBatch(
            prompts=jnp.asarray(tokens),
            prompt_mask=jnp.asarray(np.arange(tokens.shape[1]) < np.array([[len(prompt)] for prompt in prompts])),
            completions=jnp.asarray(every),
            mask=jnp.ones(every.shape, bool),
            log_prob=jnp.zeros(every.shape),
            advantages=jnp.zeros(every.shape[:2]),
        )
        self.log_probs = jax.jit(
            functools.partial(completion_log_probs, config=MODEL, temperature=1.0, token_ranges=base.token_ranges)
        )

    def probabilities(self, state):
        """Those of the arms for every question, [4, 8]."""
        stack = push(Stack(), TRAINABLE, state.lora)
        probabilities = np.exp(self.log_probs(self.frozen.params, stack, self.every_arm).log_prob[..., 0])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)  # eight float32 terms
        return probabilities

    def update(self, loss, constants):
        """The update of `loss` with other `constants` of `config.grpo`, compiled once."""
        key = (loss, *sorted(constants.items()))
        if key not in self.updates:
            self.updates[key] = self.make_update(loss, constants)
        return self.updates[key]

    def make_update(self, loss, constants):
        config = self.config.copy_and_resolve_references()
        config.grpo.update(loss=loss, **constants)
        base, data = self.sampler.base, GrpoData(QUESTIONS)
        return make_update(base, self.options, self.frozen, data, config, self.optimizer, self.start, seed=0)


def expected_payout(probabilities):
    """The mean payout of a policy, exactly."""
    return float(np.mean([p @ payouts(record) for p, record in zip(probabilities, QUESTIONS, strict=True)]))


@pytest.fixture(scope="module")
def bandit(tmp_path_factory):
    return Bandit(tmp_path_factory.mktemp("bandit"))


def same_update(name):
    """The first loss with the same update: the aggregations agree on answers of one token, and constants are equal."""
    parts = [loss._replace(advantage="", aggregation="", source="") for loss in LOSSES.values()]
    return list(LOSSES)[parts.index(parts[list(LOSSES).index(name)])]


def steps(bandit, loss, advantage=None, sign=1.0, **constants):
    """Yield the probabilities of the arms [4, 8] before the first step, and after every fifth."""
    shared, config = loss if constants else same_update(loss), bandit.config.grpo.copy_and_resolve_references()
    config.update(constants)
    compute_advantages, reward_config = get_advantage(loss, advantage), bandit.context.reward_config
    state = init_state(bandit.start, bandit.optimizer, jax.random.key(1), config)
    reward_state = init_rewards(reward_config)
    for step in range(STEPS):
        if step % 5 == 0:
            yield bandit.probabilities(state)
        rollout = sample_and_score(bandit.context, state, QUESTIONS, step)
        rewards, reward_state = combine(reward_config, rollout.channels, 4, reward_state, step + 1, step / STEPS)
        advantages = sign * compute_advantages(jnp.asarray(rewards.combined), reward_config.std_floor)
        state, _ = bandit.update(shared, constants)(state, make_grpo_batch(rollout.group, advantages), step)
    yield bandit.probabilities(state)


CASES = [(name, None) for name in LOSSES] + [("grpo", advantage) for advantage in ADVANTAGES]


@pytest.mark.parametrize(("loss", "advantage"), CASES)
def test_every_loss_finds_the_best_arm_from_a_uniform_policy(bandit, loss, advantage):
    course = map(expected_payout, steps(bandit, loss, advantage))
    assert next(course) == pytest.approx(PAYOUTS.mean(), abs=1e-5)
    assert any(value >= 0.9 * PAYOUTS.max() for value in course)


def test_a_loss_of_the_wrong_sign_finds_the_worst_arm(bandit):
    assert any(value <= 0.1 * PAYOUTS.max() for value in map(expected_payout, steps(bandit, "grpo", sign=-1.0)))


BETA = 0.3


@pytest.mark.parametrize("target", [{"kl_target": "sequence", "kl": "k1"}, {"kl_target": "token", "kl": "k2"}])
def test_a_penalty_leads_to_the_optimum_of_the_regularised_reward(bandit, target):
    """E[r] - beta KL(pi || uniform) is at most beta log mean exp(r / beta) = 0.66.

    The uniform policy has 0.5, and the policy of the best arm 1 - 0.3 log 8 = 0.38. Answers of one token have but one
    reverse KL. Sampled gradients leave the policy near the optimum, so the last half of the course counts. k3 as a term
    of the loss, whose gradient is that of the forward KL, comes to 0.645.
    """
    best = BETA * np.log(np.mean(np.exp(PAYOUTS / BETA)))
    course = list(steps(bandit, "dr_grpo", beta=BETA, **target))
    objective = [expected_payout(p) - BETA * np.mean(np.sum(p * np.log(p * ARMS), axis=1)) for p in course]
    assert np.mean(objective[6:]) > 0.97 * best


def test_an_adaptive_weight_holds_the_entropy_at_its_target(bandit):
    """The plain loss falls from log 8 = 2.08 nat to below 0.3. With a target of 1 nat it passes it and comes back."""

    def entropies(course):
        return [float(-np.mean(np.sum(p * np.log(p), axis=1))) for p in course]

    plain = entropies(steps(bandit, "grpo"))
    held = entropies(steps(bandit, "grpo", target_entropy=1.0, entropy_rate=0.05))
    assert min(plain) < 0.3 and 0.6 < np.mean(held[6:]) < 1.4
