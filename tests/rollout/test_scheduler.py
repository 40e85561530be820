"""Sampled completions against fresh forward passes, and three defects that rollout code often has."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import Stack, make_stack
from alignment.errors import UserError
from alignment.models.qwen2 import hidden_states, logits
from alignment.rollout import kv_cache
from alignment.rollout.keys import completion_keys, stage_key
from alignment.rollout.sampling import SamplingConfig
from alignment.rollout.scheduler import (
    Layout,
    Policy,
    Requests,
    Stats,
    StopCondition,
    sample_groups,
    stream_groups,
)

STACK = make_stack({"reasoning": lora(1), "reward": lora(2)})
STOPS = (7, 8)
STOP = StopCondition(STOPS, pad_id=0)


def sample(
    temperature=1.0,
    step=0,
    hashes=(1, 2, 3, 4),
    batch=None,
    length=10,
    samples=5,
    policy=None,
    stop=STOP,
    **options,
):
    tokens, mask = batch or prompts()
    keys = completion_keys(stage_key(0, "test"), step, hashes, samples)
    requests = Requests(np.asarray(tokens), np.asarray(mask), keys, length)
    policy = policy or Policy(params(), STACK, CONFIG)
    return sample_groups(policy, requests, SamplingConfig(temperature), stop, **options)


def fresh_log_probs(group, temperature, stack=STACK):
    """Log-probabilities from plain causal passes over prompt and completion."""
    out = np.zeros(group.mask.shape)
    for p, g in np.ndindex(*group.mask.shape[:2]):
        length = int(group.prompt_mask[p].sum())
        row = jnp.concatenate([group.prompts[p, :length], group.completions[p, g]])[None]
        scores = logits(params(), hidden_states(params(), CONFIG, row, stack))[0, length - 1 : -1] / (temperature or 1)
        picked = jax.nn.log_softmax(scores)[jnp.arange(group.mask.shape[2]), group.completions[p, g]]
        out[p, g] = np.where(group.mask[p, g], picked, 0)
    return out


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.0])
def test_recorded_log_probs_are_those_of_a_fresh_pass(temperature):
    group = sample(temperature)
    # Logits of a few units after two layers of float32 products: tens of roundings of 5e-7.
    np.testing.assert_allclose(group.log_prob, fresh_log_probs(group, temperature), atol=1e-4)


def test_greedy_takes_the_most_likely_token_everywhere():
    group = sample(temperature=0.0, samples=1)
    for p in range(4):
        length = int(group.prompt_mask[p].sum())
        row = jnp.concatenate([group.prompts[p, :length], group.completions[p, 0]])[None]
        best = jnp.argmax(logits(params(), hidden_states(params(), CONFIG, row, STACK))[0, length - 1 : -1], axis=-1)
        real = np.asarray(group.mask[p, 0])
        np.testing.assert_array_equal(group.completions[p, 0][real], best[real])


def test_the_chosen_end_token_stays_in_completion_and_mask():
    """Where the end token is cut off, the decision to stop gets no gradient."""
    group = sample()
    ended = ~np.asarray(group.truncated)
    assert ended.any()
    for p, g in np.argwhere(ended):
        count = int(group.mask[p, g].sum())
        assert int(group.completions[p, g, count - 1]) in STOPS
        assert not np.isin(group.completions[p, g, : count - 1], STOPS).any()
        assert float(group.log_prob[p, g, count - 1]) < 0


@pytest.mark.parametrize("pad_id", [0, 7, 30])
def test_masks_are_stored_and_never_computed_from_pad_ids(pad_id):
    """A mask of `id != pad` also hides real tokens, such as an end token that is used as padding too."""
    group, other = sample(stop=StopCondition(STOPS, pad_id)), sample()
    np.testing.assert_array_equal(group.mask, other.mask)
    np.testing.assert_array_equal(
        np.where(group.mask, group.completions, -1), np.where(other.mask, other.completions, -1)
    )
    assert (np.asarray(group.completions)[~np.asarray(group.mask)] == pad_id).all()


def test_no_two_steps_share_random_numbers():
    """A key that is not folded with the step samples the same completions at every step."""
    first, again, second = sample(step=0), sample(step=0), sample(step=1)
    np.testing.assert_array_equal(first.completions, again.completions)
    assert (np.asarray(first.completions) != np.asarray(second.completions)).any(axis=2).mean() > 0.9


def test_samples_of_a_prompt_differ():
    rows = {tuple(row) for row in np.asarray(sample().completions[1]).tolist()}
    assert len(rows) > 2


def test_a_completion_does_not_depend_on_batch_slot_or_order():
    tokens, mask = prompts()
    group = sample()
    order = np.array([2, 0])
    part = sample(hashes=(3, 1), batch=(tokens[order], mask[order]))
    np.testing.assert_array_equal(part.completions, group.completions[order])


def test_the_loop_stops_when_all_rows_have_ended():
    everything = tuple(range(CONFIG.vocab_size))
    group = sample(stop=StopCondition(everything, 0))
    np.testing.assert_array_equal(group.mask.sum(axis=-1), np.ones((4, 5)))
    assert not group.truncated.any()


def test_sampling_follows_the_distribution():
    """4,000 first tokens after one prompt against the model's own probabilities (chi-square, p > 1e-4)."""
    from scipy.stats import chisquare

    tokens, mask = prompts(lengths=(5,))
    group = sample(hashes=(1,), batch=(tokens, mask), length=1, samples=4000, policy=Policy(params(), Stack(), CONFIG))
    scores = logits(params(), hidden_states(params(), CONFIG, tokens))[0, 4]
    expected = np.asarray(jax.nn.softmax(scores), np.float64) * 4000
    counts = np.bincount(np.asarray(group.completions).ravel(), minlength=CONFIG.vocab_size)
    common = expected > 10
    expected = np.append(expected[common], expected[~common].sum())
    counts = np.append(counts[common], counts[~common].sum())
    assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4


