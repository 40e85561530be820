"""What a step learns from: groups scored while others are sampled, flat ones replaced; how far the sampler strays."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import experiment_config, lora, records

from alignment.adapters.stack import Stack, push
from alignment.parallel.data_parallel import choose_devices
from alignment.rewards.combine import init_rewards, make_reward_config
from alignment.rollout import kv_cache
from alignment.rollout.sampler import load_sampler
from alignment.rollout.scheduler import Layout
from alignment.training import collect as collect_room
from alignment.training.collect import Collector, collect, refill, serving_policy
from alignment.training.mismatch import mismatch, mismatch_sums
from alignment.training.state import Frozen, init_state, make_optimizer

RECORDS = records(12)


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    config = experiment_config(tmp_path_factory.mktemp("collect"))
    config.grpo.update(prompts=4, group_size=3, max_new_tokens=10, steps=4)
    sampler = load_sampler(config, choose_devices("jit", 1))
    reward_config = make_reward_config("decoupled_v1", ("effective_ratio=1",))
    return Collector(sampler, Frozen(sampler.base.params, Stack(), Stack()), config.grpo, reward_config)


@pytest.fixture(scope="module")
def state(collector):
    adapter = lora(3, config=collector.sampler.base.config)
    return init_state(
        adapter, make_optimizer(collector.section, 4), jax.random.key(0), init_rewards(collector.reward_config)
    )


def with_sampler(collector, **changes):
    return collector._replace(sampler=dataclasses.replace(collector.sampler, **changes))


@pytest.mark.ci
def test_scoring_by_group_is_scoring_at_once_and_in_order(collector, state):
    """Two sequences at a time, or all at once: the same completions, responses and rewards."""
    whole = collect(collector, state, RECORDS[:4], step=1)
    parts = collect(with_sampler(collector, layout=Layout(sequences=2, chunk=3)), state, RECORDS[:4], step=1)
    np.testing.assert_array_equal(parts.group.completions, whole.group.completions)
    assert [one.text for one in parts.responses] == [one.text for one in whole.responses]
    assert len(whole.responses) == 12 and whole.records == RECORDS[:4]
    once = collect_room.judge(collector, whole.group, whole.responses, whole.records, 1)
    for name, values in once.items():
        np.testing.assert_array_equal(whole.channels[name], values)
        np.testing.assert_array_equal(parts.channels[name], values)
    assert whole.metrics["time/rollout"] >= whole.metrics["time/device_wait"] > 0
    assert 0 < whole.metrics["rollout/utilisation"] <= 1


def test_groups_are_scored_while_the_device_still_samples(collector, state, monkeypatch):
    """The first group is judged before the last chunk has been asked for."""
    events = []
    real_judge, real_decode = collect_room.judge, kv_cache.decode_chunk

    def judged(*args, **kwargs):
        events.append("judge")
        return real_judge(*args, **kwargs)

    def decoded(*args, **kwargs):
        events.append("decode")
        return real_decode(*args, **kwargs)

    monkeypatch.setattr(collect_room, "judge", judged)
    monkeypatch.setattr(kv_cache, "decode_chunk", decoded)
    collect(
        with_sampler(collector, layout=Layout(sequences=3, samples_per_slot=3, chunk=4)), state, RECORDS[:4], step=0
    )
    assert events.count("judge") == 4
    assert events.index("judge") < len(events) - 1 - events[::-1].index("decode")


def flat_when(marked):
    """A reward that is the same for all samples of the questions whose id is marked, and differs for the others."""

    def reward(raw, groups):
        values = np.asarray(raw["mark"]).reshape(groups, -1)
        return type("Rewards", (), {"combined": values})(), None

    return reward


def marked_collect(monkeypatch, flat):
    """Let every collected group carry the channel `mark`: all zeros for the questions in `flat`."""
    real, asked = collect, []

    def marked(collector, state, questions, step, attempt=0):
        asked.append([record.id for record in questions])
        found = real(collector, state, questions, step, attempt)
        marks = np.stack([np.zeros(3) if record.id in flat else np.arange(3.0) for record in questions])
        return found._replace(channels=found.channels | {"mark": marks.ravel()})

    monkeypatch.setattr(collect_room, "collect", marked)
    return marked, asked


def refilled(collector, state, monkeypatch, flat, budget, step=2, seed=5):
    marked, asked = marked_collect(monkeypatch, flat)
    section = collector.section.copy_and_resolve_references()
    section.refill = budget
    chosen = collector._replace(section=section)
    first = marked(chosen, state, RECORDS[:4], step)
    return first, refill(chosen, state, first, RECORDS, step, seed, flat_when(flat)), asked


def test_flat_groups_are_replaced_by_other_questions(collector, state, monkeypatch):
    flat = {"tiny-1", "tiny-2", "tiny-5"}
    first, got, asked = refilled(collector, state, monkeypatch, flat, budget=5)
    assert len(got.records) == 4 and got.metrics["groups/refilled"] == 2
    assert got.metrics["groups/zero_variance_before"] == 0.5
    assert [got.records[index].id for index in (0, 3)] == ["tiny-0", "tiny-3"]  # what was useful stays in its place
    assert not {record.id for record in got.records} & flat and len({record.id for record in got.records}) == 4
    assert len(asked[1]) == 2 and not set(asked[1]) & {record.id for record in RECORDS[:4]}
    np.testing.assert_array_equal(got.group.completions[0][:, :4], first.group.completions[0][:, :4])
    assert len(got.responses) == 12 and all(len(channel) == 12 for channel in got.channels.values())


def test_a_refill_is_the_same_again_and_another_for_another_step(collector, state, monkeypatch):
    flat = {"tiny-1"}
    runs = [refilled(collector, state, monkeypatch, flat, 2, step)[1] for step in (2, 2, 3)]
    ids = [[record.id for record in run.records] for run in runs]
    assert ids[0] == ids[1] != ids[2] or len({tuple(one) for one in ids}) > 1
    np.testing.assert_array_equal(runs[0].group.completions, runs[1].group.completions)


def test_the_budget_ends_it_and_what_is_left_stays(collector, state, monkeypatch):
    everything = {record.id for record in RECORDS}
    first, got, asked = refilled(collector, state, monkeypatch, everything, budget=2)
    assert len(asked) == 3 and got.metrics["groups/refilled"] == 0
    assert [record.id for record in got.records] == [record.id for record in first.records]
    _, none, asked = refilled(collector, state, monkeypatch, everything, budget=0)
    assert len(asked) == 1 and "groups/refilled" not in none.metrics


def test_a_refill_compiles_nothing(collector, state):
    from alignment.benchmarks.measure import counted_compiles

    collect(collector, state, RECORDS[:4], 0)
    collect(collector, state, RECORDS[4:5], 0, attempt=1)
    with counted_compiles() as seen:
        collect(collector, state, RECORDS[4:8], 1)
        collect(collector, state, RECORDS[8:9], 1, attempt=1)
    assert seen == []


def test_merged_adapters_decode_as_the_stack_does_and_say_how_far_off_they_are(collector, state):
    merged = with_sampler(collector, merge="float32")
    params, stack = serving_policy(merged, state)
    assert stack == Stack() and params["embed"].dtype == jnp.float32
    assert serving_policy(collector, state)[1].names == push(Stack(), "trainable", state.lora).names
    one, other = (collect(which, state, RECORDS[:4], step=1) for which in (collector, merged))
    same = (one.group.completions == other.group.completions).all(axis=-1)
    assert same.mean() > 0.8  # float32: the two round differently, and seldom choose differently
    gap = np.abs(one.group.log_prob - other.group.log_prob)[same]
    # Of logits up to some ten: 26 roundings of 2^-24 each way (tiny.py) are 3e-5, and over twelve tokens they add up.
    assert 0 < gap.max() < 1e-3


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
