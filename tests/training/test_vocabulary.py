"""A base whose embedding has more rows than its tokenizer has tokens, the others the most likely ids of all.

They are left out of sampling and of GRPO's policies alike, and stay in the loss of SFT and the likelihood of options.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict
from tiny import experiment_config, lora, records, write_folder

from alignment.adapters.stack import Stack, make_stack, push
from alignment.evaluation.option_likelihood import option_log_probs
from alignment.models.qwen2 import hidden_states, logits
from alignment.parallel.compilation import COMPILED
from alignment.parallel.data_parallel import choose_devices
from alignment.rewards.combine import make_reward_config
from alignment.rollout.base_model import encode_prompts
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import complete, load_sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.training.batches import SftBatch, make_grpo_batch
from alignment.training.losses import completion_log_probs, make_sft_loss
from alignment.training.options import TrainingOptions
from alignment.training.rollout import RolloutContext, sample_and_score
from alignment.training.state import Frozen, init_state
from alignment.training.update import GrpoData, make_update

TOKENS, ROWS = 438, 512
RECORDS = records(4)
FILTERS = [
    SamplingConfig(0.0),
    SamplingConfig(0.7),
    *(
        pytest.param(sampling, marks=pytest.mark.ci)
        for sampling in (SamplingConfig(0.7, top_k=3), SamplingConfig(1.0, top_p=0.9), SamplingConfig(1.0, min_p=0.3))
    ),
]

OPTIONS = TrainingOptions(choose_devices("jit", 1))


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("padded")
    config = experiment_config(folder)
    write_folder(folder / "base", extra_rows=ROWS - 448)
    config.grpo.update(prompts=4, group_size=3, max_new_tokens=10, steps=4, beta=0.1, minibatches=1, temperature=0.9)
    sampler = load_sampler(config, choose_devices("jit", 1))
    under = make_stack({"reasoning": lora(1, config=sampler.base.config)})
    reward_config = make_reward_config("decoupled_v1", ("effective_ratio=1",))
    return RolloutContext(sampler, Frozen(sampler.base.params, under, under), config.grpo, reward_config)


@pytest.fixture(scope="module")
def state(context):
    fresh = lora(3, config=context.sampler.base.config, trained=False)
    return init_state(fresh, optax.adam(1e-3), jax.random.key(0))


@pytest.fixture(scope="module")
def group(context, state):
    return sample_and_score(context, state, RECORDS, step=0).group


def answers(sampler, sampling):
    prompts = encode_prompts(sampler.base, RECORDS)
    keys = completion_keys(jax.random.key(2), 0, [prompt_hash(prompt) for prompt in prompts], 3)
    return complete(sampler, Stack(), prompts, keys, max_new_tokens=10, sampling=sampling)


def test_the_base_knows_the_ids_of_its_tokenizer(context):
    assert context.sampler.base.config.vocab_size == ROWS
    assert context.sampler.base.token_ranges == ((0, TOKENS),)


@pytest.mark.ci
@pytest.mark.parametrize("sampling", FILTERS, ids=str)
def test_no_id_without_a_token_is_sampled(context, sampling):
    completions = answers(context.sampler, sampling)
    assert completions.completions[completions.mask].max() < TOKENS
    everything = answers(
        dataclasses.replace(context.sampler, base=dataclasses.replace(context.sampler.base, token_ranges=None)),
        sampling,
    )
    assert (everything.completions[everything.mask] >= TOKENS).mean() > 0.5  # so the line above could fail


@pytest.mark.ci
def test_recorded_log_probabilities_are_those_of_the_policy_that_is_trained(context, state, group):
    """Also from plain sequences with a softmax over the tokens alone; float32 passes of two layers agree to 1e-4."""
    base, batch = context.sampler.base, make_grpo_batch(group, jnp.zeros(group.truncated.shape))
    stack = push(context.frozen.under, "trainable", state.lora)
    now = completion_log_probs(
        base.params, stack, batch, config=base.config, temperature=0.9, token_ranges=base.token_ranges
    )
    np.testing.assert_allclose(np.where(group.mask, now.log_prob, 0), group.log_prob, atol=1e-4)
    assert float(jnp.max(now.entropy)) <= np.log(TOKENS)
    start, length = int(group.prompt_mask[0].sum()), group.mask.shape[2]
    rows = np.concatenate([np.tile(group.prompts[0, :start], (3, 1)), group.completions[0]], axis=1)
    scores = logits(base.params, hidden_states(base.params, base.config, rows, stack))[:, start - 1 : -1]
    plain = jax.nn.log_softmax(scores[..., :TOKENS] / 0.9)
    picked = np.take_along_axis(np.asarray(plain), rows[:, -length:, None], axis=2)[..., 0]
    np.testing.assert_allclose(group.log_prob[0], np.where(group.mask[0], picked, 0), atol=1e-4)


def update_of(context, frozen, grpo, optimizer):
    config = ConfigDict({"grpo": grpo})
    return make_update(context.sampler.base, OPTIONS, frozen, GrpoData(RECORDS), config, optimizer, lora(2), seed=0)


@pytest.mark.ci
def test_an_update_starts_at_ratio_one_and_at_the_reference(context, state, group):
    """Two passes, so that the old policy is computed; the second ratio is near 1 for a small rate."""
    section = context.config.copy_and_resolve_references()
    update = update_of(context, context.frozen, section, optax.sgd(0.0))
    advantages = jnp.asarray(np.random.default_rng(0).normal(size=group.truncated.shape), jnp.float32)
    fresh = init_state(state.lora, optax.sgd(0.0), jax.random.key(0))
    _, once = update(fresh, make_grpo_batch(group, advantages), 0)
    assert once["ratio/max"] == once["ratio/mean"] == 1.0
    assert abs(once["kl/mean"]) < 1e-10 and once["sampler/logp_diff_max"] < 1e-4
    section.epochs = 2
    update = update_of(context, context.frozen, section, optax.sgd(0.0))
    _, twice = update(init_state(state.lora, optax.sgd(0.0), jax.random.key(0)), make_grpo_batch(group, advantages), 0)
    # The old log-probabilities come from a program of their own, which may round otherwise.
    assert twice["ratio/max"] == pytest.approx(1.0, abs=1e-4) and twice["sampler/logp_diff_max"] < 1e-4


@pytest.mark.ci
def test_rows_without_a_token_take_no_part_in_an_update(context, state, group):
    """Their values do not change one bit of the adapter after a step, with KL penalty and entropy bonus."""
    section = context.config.copy_and_resolve_references()
    section.entropy_bonus = 0.01
    advantages = jnp.asarray(np.random.default_rng(0).normal(size=group.truncated.shape), jnp.float32)
    adapters = []
    for scale in (1.0, -3.0):
        embed = context.sampler.base.params["embed"]
        params = context.sampler.base.params | {"embed": embed.at[TOKENS:].multiply(scale)}
        frozen = context.frozen.replace(params=params)
        update = update_of(context, frozen, section, optax.sgd(1.0))
        after, _ = update(
            init_state(state.lora, optax.sgd(1.0), jax.random.key(0)), make_grpo_batch(group, advantages), 0
        )
        adapters.append(after.lora.modules)
    jax.tree.map(np.testing.assert_array_equal, *adapters)
    assert any(np.any(leaf) for leaf in jax.tree.leaves(jax.tree.map(jnp.subtract, adapters[0], state.lora.modules)))


@pytest.mark.ci
def test_a_second_step_compiles_nothing(context, state):
    update = update_of(context, context.frozen, context.config, optax.sgd(0.1))
    events: list[str] = []

    def listen(name: str, *args, **kwargs) -> None:
        events.extend([name] * (name == COMPILED))

    def one_step(step):
        group = sample_and_score(context, state, RECORDS, step).group
        fresh = init_state(state.lora, optax.sgd(0.1), jax.random.key(0))
        update(fresh, make_grpo_batch(group, jnp.ones(group.truncated.shape)), step)

    one_step(1)
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        one_step(2)
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not events


def sft_nll(base, tokens, mask):
    loss = make_sft_loss(base.config, remat=False)
    fresh = lora(2, config=base.config, trained=False)
    batch = SftBatch(jnp.asarray(tokens), jnp.asarray(mask))
    total, tally = loss(fresh, Frozen(base.params, Stack(), Stack()), batch, jax.random.key(0))
    return float(total / tally.count)


def some_rows():
    tokens = np.random.default_rng(0).integers(3, TOKENS, (3, 14))
    return tokens, np.arange(14) >= np.array([[5], [8], [3]])


@pytest.mark.parity
def test_the_loss_of_sft_is_that_of_transformers_over_every_row(context):
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(context.sampler.base.folder, dtype=torch.float32)
    tokens, mask = some_rows()
    labels = torch.tensor(np.where(mask, tokens, -100))
    with torch.no_grad():
        theirs = float(model(torch.tensor(tokens), labels=labels).loss)
    # A mean of log-probabilities near -8, each off by 26 roundings of 2^-24 of logits of that size (tiny.py): 1.5e-6.
    assert sft_nll(context.sampler.base, tokens, mask) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.ci
def test_sft_and_option_likelihood_run_over_every_row(context):
    base, (tokens, mask) = context.sampler.base, some_rows()
    scores = logits(base.params, hidden_states(base.params, base.config, jnp.asarray(tokens)[:, :-1]))
    picked = jnp.take_along_axis(jax.nn.log_softmax(scores), tokens[:, 1:, None], axis=2)[..., 0]
    assert sft_nll(base, tokens, mask) == pytest.approx(-float(picked[mask[:, 1:]].mean()), rel=1e-5)  # as above
    over_tokens = jnp.take_along_axis(jax.nn.log_softmax(scores[..., :TOKENS]), tokens[:, 1:, None], axis=2)[..., 0]
    assert float(jnp.abs(picked - over_tokens).max()) > 1.0  # the other rows weigh, so the lines above mean something
    want = option_log_probs(base, RECORDS)
    assert option_log_probs(dataclasses.replace(base, token_ranges=None), RECORDS) == want