# ---------------------------------------------------------------------------------------- slots and sequences


LAYOUTS = [
    Layout(sequences=1),
    Layout(sequences=3, samples_per_slot=1, chunk=2),
    Layout(sequences=4, samples_per_slot=2, chunk=3),
    Layout(sequences=8, samples_per_slot=5, chunk=100),
    Layout(sequences=20, samples_per_slot=4, chunk=1),
    Layout(min_groups=6),
]


@pytest.mark.ci
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_no_layout_changes_a_completion(layout):
    """However many sequences there are, whichever share a slot and whenever a sample starts: the same tokens."""
    want, got = sample(), sample(layout=layout)
    for name in ("completions", "mask", "truncated"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
    # The same sums in other shapes: tens of roundings of 5e-7.
    np.testing.assert_allclose(got.log_prob, want.log_prob, atol=1e-4)


def test_groups_come_when_they_are_complete_and_the_rest_goes_on():
    """Prompt 2 has the shortest completions, so its group comes before the others have been decoded to their end."""
    limits, stats, seen = np.array([[10] * 5, [10] * 5, [2] * 5, [9] * 5]), Stats(), []
    tokens, mask = prompts()
    keys = completion_keys(stage_key(0, "test"), 0, (1, 2, 3, 4), 5)
    policy, requests = Policy(params(), STACK, CONFIG), Requests(np.asarray(tokens), np.asarray(mask), keys, 10, limits)
    layout, never = Layout(chunk=4), StopCondition((-1,), 0)
    for index, group in stream_groups(policy, requests, SamplingConfig(), never, layout=layout, stats=stats):
        seen.append((index, stats.steps))
        np.testing.assert_array_equal(group.mask.sum(axis=-1)[0], limits[index])
        assert group.truncated.all() and group.prompts.shape == (1, tokens.shape[1])
    assert seen[0] == (2, 4) and {index for index, _ in seen} == {0, 1, 2, 3}
    assert stats.tokens == limits.sum() and stats.steps == 10


def decode_steps(layout, limits):
    tokens, mask = prompts(lengths=(5,) * len(limits))
    keys = jax.random.split(jax.random.key(3), limits.shape)
    stats = Stats()
    policy, requests = (
        Policy(params(), Stack(), CONFIG),
        Requests(np.asarray(tokens), np.asarray(mask), keys, 64, limits),
    )
    sample_groups(policy, requests, SamplingConfig(), StopCondition((-1,), 0), layout=layout, stats=stats)
    assert stats.tokens == limits.sum()
    return stats.steps


@pytest.mark.ci
@pytest.mark.parametrize("seed", [0, 1])
def test_short_answers_do_not_wait_for_long_ones(seed):
    """Lengths log-uniform over 1:8, G = 8, eight waves of 16 sequences: at most 0.65 of the steps of whole waves.

    A wave decodes as many steps as its longest completion has tokens, and waits.
    """
    limits = np.ceil(64 * 8 ** (np.random.default_rng(seed).random((16, 8)) - 1)).astype(int)
    waves = limits.reshape(8, 16).max(axis=1).sum()
    steps = decode_steps(Layout(sequences=16), limits)
    assert limits.sum() / 16 <= steps <= 0.65 * waves


@pytest.mark.ci
def test_every_prompt_is_run_once_while_others_wait():
    stats = Stats()
    sample(layout=Layout(sequences=4, samples_per_slot=2), stats=stats)
    assert stats.prompts == 4
    one = Stats()
    sample(hashes=(1,), batch=prompts(lengths=(5,)), layout=Layout(sequences=4, samples_per_slot=2), stats=one)
    assert one.prompts == 2  # no other prompt waits, so a second slot takes half of the samples


@pytest.mark.ci
def test_nothing_compiles_after_the_first_rollout_of_a_size():
    from alignment.benchmarks.measure import counted_compiles

    layout = Layout(sequences=6, samples_per_slot=2, chunk=3, min_groups=4)
    three = {"hashes": (5, 6, 7), "batch": prompts(seed=1, lengths=(8, 2, 6))}
    sample(layout=layout)
    completion_keys(
        stage_key(0, "test"), 0, (5, 6, 7), 5
    )  # a batch of another size folds its keys in a program of its own
    with counted_compiles() as seen:
        sample(layout=layout, step=1)
        sample(layout=layout, step=2, **three)
    assert seen == []


def test_text_can_end_a_completion():
    """A row ends after its third token wherever that stops it, keeps what came before, and is not called truncated."""
    plain = sample(layout=Layout(sequences=4, chunk=2))
    stop = StopCondition(STOPS, 0, find_stop=lambda ids: 3 if len(ids) >= 3 else None)
    group = sample(layout=Layout(sequences=4, chunk=2), stop=stop)
    lengths = np.minimum(plain.mask.sum(axis=-1), 3)
    np.testing.assert_array_equal(group.mask.sum(axis=-1), lengths)
    assert not group.truncated.any()
    mask = np.arange(10) < lengths[..., None]
    np.testing.assert_array_equal(np.where(mask, group.completions, 0), np.where(mask, plain.completions, 0))


@pytest.mark.ci
def test_a_narrow_cache_changes_little_and_is_narrow():
    cache = kv_cache.init_cache(CONFIG, jnp.float32, jnp.bfloat16, (2, 2), (8, 10))
    assert {leaf.dtype for leaf in jax.tree.leaves((cache.prompt_kv, cache.completion_kv))} == {jnp.dtype(jnp.bfloat16)}
    assert cache.hidden.dtype == jnp.float32
    group = sample(layout=Layout(cache_dtype="bfloat16"))
    gap = np.abs(group.log_prob - fresh_log_probs(group, 1.0)).max()
    assert 1e-6 < gap < 0.2  # 8 bits of mantissa in keys and values, peaked logits: not nothing, and not much


@pytest.mark.ci
def test_in_bfloat16_a_completion_parts_only_where_two_tokens_are_nearly_as_likely(record_property):
    """The share of identical completions is reported; at each first difference the two choices' logits lie close."""
    narrow = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), params())
    tokens, mask = prompts(lengths=(5, 8, 3, 7) * 4)
    options = {"batch": (tokens, mask), "hashes": range(16), "temperature": 0.0, "samples": 1}
    options["policy"] = Policy(narrow, STACK, CONFIG)
    one, other = (sample(layout=Layout(sequences=count, samples_per_slot=1), **options) for count in (16, 3))
    same = (one.completions == other.completions).all(axis=-1)
    record_property("identical", float(same.mean()))
    for p, g in np.argwhere(~same):
        at = int(np.argmax(one.completions[p, g] != other.completions[p, g]))
        length = int(mask[p].sum())
        row = np.concatenate([tokens[p, :length], one.completions[p, g, :at]])[None]
        scores = logits(narrow, hidden_states(narrow, CONFIG, row, STACK))[0, -1].astype(jnp.float32)
        gap = abs(float(scores[one.completions[p, g, at]] - scores[other.completions[p, g, at]]))
        assert gap <= 2**-5 * float(abs(scores).max())  # a few roundings of 2^-8 each
    assert same.mean() >= 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"sequences": -1}, {"samples_per_slot": -2}, {"chunk": 0}, {"cache_dtype": "float8"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_layout_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(UserError, match=f"--config.rollout.{name}="):
        Layout(**wrong)


def test_slots_and_sequences_of_a_layout():
    assert Layout().shape(4, 8) == (4, 8)  # all at once: a group a slot
    assert Layout(sequences=16).shape(4, 8) == (8, 2)
    assert Layout(sequences=16, samples_per_slot=4).shape(4, 8) == (4, 4)
    assert Layout(sequences=64).shape(4, 8) == (4, 8)
    assert Layout(sequences=64).shape(100, 1) == (64, 1)
    assert Layout(sequences=5).shape(3, 3, devices=2) == (4, 2)
    assert Layout(sequences=16, min_groups=4).shape(1, 8) == (8, 2)
