"""Every spelling of a Qwen2 config.json gives what the installed transformers gives, or is refused by name."""

from __future__ import annotations

import copy
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden import make_golden as golden

from alignment.errors import UserError
from alignment.models import hf, qwen2
from alignment.models.config import Qwen2Config, from_hf, read_config, to_hf
from alignment.models.rotary import rotary

WITHOUT = ("rope_theta", "rope_scaling", "rope_parameters")
FIELDS = {name: value for name, value in golden.MODELS["tied"].items() if name not in WITHOUT}
ISSUE = {"rope_theta": 10000.0, "rope_scaling": None, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}
DEPTH = FIELDS["num_hidden_layers"]

ACCEPTED = [
    ({}, 1e4),
    ({"rope_theta": 1e6}, 1e6),
    ({"rope_theta": 1000000}, 1e6),
    (ISSUE, 1e6),
    ({"rope_theta": 1e6, "rope_parameters": {"rope_theta": 1e4}}, 1e4),
    ({"rope_theta": None, "rope_parameters": {"rope_theta": 1e6}}, 1e6),
    ({"rope_theta": 5e5, "rope_parameters": None, "rope_scaling": None}, 5e5),
    ({"rope_theta": 5e5, "rope_parameters": {}, "rope_scaling": {}}, 5e5),
    ({"rope_theta": 5e5, "rope_parameters": {"rope_type": "default"}}, 5e5),
    ({"rope_theta": 5e5, "rope_scaling": {"type": "default"}}, 5e5),
    ({"rope_theta": 5e5, "rope_scaling": {"rope_type": "default", "rope_theta": 7e5}}, 7e5),
    ({"rope_parameters": {"type": "default", "rope_type": "default", "rope_theta": 3e5}}, 3e5),
    ({"rope_scaling": {"rope_theta": 3e5}, "rope_parameters": {"rope_theta": 3e5}}, 3e5),
    ({"rope_scaling": {}, "rope_parameters": {"rope_theta": 3e5}}, 3e5),
    ({"rope_theta": 1e6, "partial_rotary_factor": 1.0}, 1e6),
    ({"rope_theta": 1e6, "partial_rotary_factor": None}, 1e6),
    ({"rope_parameters": {"rope_theta": 1e6, "partial_rotary_factor": 1.0}}, 1e6),
    ({"rope_theta": 1e6, "head_dim": 16}, 1e6),
    ({"rope_theta": 1e6, "num_key_value_heads": None}, 1e6),
    ({"rope_theta": 1e6, "layer_types": ["full_attention"] * DEPTH}, 1e6),
    ({"rope_theta": 1e6, "layer_types": None}, 1e6),
    ({"rope_theta": 1e6, "use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 1}, 1e6),
    ({"rope_theta": 1e6, "use_sliding_window": False, "sliding_window": None}, 1e6),
    ({"rope_theta": 1e6, "attention_bias": True, "mlp_bias": False, "use_mrope": False}, 1e6),
    ({"rope_theta": 1e6, "dual_chunk_attention_config": None, "quantization_config": None}, 1e6),
    ({"rope_theta": 1e6, "is_causal": True, "auto_map": {"AutoConfig": "a.B"}}, 1e6),
]


@pytest.mark.parametrize(("fields", "theta"), ACCEPTED)
def test_rotary_base_of_every_spelling(fields, theta):
    assert from_hf({**FIELDS, **fields}).rope_theta == theta


@pytest.mark.parity
@pytest.mark.parametrize(("fields", "theta"), ACCEPTED)
def test_transformers_rotates_by_the_same_angles(fields, theta):
    torch = pytest.importorskip("torch")
    from transformers.models.qwen2 import configuration_qwen2, modeling_qwen2

    theirs = configuration_qwen2.Qwen2Config.from_dict(copy.deepcopy({**FIELDS, **fields}))  # it changes its argument
    ours = from_hf({**FIELDS, **fields})
    assert theirs.rope_parameters["rope_theta"] == ours.rope_theta == theta
    assert theirs.num_key_value_heads == ours.num_key_value_heads
    assert set(theirs.layer_types) == {"full_attention"}
    attention = modeling_qwen2.Qwen2Attention(theirs, 0)
    assert attention.head_dim == ours.head_dim and attention.q_proj.bias is not None
    positions = np.arange(33)
    cos, sin = modeling_qwen2.Qwen2RotaryEmbedding(theirs)(torch.zeros(1), torch.tensor(positions)[None])
    # An angle of at most 32 is off by a few units in its last place (2 ** -19 each), and its cosine by no more.
    for expected, got in zip((cos, sin), rotary(jnp.asarray(positions), ours.head_dim, ours.rope_theta), strict=True):
        np.testing.assert_allclose(got, expected[0].numpy(), rtol=0, atol=4 * 2**-19)


@pytest.mark.parity
def test_logits_with_a_stale_rotary_base_are_those_of_transformers(tmp_path):
    pytest.importorskip("torch")
    from transformers import Qwen2ForCausalLM

    folder = golden.write_model(tmp_path, {**FIELDS, **ISSUE})
    config = read_config(str(folder))
    params = hf.load_params(str(folder), config)
    mask = np.arange(golden.sequences().shape[1]) < np.asarray(golden.LENGTHS)[:, None]

    def logits(config: Qwen2Config) -> np.ndarray:
        hidden = qwen2.hidden_states(params, config, jnp.asarray(golden.sequences()))
        return np.asarray(qwen2.logits(params, hidden)) * mask[..., None]

    model = Qwen2ForCausalLM.from_pretrained(folder, dtype="float32").eval()
    theirs = golden.torch_logits(model, golden.sequences(), golden.LENGTHS)
    assert np.abs(logits(config) - theirs).max() <= 1e-4  # of float32 logits of order 10, as in test_parity.py
    assert np.abs(logits(config.replace(rope_theta=1e4)) - theirs).max() > 1e-2  # the stale one would be seen


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rope_parameters": {"full_attention": {"rope_theta": 1e6}}}, "rope_parameters holds full_attention"),
        (
            {"rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}},
            "rope_parameters holds full_attention, sliding_attention, which is not supported",
        ),
        ({"rope_parameters": {"full_attention": None, "rope_theta": 1e6}}, "rope_parameters holds full_attention"),
        ({"rope_parameters": {"rope_type": "linear", "factor": 1.0}}, "RoPE scaling of type 'linear'"),
        ({"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "RoPE scaling of type 'dynamic'"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "RoPE scaling of type 'yarn'"),
        ({"rope_scaling": {"type": "longrope", "factor": 4.0}}, "RoPE scaling of type 'longrope'"),
        (
            {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}},
            "of type llama3 lacks low_freq_factor",
        ),
        ({"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, "RoPE scaling of type 'mrope'"),
        ({"rope_scaling": {"rope_type": "default", "mrope_section": [1, 1, 2]}}, "rope_scaling holds mrope_section"),
        ({"rope_scaling": {"rope_type": "default", "type": "yarn"}}, "RoPE scaling of type 'yarn'"),
        ({"rope_parameters": {"rope_type": None, "rope_theta": 1e6}}, "RoPE scaling of type None"),
        ({"rope_parameters": {"rope_theta": 1e6, "factor": 4.0}}, "rope_parameters holds factor"),
        ({"rope_scaling": {"rope_theta": 1e4}, "rope_parameters": {"rope_theta": 1e6}}, "rope_parameters differ"),
        ({"rope_scaling": {"type": "default"}, "rope_parameters": {"rope_theta": 1e6}}, "rope_parameters differ"),
        ({"rope_scaling": "default"}, "rope_scaling is 'default'; it must be an object or null"),
        ({"rope_parameters": [1e6]}, "rope_parameters is [1000000.0]; it must be an object or null"),
        ({"rope_theta": None}, "rope_theta is None; it must be a positive number"),
        ({"rope_parameters": {"rope_theta": None}, "rope_theta": 1e6}, "rope_theta is None"),
        ({"rope_theta": "1e6"}, "rope_theta is '1e6'"),
        ({"rope_theta": "1e6", "rope_parameters": {"rope_theta": 1e6}}, "rope_theta is '1e6'"),
        ({"rope_parameters": {"rope_theta": "1e6"}}, "rope_theta is '1e6'"),
        ({"rope_theta": True}, "rope_theta is True"),
        ({"rope_theta": float("nan")}, "rope_theta is nan"),
        ({"rope_theta": 10**400}, "rope_theta is 1000"),
        ({"rope_theta": 1e300}, "rope_theta is 1e+300"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is 0.5; only 1.0 is supported"),
        ({"rope_parameters": {"rope_theta": 1e6, "partial_rotary_factor": 0.25}}, "partial_rotary_factor is 0.25"),
        ({"partial_rotary_factor": True}, "partial_rotary_factor is True"),
        (
            {"dual_chunk_attention_config": {"chunk_size": 262144}},
            "dual_chunk_attention_config is {'chunk_size': 262144}",
        ),
        ({"use_sliding_window": True, "max_window_layers": 99}, "use_sliding_window is true"),
        ({"use_sliding_window": None}, "use_sliding_window is None; only False is supported"),
        ({"use_sliding_window": "false"}, "use_sliding_window is 'false'"),
        ({"use_sliding_window": 0}, "use_sliding_window is 0"),
        ({"layer_types": ["full_attention"] * (DEPTH - 1)}, f"only full_attention in all {DEPTH} layers"),
        ({"layer_types": ["full_attention"] * (DEPTH - 1) + ["linear_attention"]}, "layer_types is ["),
        ({"layer_types": ["full_attention"] * (DEPTH - 1) + ["sliding_attention"]}, "use_sliding_window is true"),
        ({"layer_types": []}, "layer_types is []"),
        ({"layer_types": "full_attention"}, "layer_types is 'full_attention'"),
        ({"layer_types": 3}, "layer_types is 3"),
        ({"head_dim": None}, "head_dim is None; it must be a positive whole number"),
        ({"head_dim": "16"}, "head_dim is '16'"),
        ({"head_dim": 8.0}, "head_dim is 8.0"),
        ({"hidden_act": None}, "hidden_act is None; only silu is supported"),
        ({"hidden_act": "gelu_pytorch_tanh"}, "hidden_act is 'gelu_pytorch_tanh'; only silu"),
        ({"attention_bias": False}, "attention_bias is False; only True is supported"),
        ({"attention_bias": 1}, "attention_bias is 1; only True"),
        ({"mlp_bias": True}, "mlp_bias is True; only False"),
        ({"is_causal": False}, "is_causal is False; only True"),
        ({"is_causal": None}, "is_causal is None; only True"),
        ({"use_bidirectional_attention": True}, "use_bidirectional_attention is True"),
        ({"use_mrope": True}, "use_mrope is True; only False"),
        ({"mrope_section": [16, 24, 24]}, "mrope_section is [16, 24, 24]"),
        ({"per_layer_config": {"0": {"head_dim": 4}}}, "per_layer_config is"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config is {'quant_method': 'bits"),
        (
            {"auto_map": {"AutoModelForCausalLM": "modeling_mine.Mine"}},
            "auto_map names a model class of the folder's own",
        ),
        ({"auto_map": {"AutoModel": "modeling_qwen.Qwen2Model"}}, "auto_map names a model class"),
        ({"auto_map": ["modeling_mine.Mine"]}, "auto_map names a model class"),
        ({"tie_word_embeddings": "false"}, "tie_word_embeddings is 'false'; it must be true or false"),
        ({"tie_word_embeddings": None}, "tie_word_embeddings is None"),
        ({"rms_norm_eps": "1e-6"}, "rms_norm_eps is '1e-6'; it must be a positive number"),
        ({"rms_norm_eps": None}, "rms_norm_eps is None"),
        ({"max_position_embeddings": None}, "max_position_embeddings is None"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers is 1000000000000"),
        ({"num_key_value_heads": "2"}, "num_key_value_heads is '2'"),
        ({"model_type": None}, "model_type is None; only qwen2"),
    ],
)
def test_what_means_something_else_is_refused_by_name(fields, message):
    with pytest.raises(UserError) as raised:
        from_hf({"rope_theta": 1e6, **FIELDS, **fields}, "here.json")
    assert str(raised.value).startswith("here.json: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 600


# ------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("fields", [{"rope_theta": 1e6}, ISSUE, {"rope_parameters": {"rope_theta": 1e6}}])
def test_a_written_checkpoint_spells_the_base_once(tmp_path, fields):
    """`rope_theta` alone is what transformers 4 reads; it does not know `rope_parameters`, and 5 reads both."""
    source = golden.write_model(tmp_path / "source", {**FIELDS, **fields})
    config = read_config(str(source))
    params = qwen2.init_params(config, jax.random.key(0))
    hf.save_params(str(tmp_path / "out"), params, config, str(source))
    written = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (written["rope_theta"], {"rope_parameters", "rope_scaling"} & written.keys()) == (1e6, set())
    assert from_hf(written) == config
    assert {"rope_parameters", "rope_scaling"}.isdisjoint(to_hf(config, "float32"))


@pytest.mark.parity
@pytest.mark.parametrize("fields", [{"rope_theta": 1e6}, ISSUE, {"rope_parameters": {"rope_theta": 1e6}}])
def test_transformers_reads_the_written_checkpoint(tmp_path, fields):
    from transformers import AutoConfig

    source = golden.write_model(tmp_path / "source", {**FIELDS, **fields})
    config = read_config(str(source))
    for name, folder in (("from a source", str(source)), ("alone", None)):
        hf.save_params(str(tmp_path / name), qwen2.init_params(config, jax.random.key(0)), config, folder)
        theirs = AutoConfig.from_pretrained(str(tmp_path / name), local_files_only=True)
        assert theirs.rope_parameters == {"rope_theta": 1e6, "rope_type": "default"}
        assert from_hf(theirs.to_dict()) == config
