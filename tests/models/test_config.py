"""The architecture as read from real and broken `config.json` files."""

from __future__ import annotations

import json

import pytest
from golden import make_golden as golden
from hypothesis import given
from hypothesis import strategies as st

from alignment.adapters import peft
from alignment.config import ALL_PROJECTIONS
from alignment.errors import UserError
from alignment.models.config import Qwen2Config, from_hf, read_config, to_hf
from alignment.models.parameters import PARAMETERS, PROJECTIONS

FIELDS = golden.MODELS["tied"]
HALF_BILLION = Qwen2Config(
    vocab_size=151936,
    hidden_size=896,
    intermediate_size=4864,
    num_hidden_layers=24,
    num_attention_heads=14,
    num_key_value_heads=2,
    head_dim=64,
    rope_theta=1e6,
    rms_norm_eps=1e-6,
    max_position_embeddings=32768,
    tie_word_embeddings=True,
)


def test_the_real_half_billion_config(clinical_data):
    fields = json.loads((clinical_data / "qwen25_tokenizer" / "config.Qwen2.5-0.5B-Instruct.json").read_text())
    assert from_hf(fields) == HALF_BILLION


@pytest.mark.parametrize(
    ("name", "layers", "tied", "positions"),
    [
        ("Qwen2.5-1.5B-Instruct", 28, True, 32768),
        ("Qwen2.5-1.5B", 28, True, 131072),
        ("Qwen2.5-7B-Instruct", 28, False, 32768),
    ],
)
def test_the_other_real_configs(clinical_data, name, layers, tied, positions):
    config = from_hf(json.loads((clinical_data / "qwen25_tokenizer" / f"config.{name}.json").read_text()))
    assert (config.num_hidden_layers, config.tie_word_embeddings) == (layers, tied)
    assert (config.head_dim, config.max_position_embeddings) == (128, positions)


def test_linear_shapes_of_the_half_billion():
    assert HALF_BILLION.linear_shapes == {
        "q_proj": (896, 896),
        "k_proj": (896, 128),
        "v_proj": (896, 128),
        "o_proj": (896, 896),
        "gate_proj": (896, 4864),
        "up_proj": (896, 4864),
        "down_proj": (4864, 896),
    }


def test_a_config_is_static_and_hashable():
    assert hash(from_hf(FIELDS)) == hash(from_hf(dict(FIELDS)))


@given(
    kv_heads=st.integers(1, 4),
    repeats=st.integers(1, 4),
    half_dim=st.integers(1, 16),
    layers=st.integers(1, 5),
    tied=st.booleans(),
    theta=st.sampled_from([1e4, 5e5, 1e6]),
)
def test_what_is_written_reads_back(kv_heads, repeats, half_dim, layers, tied, theta):
    config = Qwen2Config(
        vocab_size=11,
        hidden_size=6,
        intermediate_size=7,
        num_hidden_layers=layers,
        num_attention_heads=kv_heads * repeats,
        num_key_value_heads=kv_heads,
        head_dim=2 * half_dim,
        rope_theta=theta,
        tie_word_embeddings=tied,
    )
    assert from_hf(json.loads(json.dumps(to_hf(config, "float32")))) == config


@pytest.mark.parity
def test_transformers_reads_what_is_written():
    transformers = pytest.importorskip("transformers")
    theirs = transformers.Qwen2Config.from_dict(to_hf(HALF_BILLION, "bfloat16"))
    assert from_hf(theirs.to_dict()) == HALF_BILLION
    assert str(theirs.dtype).removeprefix("torch.") == "bfloat16"


@pytest.mark.parametrize(
    ("fields", "theta"),
    [
        ({}, 1e4),
        ({"rope_theta": 5e5}, 5e5),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 3e5}}, 3e5),
        ({"rope_scaling": None, "rope_theta": 1e6}, 1e6),
    ],
)
def test_rotary_base_of_old_and_new_releases(fields, theta):
    rest = {name: value for name, value in FIELDS.items() if name != "rope_theta"}
    assert from_hf({**rest, **fields}).rope_theta == theta


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model_type": "mistral"}, "model_type is 'mistral'; only qwen2 .* and llama"),
        ({"hidden_size": None}, "hidden_size is None; it must be a positive whole number"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"vocab_size": "120"}, "vocab_size is '120'"),
        ({"num_attention_heads": True}, "num_attention_heads is True"),
        ({"num_key_value_heads": 3}, "4 attention heads do not divide among 3 key-value heads"),
        ({"hidden_size": 30}, "hidden_size 30 does not divide among 4 attention heads"),
        ({"head_dim": 7}, "head_dim is 7; rotary embeddings need an even number"),
        ({"rms_norm_eps": -1e-6}, "rms_norm_eps is -1e-06; it must be a positive number"),
        ({"rope_theta": "big"}, "rope_theta is 'big'"),
        ({"max_position_embeddings": 1.5}, "max_position_embeddings is 1.5"),
        ({"use_sliding_window": True}, "use_sliding_window is true"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "use_sliding_window is true"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; only silu"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "RoPE scaling of type 'yarn' is not supported"),
        ({"rope_parameters": {"rope_type": "linear"}}, "RoPE scaling of type 'linear' is not supported"),
    ],
)
def test_what_cannot_be_run_is_refused(fields, message):
    with pytest.raises(UserError, match=f"here.json: {message}"):
        from_hf({**FIELDS, **fields}, "here.json")


def test_missing_fields_are_named():
    with pytest.raises(UserError, match="missing hidden_size, num_hidden_layers;"):
        from_hf({key: value for key, value in FIELDS.items() if key not in ("hidden_size", "num_hidden_layers")})


@pytest.mark.parametrize("text", ["{", "[1]", "\x00", '"qwen2"'])
def test_broken_file_is_named(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config.json: not (valid JSON|a JSON object)"):
        read_config(str(tmp_path))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="config.json: not found; --config.model.path takes a folder"):
        read_config(str(tmp_path))


def test_projections_are_named_alike_where_the_model_may_not_be_imported():
    """`alignment.config` and the PEFT layout lie below the model; their lists are those of the parameter tree."""
    blocks = {each.path[1]: each.hf_name.split(".")[-3] for each in PARAMETERS if each.is_transposed}
    assert PROJECTIONS == ALL_PROJECTIONS == tuple(peft.BLOCKS)
    assert blocks == peft.BLOCKS
