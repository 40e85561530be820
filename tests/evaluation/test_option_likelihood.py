"""Option likelihood: the score is the log-probability of the option's text after the opened answer block."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from alignment.adapters.stack import Stack
from alignment.config import default_config
from alignment.data.vignettes import generate
from alignment.errors import UserError
from alignment.evaluation.option_likelihood import (
    Continued,
    _batches,
    option_accuracy,
    option_log_probs,
    option_questions,
    score_continuations,
)
from alignment.models.qwen2 import hidden_states, logits
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.rollout.base_model import load_base_model
from alignment.text.tokenizer import encode_prompt

RECORDS = [Record(str(i), "made", "Which?", {"A": "one", "B": "two"}, "B") for i in range(4)]


@pytest.fixture(scope="module")
def base():
    return load_base_model(default_config(), choose_devices("jit", 1))


@pytest.mark.ci
def test_scores_equal_a_plain_forward_pass_token_by_token(base):
    records = generate(2, seed=1, split="eval")
    log_probs = option_log_probs(base, records, batch_tokens=1500)
    encode = functools.partial(base.tokenizer, add_special_tokens=False)
    for record, row in zip(records, log_probs, strict=True):
        for letter, text in record.options.items():
            ids = encode_prompt(base.tokenizer, record, base.template) + encode("<answer>")["input_ids"]
            expected = 0.0
            for token in encode(f" {text}")["input_ids"]:
                last = np.asarray(
                    logits(base.params, hidden_states(base.params, base.config, jnp.asarray([ids])))[0, -1],
                    np.float64,
                )
                expected += last[token] - math.log(np.exp(last).sum())
                ids = [*ids, token]
            # A few tokens of float32 log-probabilities of about 10, each known to a few 1e-6 times the model's depth.
            assert row[letter] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parity
def test_scores_are_those_of_torch_within_1e_3_and_is_greedy_agrees(base):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
    records = generate(6, seed=3, split="eval")
    questions = option_questions(base, records)
    scored = dict(score_continuations(base, Stack(), questions, batch_tokens=2000))
    for index, question in enumerate(questions):
        for ids, score in zip(question.continuations, scored[index], strict=True):
            with torch.no_grad():
                out = model(torch.tensor([[*question.prompt, *ids]])).logits[0].double().log_softmax(-1)
            predicting = out[len(question.prompt) - 1 : -1]
            expected = predicting[torch.arange(len(ids)), torch.tensor(ids)].sum().item()
            assert score.log_prob == pytest.approx(expected, abs=1e-3)
            assert score.is_greedy == (predicting.argmax(-1).tolist() == list(ids))
            assert score.per_token == pytest.approx(expected / len(ids), abs=1e-3)


@pytest.mark.ci
def test_a_reasoning_block_that_the_chat_template_opens_is_closed_before_the_answer(base):
    (plain,), (closed,) = (
        option_questions(each, RECORDS[:1]) for each in (base, dataclasses.replace(base, opening="<think>"))
    )
    assert base.tokenizer.decode(closed.prompt).endswith("</think>\n<answer>")
    assert not base.tokenizer.decode(plain.prompt).endswith("</think>\n<answer>")


def test_only_the_options_of_a_record_are_scored(base):
    five = generate(1, seed=2, split="eval")[0]
    five = dataclasses.replace(five, options=dict(five.options) | {"E": "none of them"})
    rows = option_log_probs(base, [five, RECORDS[0]], batch_tokens=600)
    assert [list(row) for row in rows] == [list("ABCDE"), list("AB")]


def test_accuracy_by_hand_with_a_tie_counted_wrong():
    scores = [{"A": -1.0, "B": -0.5}, {"A": -0.5, "B": -1.0}, {"A": -1.0, "B": -1.0}, {"A": -9.0, "B": -8.0}]
    result = option_accuracy(scores, RECORDS)
    assert (result["accuracy"], result["n"]) == (0.5, 4)
    low, high = result["accuracy_ci95"]
    assert low == pytest.approx(0.1500, abs=1e-3) and high == pytest.approx(0.8500, abs=1e-3)  # Wilson, 2 of 4


def test_no_records():
    with pytest.raises(UserError, match="nothing to evaluate"):
        option_accuracy([], [])


@pytest.mark.ci
def test_the_nano_base_is_above_chance_and_not_too_good(base):
    """On 400 held-out vignettes the interval lies above 1/4 and the accuracy is at most 0.7."""
    records = generate(400, seed=0, split="eval")
    result = option_accuracy(option_log_probs(base, records), records)
    assert result["accuracy_ci95"][0] > 0.25 and result["accuracy"] <= 0.7
    assert Path(base.folder).name == "nano"


def test_batches_hold_every_question_once_within_the_tokens_and_few_shapes():
    rng = np.random.default_rng(0)
    lengths = [(int(rng.integers(3, 90)), int(rng.integers(2, 6)), int(rng.integers(1, 40))) for _ in range(60)]
    questions = [Continued([1] * prompt, [[1] * length] * group) for prompt, group, length in lengths]
    batches = list(_batches(questions, 600))
    assert sorted(index for _, members in batches for index in members) == list(range(60))
    for shape, members in batches:
        prompts, groups, longest = zip(*(lengths[index] for index in members), strict=True)
        assert max(prompts) <= shape.prompt and {*groups} == {shape.group} and max(longest) <= shape.length
        cells = len(members) * (shape.prompt + shape.group * shape.length)
        assert cells <= 600 or len(members) == 1
