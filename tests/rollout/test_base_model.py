"""The base model and its sampler: records in, parsed responses out; greedy output is that of transformers."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from tiny import experiment_config, lora, open_block, records, write_folder

from alignment.adapters.compose import merge
from alignment.adapters.stack import Stack, make_stack
from alignment.models.hf import save_params
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.base_model import completion_ids, encode_prompts, hash_weights, parse_completions
from alignment.rollout.groups import Group
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import complete, load_sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.text.templates import cot_response


def open_sampler(folder, devices=1):
    config = experiment_config(folder)
    return load_sampler(config, choose_devices("jit", devices))


@pytest.fixture(scope="module")
def sampler(tmp_path_factory):
    return open_sampler(tmp_path_factory.mktemp("sampler"))


def greedy(sampler, questions, stack=None, length=64, temperature=0.0, samples=1):
    prompts = encode_prompts(sampler.base, questions)
    keys = completion_keys(jax.random.key(0), 0, [prompt_hash(prompt) for prompt in prompts], samples)
    options = {"max_new_tokens": length, "sampling": SamplingConfig(temperature)}
    return complete(sampler, stack or Stack(), prompts, keys, **options)


@pytest.mark.parity
def test_greedy_output_is_that_of_transformers_generate(sampler, tmp_path):
    """64 new tokens after ragged prompts, with two adapters on our side and merged weights on theirs."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    config = sampler.base.config
    stack = make_stack({"reasoning": lora(1, config=config), "reward": lora(2, config=config)})
    save_params(str(tmp_path), merge(sampler.base.params, stack), config)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    questions = records(4)
    group = greedy(sampler, questions, stack)
    for prompt, ours in zip(encode_prompts(sampler.base, questions), completion_ids(sampler.base, group), strict=True):
        theirs = model.generate(
            torch.tensor([prompt]),
            max_new_tokens=64,
            do_sample=False,
            eos_token_id=list(sampler.base.stop_ids),
            pad_token_id=sampler.base.pad_id,
            # Our sampler never takes an id without a token.
            suppress_tokens=list(range(len(sampler.base.tokenizer), config.vocab_size)),
        )[0, len(prompt) :].tolist()
        ended = [token for token in theirs if token not in sampler.base.stop_ids]
        assert len(ours) >= 8 or len(theirs) < 64
        assert ours == ended


def test_responses_come_in_the_order_of_the_records(sampler):
    questions = records(3)
    group = greedy(sampler, questions, samples=2, temperature=1.0, length=16)
    responses = parse_completions(sampler.base, group, questions)
    ids = completion_ids(sampler.base, group)
    assert len(responses) == len(ids) == 6
    for index, response in enumerate(responses):
        text = sampler.base.tokenizer.decode(ids[index])
        assert response.text == text.partition("<|endoftext|>")[0].strip()  # the parser ends a text there
        assert response.truncated == bool(group.truncated[index // 2, index % 2])


@pytest.mark.parametrize("written", ["", "<think>\n"])
def test_a_completion_that_begins_inside_the_block_is_read_from_its_opening_tag_on(tmp_path, written):
    """The chat template opens the block in its generation prompt, and `BaseModel.opening` is computed from it."""
    config, (record,) = experiment_config(tmp_path), records(1)
    open_block(tmp_path / "base", written)
    sampler = load_sampler(config, choose_devices("jit", 1))
    assert sampler.base.opening == written
    rest = cot_response(record, sampler.base.template).removeprefix(written)
    ids = np.array([[sampler.base.tokenizer(rest, add_special_tokens=False)["input_ids"]]])
    mask, none = np.ones(ids.shape, bool), np.zeros(ids.shape)
    group = Group(none[0], mask[0], ids, mask, none, np.zeros((1, 1), bool))
    (response,) = parse_completions(sampler.base, group, [record])
    assert response.strict and response.letter == record.gold
    assert response.text == cot_response(record, sampler.base.template)


def test_completions_are_trimmed_to_a_bucket(sampler):
    group = greedy(sampler, records(3), length=48, temperature=1.0)
    longest = int(group.mask.sum(axis=-1).max())
    assert longest <= group.completions.shape[-1] <= 48
    assert group.log_prob.shape == group.mask.shape == group.completions.shape


@pytest.mark.ci
@pytest.mark.parametrize("devices", [2, 8])
def test_more_devices_change_no_token(sampler, tmp_path, devices):
    """Five prompts on 2 or 8 devices: the batch is padded to their number and the padding is dropped."""
    sharded = open_sampler(tmp_path, devices)
    questions = records(5)
    want, got = (greedy(one, questions, length=12, temperature=1.0, samples=2) for one in (sampler, sharded))
    np.testing.assert_array_equal(got.completions, want.completions)
    # The same sums in other shapes: tens of roundings of 5e-7.
    np.testing.assert_allclose(got.log_prob, want.log_prob, atol=1e-4)


def test_the_fingerprint_follows_the_weights(sampler, tmp_path):
    write_folder(tmp_path / "a", seed=0)
    write_folder(tmp_path / "b", seed=1)
    assert hash_weights(str(tmp_path / "a")) == sampler.base.fingerprint != hash_weights(str(tmp_path / "b"))
