"""The engine: records in, parsed responses out; greedy output against transformers' own generate."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from tiny import experiment_config, lora, open_block, records, write_folder

from alignment.adapters.compose import merge
from alignment.adapters.stack import Stack, make_stack
from alignment.models.hf import save_params
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.engine import complete, completion_ids, encode_prompts, load_engine, read
from alignment.rollout.keys import lane_keys, prompt_hash
from alignment.rollout.sampler import Group
from alignment.rollout.sampling import Sampling
from alignment.text.templates import cot_response


def open_engine(folder, devices=1):
    config = experiment_config(folder)
    return load_engine(config, choose_devices("jit", devices))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return open_engine(tmp_path_factory.mktemp("engine"))


def greedy(engine, asked, stack=None, length=64, temperature=0.0, samples=1):
    prompts = encode_prompts(engine, asked)
    keys = lane_keys(jax.random.key(0), 0, [prompt_hash(prompt) for prompt in prompts], samples)
    options = {"max_new_tokens": length, "sampling": Sampling(temperature)}
    return complete(engine, stack or Stack(), prompts, keys, **options)


@pytest.mark.parity
def test_greedy_output_is_that_of_transformers_generate(engine, tmp_path):
    """64 new tokens after ragged prompts, through two adapters here and merged weights there."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForCausalLM

    config = engine.config
    stack = make_stack({"reasoning": lora(1, config=config), "reward": lora(2, config=config)})
    save_params(str(tmp_path), merge(engine.params, stack), config)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    asked = records(4)
    group = greedy(engine, asked, stack)
    for prompt, ours in zip(encode_prompts(engine, asked), completion_ids(engine, group), strict=True):
        theirs = model.generate(
            torch.tensor([prompt]),
            max_new_tokens=64,
            do_sample=False,
            eos_token_id=list(engine.stop_ids),
            pad_token_id=engine.pad_id,
            suppress_tokens=list(range(len(engine.tokenizer), config.vocab_size)),  # rows without a token: ours never
        )[0, len(prompt) :].tolist()
        ended = [token for token in theirs if token not in engine.stop_ids]
        assert len(ours) >= 8 or len(theirs) < 64
        assert ours == ended


def test_responses_come_in_the_order_of_the_records(engine):
    asked = records(3)
    group = greedy(engine, asked, samples=2, temperature=1.0, length=16)
    responses = read(engine, group, asked)
    ids = completion_ids(engine, group)
    assert len(responses) == len(ids) == 6
    for place, response in enumerate(responses):
        text = engine.tokenizer.decode(ids[place])
        assert response.text == text.partition("<|endoftext|>")[0].strip()  # which ends a text, and no completion here
        assert response.truncated == bool(group.truncated[place // 2, place % 2])


@pytest.mark.parametrize("written", ["", "<think>\n"])
def test_a_completion_that_begins_inside_the_block_is_read_from_its_opening_tag_on(tmp_path, written):
    """The policy's own chat template opens the block in its generation prompt; nothing else says so."""
    config, (record,) = experiment_config(tmp_path), records(1)
    open_block(tmp_path / "base", written)
    engine = load_engine(config, choose_devices("jit", 1))
    assert engine.opening == written
    rest = cot_response(record, engine.template).removeprefix(written)
    ids = np.array([[engine.tokenizer(rest, add_special_tokens=False)["input_ids"]]])
    mask, none = np.ones(ids.shape, bool), np.zeros(ids.shape)
    group = Group(none[0], mask[0], ids, mask, none, np.zeros((1, 1), bool))
    (response,) = read(engine, group, [record])
    assert response.strict and response.letter == record.gold and response.text == cot_response(record, engine.template)


def test_completions_are_trimmed_to_a_bucket(engine):
    group = greedy(engine, records(3), length=48, temperature=1.0)
    longest = int(group.mask.sum(axis=-1).max())
    assert longest <= group.completions.shape[-1] <= 48
    assert group.log_prob.shape == group.mask.shape == group.completions.shape


@pytest.mark.ci
@pytest.mark.parametrize("devices", [2, 8])
def test_devices_share_the_prompts_and_change_no_token(engine, tmp_path, devices):
    """Five prompts on 2 or 8 devices: the surplus is filled up and dropped again."""
    spread = open_engine(tmp_path, devices)
    asked = records(5)
    want, got = (greedy(one, asked, length=12, temperature=1.0, samples=2) for one in (engine, spread))
    np.testing.assert_array_equal(got.completions, want.completions)
    # The same sums in other shapes: tens of roundings of 5e-7.
    np.testing.assert_allclose(got.log_prob, want.log_prob, atol=1e-4)


def test_the_fingerprint_follows_the_weights(engine, tmp_path):
    write_folder(tmp_path / "a", seed=0)
    write_folder(tmp_path / "b", seed=1)
    from alignment.rollout.engine import hash_weights

    assert hash_weights(str(tmp_path / "a")) == engine.fingerprint != hash_weights(str(tmp_path / "b"))
