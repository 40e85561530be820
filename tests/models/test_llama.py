"""The Llama family: the tree of Qwen2 without biases, and the RoPE scaling of Llama 3, against torch's Llama."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import make_golden as golden
from tiny import greedy_tokens

from alignment.adapters.lora import Lora, LoraConfig, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.errors import UserError
from alignment.models import qwen2
from alignment.models.config import Qwen2Config, from_hf, read_config, to_hf
from alignment.models.hf import load_params, save_params
from alignment.models.rotary import Llama3Scaling, frequency_shares

SCALING = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
# As meta-llama/Llama-3.2-1B-Instruct and HuggingFaceTB/SmolLM2-135M-Instruct have them.
LLAMA_1B = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "head_dim": 64,
    "hidden_act": "silu",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 32,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {**SCALING, "rope_type": "llama3"},
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "vocab_size": 128256,
}
SMOLLM2 = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "hidden_act": "silu",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "is_llama_config": True,
    "max_position_embeddings": 8192,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 9,
    "num_hidden_layers": 30,
    "num_key_value_heads": 3,
    "rms_norm_eps": 1e-05,
    "rope_interleaved": False,
    "rope_scaling": None,
    "rope_theta": 100000,
    "tie_word_embeddings": True,
    "vocab_size": 49152,
}
# Small enough to be quick, and at 16 positions in the original context every kind of frequency occurs.
TINY = {
    **{name: value for name, value in golden.SIZES.items() if name not in ("architectures", "use_sliding_window")},
    "model_type": "llama",
    "head_dim": 16,
    "rope_theta": 1e3,
    "rope_scaling": {**SCALING, "factor": 8.0, "original_max_position_embeddings": 16, "rope_type": "llama3"},
    "tie_word_embeddings": True,
}
TOLERANCE = 2e-4  # as in test_parity.py
TINY_PLAIN = {**TINY, "head_dim": None, "rope_scaling": None, "tie_word_embeddings": False}


def test_the_published_configs():
    llama, smollm2 = from_hf(LLAMA_1B), from_hf(SMOLLM2)
    assert llama.rope_scaling == Llama3Scaling(32.0, 1.0, 4.0, 8192)
    assert (llama.head_dim, smollm2.head_dim, smollm2.rope_scaling) == (64, 64, None)
    counts = [sum(math.prod(each.shape) for each in config.parameters) for config in (llama, smollm2)]
    assert counts == [1_235_814_400, 134_515_008]  # as their cards count them


def test_the_tree_has_no_biases():
    params = qwen2.init_params(from_hf(TINY_PLAIN), jax.random.key(0))
    assert set(params) == {"embed", "head", "norm", "layers"}
    assert all(set(params["layers"][name]) == {"w"} for name in qwen2.PROJECTIONS)


@pytest.mark.parametrize("fields", [LLAMA_1B, SMOLLM2, TINY, TINY_PLAIN])
def test_what_is_written_reads_back(fields):
    config = from_hf(fields)
    assert from_hf(json.loads(json.dumps(to_hf(config, "float32")))) == config


def test_absent_sizes_are_those_of_transformers():
    fields = {name: value for name, value in TINY_PLAIN.items() if name not in ("num_key_value_heads", "head_dim")}
    config = from_hf({**fields, "max_position_embeddings": 64})
    assert (config.num_key_value_heads, config.head_dim) == (config.num_attention_heads, 8)
    assert from_hf({name: value for name, value in fields.items() if "max" not in name}).max_position_embeddings == 2048


def test_shares_of_frequencies_by_hand():
    """Of 4 periods or more all is left, of 1 or fewer an eighth, and 2.5 lies in the middle: (1/8 + 1) / 2."""
    periods = jnp.asarray([8.0, 4.0, 2.5, 1.0, 0.25])
    shares = frequency_shares(periods * 2 * math.pi / 16, Llama3Scaling(8.0, 1.0, 4.0, 16))
    np.testing.assert_allclose(shares, [1, 1, 9 / 16, 1 / 8, 1 / 8], rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"attention_bias": True}, "attention_bias is True; only False is supported"),
        ({"mlp_bias": True}, "mlp_bias is True"),
        ({"rope_interleaved": True}, "rope_interleaved is True"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "of type llama3 lacks low_freq_factor"),
        ({"rope_scaling": {**TINY["rope_scaling"], "beta_fast": 32}}, "rope_scaling holds beta_fast"),
        ({"rope_scaling": {**TINY["rope_scaling"], "factor": "8"}}, "factor is '8'; it must be a positive number"),
        ({"rope_scaling": {**TINY["rope_scaling"], "factor": 0.5}}, "factor must be at least 1"),
        ({"rope_scaling": {**TINY["rope_scaling"], "low_freq_factor": 4.0}}, "low_freq_factor below high_freq_factor"),
        ({"rope_scaling": {**SCALING, "rope_type": "yarn"}}, "RoPE scaling of type 'yarn' is not supported"),
    ],
)
def test_what_cannot_be_run_is_refused(fields, message):
    with pytest.raises(UserError, match=message) as refused:
        from_hf({**TINY, **fields})
    assert "\n" not in str(refused.value)


# -------------------------------------------------------------------------------------------------------------- parity


def torch_llama(folder: Path, fields: dict) -> Path:
    """Write a folder as transformers writes a random Llama, with weights large enough for attention to matter."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(3)
    config = transformers.LlamaConfig.from_dict({**fields, "initializer_range": 0.25})
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def torch_model(folder: Path):
    import transformers

    return transformers.LlamaForCausalLM.from_pretrained(folder, dtype="float32").eval()


