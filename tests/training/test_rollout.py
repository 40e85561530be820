"""What a step learns from: groups scored while others are sampled, flat ones replaced; how far the sampler strays."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import experiment_config, lora, records

from alignment.adapters.stack import Stack, push
from alignment.parallel.data_parallel import choose_devices
from alignment.rewards.combine import make_reward_config
from alignment.rollout import kv_cache
from alignment.rollout.sampler import load_sampler
from alignment.rollout.scheduler import Layout
from alignment.training import rollout as rollout_module
from alignment.training.mismatch import mismatch, mismatch_sums
from alignment.training.rollout import (
    RolloutContext,
    replace_zero_variance_groups,
    sample_and_score,
    sampling_policy,
)
from alignment.training.state import Frozen, init_state, make_optimizer

RECORDS = records(12)


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    config = experiment_config(tmp_path_factory.mktemp("rollout"))
    config.grpo.update(prompts=4, group_size=3, max_new_tokens=10, steps=4)
    sampler = load_sampler(config, choose_devices("jit", 1))
    reward_config = make_reward_config("decoupled_v1", ("effective_ratio=1",))
    return RolloutContext(sampler, Frozen(sampler.base.params, Stack(), Stack()), config.grpo, reward_config)


@pytest.fixture(scope="module")
def state(context):
    adapter = lora(3, config=context.sampler.base.config)
    return init_state(adapter, make_optimizer(context.config, 4), jax.random.key(0))


def with_sampler(context, **changes):
    return context._replace(sampler=dataclasses.replace(context.sampler, **changes))


@pytest.mark.ci
def test_scoring_by_group_is_scoring_at_once_and_in_order(context, state):
    """Two sequences at a time, or all at once: the same completions, responses and rewards."""
    whole = sample_and_score(context, state, RECORDS[:4], step=1)
    parts = sample_and_score(with_sampler(context, layout=Layout(sequences=2, chunk=3)), state, RECORDS[:4], step=1)
    np.testing.assert_array_equal(parts.group.completions, whole.group.completions)
    assert [one.text for one in parts.responses] == [one.text for one in whole.responses]
    assert len(whole.responses) == 12 and whole.questions == RECORDS[:4]
    once = rollout_module.score_completions(context, whole, 1)
    for name, values in once.items():
        np.testing.assert_array_equal(whole.channels[name], values)
        np.testing.assert_array_equal(parts.channels[name], values)
    assert whole.metrics["time/rollout"] >= whole.metrics["time/device_wait"] > 0
    assert 0 < whole.metrics["rollout/utilisation"] <= 1


def test_groups_are_scored_while_the_device_still_samples(context, state, monkeypatch):
    """The first group is scored before the last chunk has been sampled for."""
    events = []
    real_score, real_decode = rollout_module.score_completions, kv_cache.decode_chunk

    def scored(*args, **kwargs):
        events.append("score")
        return real_score(*args, **kwargs)

    def decoded(*args, **kwargs):
        events.append("decode")
        return real_decode(*args, **kwargs)

    monkeypatch.setattr(rollout_module, "score_completions", scored)
    monkeypatch.setattr(kv_cache, "decode_chunk", decoded)
    sample_and_score(
        with_sampler(context, layout=Layout(sequences=3, samples_per_slot=3, chunk=4)), state, RECORDS[:4], step=0
    )
    assert events.count("score") == 4
    assert events.index("score") < len(events) - 1 - events[::-1].index("decode")


def flat_when(channels, groups):
    """A reward that is the same for all samples of the marked questions, and differs for the others."""
    return SimpleNamespace(combined=np.asarray(channels["mark"]).reshape(groups, -1)), f"state after {groups}"


def marked_sampling(monkeypatch, flat):
    """Let every sampled group carry the channel `mark`: all zeros for the questions in `flat`."""
    real, sampled = sample_and_score, []

    def marked(context, state, questions, step, attempt=0):
        sampled.append([record.id for record in questions])
        rollout = real(context, state, questions, step, attempt)
        marks = np.stack([np.zeros(3) if record.id in flat else np.arange(3.0) for record in questions])
        return rollout._replace(channels=rollout.channels | {"mark": marks.ravel()})

    monkeypatch.setattr(rollout_module, "sample_and_score", marked)
    return marked, sampled


def refilled(context, state, monkeypatch, flat, budget, step=2, seed=5):
    marked, sampled = marked_sampling(monkeypatch, flat)
    config = context.config.copy_and_resolve_references()
    config.refill = budget
    context = context._replace(config=config)
    first = marked(context, state, RECORDS[:4], step)
    combined = flat_when(first.channels, 4)
    rollout, rewards, _ = replace_zero_variance_groups(
        context, state, first, combined, flat_when, RECORDS, (seed, step)
    )
    np.testing.assert_array_equal(rewards.combined, flat_when(rollout.channels, 4)[0].combined)
    return first, rollout, sampled


def test_flat_groups_are_replaced_by_other_questions(context, state, monkeypatch):
    flat = {"tiny-1", "tiny-2", "tiny-5"}
    first, rollout, sampled = refilled(context, state, monkeypatch, flat, budget=5)
    assert len(rollout.questions) == 4 and rollout.metrics["groups/refilled"] == 2
    assert rollout.metrics["groups/zero_variance_before"] == 0.5
    assert [rollout.questions[index].id for index in (0, 3)] == [
        "tiny-0",
        "tiny-3",
    ]  # what was useful stays in its place
    assert (
        not {record.id for record in rollout.questions} & flat and len({record.id for record in rollout.questions}) == 4
    )
    assert len(sampled[1]) == 2 and not set(sampled[1]) & {record.id for record in RECORDS[:4]}
    np.testing.assert_array_equal(rollout.group.completions[0][:, :4], first.group.completions[0][:, :4])
    assert len(rollout.responses) == 12 and all(len(channel) == 12 for channel in rollout.channels.values())


def test_a_refill_is_the_same_again_and_another_for_another_step(context, state, monkeypatch):
    flat = {"tiny-1"}
    runs = [refilled(context, state, monkeypatch, flat, 2, step)[1] for step in (2, 2, 3)]
    ids = [[record.id for record in run.questions] for run in runs]
    assert ids[0] == ids[1] != ids[2] or len({tuple(one) for one in ids}) > 1
    np.testing.assert_array_equal(runs[0].group.completions, runs[1].group.completions)


def test_the_budget_ends_it_and_what_is_left_stays(context, state, monkeypatch):
    everything = {record.id for record in RECORDS}
    first, rollout, sampled = refilled(context, state, monkeypatch, everything, budget=2)
    assert len(sampled) == 3 and rollout.metrics["groups/refilled"] == 0
    assert [record.id for record in rollout.questions] == [record.id for record in first.questions]


def test_a_refill_compiles_nothing(context, state):
    from alignment.benchmarks.measure import counted_compiles

    sample_and_score(context, state, RECORDS[:4], 0)
    sample_and_score(context, state, RECORDS[4:5], 0, attempt=1)
    with counted_compiles() as seen:
        sample_and_score(context, state, RECORDS[4:8], 1)
        sample_and_score(context, state, RECORDS[8:9], 1, attempt=1)
    assert seen == []


def test_merged_adapters_decode_as_the_stack_does_and_say_how_far_off_they_are(context, state):
    merged = with_sampler(context, merge="float32")
    params, stack = sampling_policy(merged, state)
    assert stack == Stack() and params["embed"].dtype == jnp.float32
    assert sampling_policy(context, state)[1].names == push(Stack(), "trainable", state.lora).names
    one, other = (sample_and_score(which, state, RECORDS[:4], step=1) for which in (context, merged))
    same = (one.group.completions == other.group.completions).all(axis=-1)
    assert same.mean() > 0.8  # float32: the two round differently, and seldom choose differently
    gap = np.abs(one.group.log_prob - other.group.log_prob)[same]
    # Of logits up to some ten: 26 roundings of 2^-24 each way (tiny.py) are 3e-5, and over twelve tokens they add up.
    # On a CPU float32 decoding adds the adapters to the weights as well, so that the two may be equal.
    assert gap.max() < 1e-3


def test_mismatch_by_hand():
    """Two tokens: x = (-1, -2), y = (-1.5, -2.5): one apart by a constant, so correlation 1 and all weights equal."""
    x, y = jnp.array([[-1.0, -2.0, 9.0]]), jnp.array([[-1.5, -2.5, 0.0]])
    mask = jnp.array([[True, True, False]])
    means = {name: float(total) / 2 for name, total in mismatch_sums(x, y, mask).items()}
    row = mismatch(means)
    # Sums of two numbers of few bits: a few roundings of 2^-24.
    assert row == pytest.approx(
        {"sampler/logp_diff_mean": 0.5, "sampler/correlation": 1.0, "sampler/effective_sample_size": 1.0}, abs=1e-6
    )
    # A few roundings of 2^-24 again. w = (e^1, 1): mean 1.859, mean of squares 4.195.
    means = {name: float(total) / 2 for name, total in mismatch_sums(x, y.at[0, 0].set(-2.0), mask).items()}
    assert mismatch(means)["sampler/effective_sample_size"] == pytest.approx(
        ((np.e + np.exp(0.5)) / 2) ** 2 / ((np.e**2 + np.e) / 2), rel=1e-5
    )


def test_correlation_is_that_of_numpy():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4, 6)).astype(np.float32)
    y = y + 0.5 * x
    mask = rng.random((4, 6)) < 0.7
    count = mask.sum()
    means = {name: float(total) / count for name, total in mismatch_sums(x, y, jnp.asarray(mask)).items()}
    assert mismatch(means)["sampler/correlation"] == pytest.approx(np.corrcoef(x[mask], y[mask])[0, 1], rel=1e-4)
    # (differences of sums of 24 squares, of which a tenth is left: some 240 roundings of 2^-24)
