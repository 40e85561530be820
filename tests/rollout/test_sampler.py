"""The sampler against fresh forward passes, and the three defects it must not have."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import CONFIG, lora, params, prompts

from alignment.adapters.stack import Stack, make_stack
from alignment.models.qwen2 import hidden_states, logits
from alignment.rollout.keys import lane_keys, stage_key
from alignment.rollout.sampler import sample_groups

STACK = make_stack({"reasoning": lora(1), "reward": lora(2)})
STOPS = (7, 8)


def sample(
    temperature=1.0, step=0, hashes=(1, 2, 3, 4), batch=None, length=10, stack=STACK, pad_id=0, samples=5, stops=STOPS
):
    tokens, mask = batch or prompts()
    keys = lane_keys(stage_key(0, "test"), step, hashes, samples)
    return sample_groups(
        params(),
        stack,
        tokens,
        mask,
        keys,
        config=CONFIG,
        max_new_tokens=length,
        temperature=temperature,
        stop_ids=stops,
        pad_id=pad_id,
    )


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
    """Defect of a peer: the end token is cut off, so that the decision to stop gets no gradient."""
    group = sample()
    ended = ~np.asarray(group.truncated)
    assert ended.any()
    for p, g in np.argwhere(ended):
        count = int(group.mask[p, g].sum())
        assert int(group.completions[p, g, count - 1]) in STOPS
        assert not np.isin(group.completions[p, g, : count - 1], STOPS).any()
        assert float(group.log_prob[p, g, count - 1]) < 0


@pytest.mark.parametrize("pad_id", [0, 7, 30])
def test_masks_are_carried_and_never_rebuilt_from_pad_ids(pad_id):
    """Defect of a peer: `id != pad` also masks real tokens, such as an end token that doubles as padding."""
    group, other = sample(pad_id=pad_id), sample(pad_id=0)
    np.testing.assert_array_equal(group.mask, other.mask)
    np.testing.assert_array_equal(
        np.where(group.mask, group.completions, -1), np.where(other.mask, other.completions, -1)
    )
    assert (np.asarray(group.completions)[~np.asarray(group.mask)] == pad_id).all()


def test_no_two_steps_share_noise():
    """Defect of a peer: a default seed that is never folded with the step."""
    first, again, second = sample(step=0), sample(step=0), sample(step=1)
    np.testing.assert_array_equal(first.completions, again.completions)
    assert (np.asarray(first.completions) != np.asarray(second.completions)).any(axis=2).mean() > 0.9


def test_samples_of_a_prompt_differ():
    rows = {tuple(row) for row in np.asarray(sample().completions[1]).tolist()}
    assert len(rows) > 2


def test_a_completion_does_not_depend_on_batch_slot_or_order():
    tokens, mask = prompts()
    group = sample()
    order = jnp.array([2, 0])
    part = sample(hashes=(3, 1), batch=(tokens[order], mask[order]))
    np.testing.assert_array_equal(part.completions, group.completions[order])


def test_the_loop_stops_when_all_rows_have_ended():
    everything = tuple(range(CONFIG.vocab_size))
    group = sample(stops=everything)
    np.testing.assert_array_equal(group.mask.sum(axis=-1), np.ones((4, 5)))
    assert not group.truncated.any()


def test_sampling_follows_the_distribution():
    """4,000 first tokens after one prompt against the model's own probabilities (chi-square, p > 1e-4)."""
    from scipy.stats import chisquare

    tokens, mask = prompts(lengths=(5,))
    group = sample(hashes=(1,), batch=(tokens, mask), length=1, samples=4000, stack=Stack())
    scores = logits(params(), hidden_states(params(), CONFIG, tokens))[0, 4]
    expected = np.asarray(jax.nn.softmax(scores), np.float64) * 4000
    counts = np.bincount(np.asarray(group.completions).ravel(), minlength=CONFIG.vocab_size)
    common = expected > 10
    expected = np.append(expected[common], expected[~common].sum())
    counts = np.append(counts[common], counts[~common].sum())
    assert chisquare(counts, expected * counts.sum() / expected.sum()).pvalue > 1e-4
