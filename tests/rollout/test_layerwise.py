"""Rollouts a layer at a time beside those of one program, and in a cache that grows and narrows."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import make_stack
from alignment.benchmarks.measure import counted_compiles
from alignment.rollout import layerwise
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import Layout, Policy, Requests, Scheduler, Stats, StopCondition, sample_groups

STACK = make_stack({"reasoning": lora(1), "reward": lora(2)})
NEVER = StopCondition((-1,), 0)
LIMITS = np.array([[10, 3, 1, 2], [2, 9, 3, 1], [1, 1, 2, 2], [3, 2, 1, 1]])  # [P, G] tokens: two are long
PAIRS = Layout(chunk=2)
FEW_LAYERS = CONFIG.num_hidden_layers - 1


@pytest.fixture
def short_and_deep(monkeypatch):
    """The tiny model counts as a deep one, and its cache begins with four tokens."""
    monkeypatch.setattr(layerwise, "MOST_LAYERS", FEW_LAYERS)
    monkeypatch.setattr(layerwise, "SHORTEST", 4)


def sample(layout=PAIRS, stats=None, temperature=1.0, stop=NEVER):
    tokens, mask = prompts()
    requests = Requests(np.asarray(tokens), np.asarray(mask), jax.random.split(jax.random.key(3), (4, 4)), 10, LIMITS)
    policy = Policy(params(), STACK, CONFIG)
    return sample_groups(policy, requests, SamplingConfig(temperature), stop, layout=layout, stats=stats)


def assert_same(got, want):
    for name in ("completions", "mask", "truncated"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    # The same sums in other shapes: tens of roundings of 5e-7.
    np.testing.assert_allclose(got.log_prob, want.log_prob, atol=1e-4)


@pytest.mark.parametrize("temperature", [1.0, pytest.param(0.0, marks=pytest.mark.ci)])
def test_a_layer_at_a_time_samples_the_same_tokens(short_and_deep, temperature):
    got = sample(temperature=temperature)
    assert_same(got, sample(Layout(whole=True), temperature=temperature))


def test_narrowing_changes_no_completion_and_decodes_fewer_positions(short_and_deep):
    """Two of sixteen completions are long: without narrowing the last steps decode all sixteen sequences."""
    whole, narrow = Stats(), Stats()
    want = sample(Layout(chunk=2, narrowest=16), whole)
    assert_same(sample(Layout(chunk=2, narrowest=1), narrow), want)
    assert whole.steps == narrow.steps == 10 and whole.positions == 10 * 16
    # Five are left after two steps, in four slots of two; after three steps the two long ones, after nine the longest.
    assert narrow.positions == 2 * 16 + 1 * 8 + 6 * 2 + 1
    assert narrow.tokens == LIMITS.sum() and narrow.utilisation > 2 * whole.utilisation


@pytest.mark.ci
def test_text_that_ends_a_completion_ends_it_in_a_narrowed_cache(short_and_deep):
    def find_stop(ids):
        return 6 if len(ids) >= 6 else None

    want, stats = sample(Layout(chunk=2, narrowest=16)), Stats()
    got = sample(Layout(chunk=2, narrowest=1), stats, stop=StopCondition((-1,), 0, find_stop))
    np.testing.assert_array_equal(got.mask.sum(axis=-1), np.minimum(LIMITS, 6))
    np.testing.assert_array_equal(np.where(got.mask, want.completions, 0), np.where(got.mask, got.completions, 0))
    assert stats.steps == 2 + 1 + 2 + 2  # a chunk ends early where the cache can be narrowed


@pytest.mark.ci
def test_waiting_samples_are_started_before_the_cache_narrows(short_and_deep):
    want, stats = sample(Layout(chunk=2, narrowest=16)), Stats()
    assert_same(sample(Layout(sequences=8, samples_per_slot=2, chunk=2, narrowest=1), stats), want)
    assert stats.prompts >= 4 and stats.positions < 8 * stats.steps


@pytest.mark.ci
def test_a_second_rollout_compiles_nothing(short_and_deep):
    sample(Layout(chunk=2, narrowest=1))
    with counted_compiles() as seen:
        sample(Layout(chunk=2, narrowest=1))
    assert seen == []


def test_which_models_are_run_a_layer_at_a_time(monkeypatch):
    deep = dataclasses.replace(CONFIG, num_hidden_layers=layerwise.MOST_LAYERS + 1)
    assert layerwise.serves(deep, jnp.float32, 1)
    others = (CONFIG, jnp.float32, 1), (deep, jnp.bfloat16, 1), (deep, jnp.float32, 2)
    assert not any(layerwise.serves(*other) for other in others)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not layerwise.serves(deep, jnp.float32, 1)


def scheduler_of(active):
    """A scheduler with nothing pending whose active sequences [Q, W] are those of `active`."""
    scheduler = Scheduler((len(active), 1), np.shape(active))
    scheduler.pending, scheduler.prompt = [], np.arange(len(active))
    scheduler.sample = np.where(np.asarray(active, bool), 0, -1)
    return scheduler


def test_what_narrowing_leaves():
    scheduler = scheduler_of([[0, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]])
    narrowing = scheduler.narrow(1)
    assert narrowing.slots.tolist() == [0, 2] and narrowing.sequences.tolist() == [[2, 0], [1, 3]]
    assert narrowing.is_used.tolist() == [[True, False], [True, True]]
    assert scheduler.prompt.tolist() == [0, 2] and scheduler.sample.tolist() == [[0, -1], [0, 0]]
    assert scheduler.narrow(1) is None  # three of four are active


def test_a_slot_with_many_active_sequences_becomes_several():
    """Of the shapes of one size that with the fewest slots is taken; four of two prompts need four slots of one."""
    scheduler = scheduler_of([[1, 1, 1, 1], [0, 0, 0, 1], *[[0] * 4] * 6])
    narrowing = scheduler.narrow(1)
    assert narrowing.slots.tolist() == [0, 1] and narrowing.sequences.shape == (2, 4)
    scheduler = scheduler_of([[1, 1, 1, 0], [0, 0, 0, 1], [0] * 4, [0] * 4])
    narrowing = scheduler.narrow(1)
    assert narrowing.slots.tolist() == [0, 0, 0, 1] and narrowing.sequences[:, 0].tolist() == [0, 1, 2, 3]
    assert narrowing.is_used.all() and scheduler.prompt.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("least, shape", [(1, (1, 1)), (3, (1, 4)), (8, (2, 4)), (9, None)])
def test_narrowing_leaves_at_least_so_many(least, shape):
    narrowing = scheduler_of([[1, 0, 0, 0], *[[0] * 4] * 3]).narrow(least)
    assert (narrowing and narrowing.sequences.shape) == shape


def test_after_how_few_active_sequences_narrowing_is_tried():
    active = np.zeros((4, 4))
    for count, halving in ((16, 8), (9, 8), (8, 4), (5, 4), (4, 0), (1, 0)):
        active.flat[:] = np.arange(16) < count
        assert scheduler_of(active).next_halving(4) == halving