def our_logits(config: Qwen2Config, params: dict, **loras: Lora) -> np.ndarray:
    hidden = qwen2.hidden_states(params, config, jnp.asarray(golden.sequences()), make_stack(loras))
    mask = np.arange(golden.sequences().shape[1]) < np.asarray(golden.LENGTHS)[:, None]
    return np.asarray(qwen2.logits(params, hidden)) * mask[..., None]


@pytest.mark.parity
@pytest.mark.parametrize("fields", [TINY, TINY_PLAIN], ids=["scaled", "plain"])
def test_logits_and_greedy_tokens_equal_torch(tmp_path, fields):
    folder = torch_llama(tmp_path / "llama", fields)
    config, theirs = read_config(str(folder)), torch_model(folder)
    assert config == from_hf(fields)
    params = load_params(str(folder), config)
    expected = golden.torch_logits(theirs, golden.sequences(), golden.LENGTHS)
    assert np.abs(our_logits(config, params) - expected).max() <= TOLERANCE
    if config.rope_scaling is not None:  # which would be seen
        unscaled = our_logits(config.replace(rope_scaling=None), params)
        assert np.abs(unscaled - expected).max() > 1e-2
    tokens = golden.torch_greedy(theirs, golden.sequences(), golden.LENGTHS, golden.NEW_TOKENS)
    ours = greedy_tokens(folder, golden.sequences(), golden.LENGTHS, golden.NEW_TOKENS)
    np.testing.assert_array_equal(ours, tokens)


@pytest.mark.parity
def test_torch_loads_what_is_exported(tmp_path):
    """Weights written anew with and without their config, and an adapter in `peft`, compute the same logits."""
    peft = pytest.importorskip("peft")
    folder = torch_llama(tmp_path / "llama", TINY)
    config = read_config(str(folder))
    params = load_params(str(folder), config)
    for name, source in (("alone", None), ("beside", str(folder))):
        save_params(str(tmp_path / name), params, config, source)
        theirs = golden.torch_logits(torch_model(tmp_path / name), golden.sequences(), golden.LENGTHS)
        assert np.abs(our_logits(config, params) - theirs).max() <= TOLERANCE, name
    shape = LoraConfig(rank=4, alpha=8.0, targets=qwen2.PROJECTIONS)
    fresh = init_lora(jax.random.key(0), config.linear_shapes, config.num_hidden_layers, shape)
    lora = jax.tree.map(lambda leaf: 0.1 * jax.random.normal(jax.random.key(leaf.size), leaf.shape), fresh)
    save_peft(str(tmp_path / "adapter"), lora, str(folder))
    model = peft.PeftModel.from_pretrained(torch_model(folder), tmp_path / "adapter").eval()
    theirs = golden.torch_logits(model, golden.sequences(), golden.LENGTHS)
    ours = our_logits(config, params, one=load_peft(str(tmp_path / "adapter")))
    assert np.abs(ours - theirs).max() <= TOLERANCE
    assert np.abs(ours - our_logits(config, params)).max() > 1e-2
