"""A PEFT folder is read as PEFT reads it, or refused by the name of the field or tensor that means something else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from golden import make_golden as golden
from safetensors.numpy import load_file, save_file

from alignment.adapters.lora import Lora
from alignment.adapters.peft import FIELDS, load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.errors import UserError
from alignment.models import qwen2
from alignment.models.config import read_config
from alignment.models.hf import load_params

MODEL = golden.MODELS["tied"]
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.fixture
def folder(tmp_path) -> Path:
    return golden.write_adapter(tmp_path / "adapter", "reasoning", MODEL)


def edit(folder: Path, **fields) -> None:
    path = folder / CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def drop(folder: Path, name: str) -> None:
    fields = json.loads((folder / CONFIG).read_text())
    del fields[name]
    (folder / CONFIG).write_text(json.dumps(fields))


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as raised:
        load_peft(str(folder))
    message = str(raised.value)
    assert "\n" not in message and len(message) < 700
    return message


# -------------------------------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'; only plain LoRA"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights is 'pissa_niter_4'"),
        ({"init_lora_weights": "olora"}, "init_lora_weights is 'olora'"),
        ({"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4}}, "init_lora_weights is 'loftq'"),
        ({"init_lora_weights": "corda", "corda_config": {}}, "init_lora_weights is 'corda'"),
        ({"init_lora_weights": "lora_ga"}, "init_lora_weights is 'lora_ga'"),
        ({"init_lora_weights": "mica"}, "init_lora_weights is 'mica'"),
        ({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}}, "init_lora_weights is 'eva'"),
        ({"init_lora_weights": 1}, "init_lora_weights is 1"),
        ({"init_lora_weights": None}, "init_lora_weights is None"),
        ({"layers_to_transform": [0]}, "layers_to_transform is [0]; only plain LoRA"),
        ({"layers_to_transform": 0}, "layers_to_transform is 0"),
        ({"layers_to_transform": [0, 1, 2]}, "layers_to_transform is [0, 1, 2]"),
        ({"layers_pattern": "layers"}, "layers_pattern is 'layers'"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern is {'q_proj': 8}"),
        ({"alpha_pattern": {"q_proj": 8}}, "alpha_pattern is {'q_proj': 8}"),
        ({"use_dora": True}, "use_dora is True"),
        ({"use_dora": 1}, "use_dora is 1"),
        ({"use_rslora": 1}, "use_rslora is 1"),
        ({"use_rslora": "true"}, "use_rslora is 'true'"),
        ({"bias": "lora_only"}, "bias is 'lora_only'"),
        ({"bias": None}, "bias is None"),
        ({"lora_bias": True}, "lora_bias is True"),
        ({"lora_dtype": "int8"}, "lora_dtype is 'int8'"),
        ({"modules_to_save": ["embed_tokens", "lm_head"]}, "modules_to_save is ['embed_tokens', 'lm_head']"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out is True"),
        ({"exclude_modules": ["q_proj"]}, "exclude_modules is ['q_proj']"),
        ({"exclude_modules": r".*layers\.0.*"}, "exclude_modules is"),
        ({"megatron_config": {"tensor_parallel": 2}}, "megatron_config is"),
        ({"loftq_config": {"loftq_bits": 4}}, "loftq_config is {'loftq_bits': 4}"),
        ({"eva_config": {"rho": 2.0}}, "eva_config is {'rho': 2.0}"),
        ({"corda_config": {"corda_method": "ipm"}}, "corda_config is"),
        ({"lora_ga_config": {"scale": "stable"}}, "lora_ga_config is"),
        ({"velora_config": {"num_groups": 4}}, "velora_config is"),
        ({"monteclora_config": {"num_samples": 4}}, "monteclora_config is"),
        ({"arrow_config": {"top_k": 3}}, "arrow_config is"),
        ({"kasa_config": {"beta": 1e-4}}, "kasa_config is"),
        ({"use_bdlora": {"nblocks": 2}}, "use_bdlora is"),
        ({"use_qalora": True}, "use_qalora is True"),
        ({"trainable_token_indices": [1, 2]}, "trainable_token_indices is [1, 2]"),
        ({"trainable_token_indices": {"embed_tokens": [1]}}, "trainable_token_indices is"),
        ({"target_parameters": ["mlp.experts.gate_up_proj"]}, "target_parameters is"),
        ({"layer_replication": [[0, 2], [1, 3]]}, "layer_replication is [[0, 2], [1, 3]]"),
        ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens is [5]"),
        ({"ensure_weight_tying": True}, "ensure_weight_tying is True"),
        ({"runtime_config": {"ephemeral_gpu_offload": True}}, "runtime_config is"),
        ({"task_type": "SEQ_CLS"}, "task_type is 'SEQ_CLS'"),
        ({"task_type": "FEATURE_EXTRACTION"}, "task_type is 'FEATURE_EXTRACTION'"),
        ({"peft_type": "ADALORA"}, "peft_type is 'ADALORA'"),
        ({"peft_type": "VERA"}, "peft_type is 'VERA'"),
        ({"peft_type": None}, "peft_type is None"),
        ({"auto_mapping": {"base_model_class": "MistralForCausalLM"}}, "auto_mapping is {'base_model_class': 'Mistral"),
        ({"auto_mapping": {}}, "auto_mapping is {}; only adapters of Qwen2ForCausalLM or Llama"),
        ({"auto_mapping": "Qwen2ForCausalLM"}, "auto_mapping is 'Qwen2ForCausalLM'"),
        ({"use_hydra_lora": True}, "use_hydra_lora is unknown; only plain LoRA can be read"),
        ({"some_future_config": None}, "some_future_config is unknown"),
        ({"r": True}, "r is True; it must be a positive number"),
        ({"r": "4"}, "r is '4'"),
        ({"r": None}, "r is None"),
        ({"r": -4}, "r is -4"),
        ({"r": 4.0}, "r is 4.0"),
        ({"r": 10**400}, "r is 1000"),
        ({"lora_alpha": True}, "lora_alpha is True"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"lora_alpha": -8}, "lora_alpha is -8"),
        ({"lora_alpha": "16"}, "lora_alpha is '16'"),
        ({"lora_alpha": float("nan")}, "lora_alpha is nan"),
        ({"lora_alpha": float("inf")}, "lora_alpha is inf"),
        ({"lora_alpha": 1e60}, "lora_alpha is 1e+60"),
        ({"lora_alpha": 10**400}, "lora_alpha is 1000"),
        ({"lora_dropout": 1.0}, "lora_dropout is 1.0; it must be at least 0 and below 1"),
        ({"lora_dropout": -0.1}, "lora_dropout is -0.1"),
        ({"lora_dropout": True}, "lora_dropout is True"),
        ({"lora_dropout": None}, "lora_dropout is None"),
        ({"lora_dropout": "0.1"}, "lora_dropout is '0.1'"),
        ({"lora_dropout": float("nan")}, "lora_dropout is nan"),
    ],
)
def test_a_field_that_means_something_else_is_refused_by_name(folder, fields, message):
    edit(folder, **fields)
    assert f"{CONFIG}: {message}" in refusal(folder)


def test_a_config_without_its_kind_is_refused(folder):
    drop(folder, "peft_type")
    assert f"{CONFIG}: peft_type is None" in refusal(folder)


def test_every_field_that_is_off_may_be_left_out_or_written(folder):
    plain = load_peft(str(folder))
    off = {
        "auto_mapping": {"base_model_class": "Qwen2ForCausalLM", "parent_library": "transformers"},
        "exclude_modules": [],
        "inference_mode": False,
        "init_lora_weights": "gaussian",
        "layers_to_transform": [],
        "loftq_config": {},
        "megatron_core": "megatron.core",
        "modules_to_save": [],
        "peft_version": "9.9",
        "qalora_group_size": 16,
        "revision": "main",
        "runtime_config": {"ephemeral_gpu_offload": False},
        "task_type": None,
        "use_dora": None,
    }
    edit(folder, **off)
    assert jnp.array_equal(load_peft(str(folder)).modules["q_proj"]["b"], plain.modules["q_proj"]["b"])


# ------------------------------------------------------------------------------------------------------------- targets

SUFFIXES = {"q": "self_attn", "v": "self_attn", "down": "mlp"}  # of the golden adapter "reward"


@pytest.mark.parametrize(
    "targets",
    [
        ["v_proj", "down_proj", "q_proj", "q_proj"],
        ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"],
        [f"model.layers.{layer}.{block}.{name}_proj" for layer in range(3) for name, block in SUFFIXES.items()],
        r"model\.layers\.\d+\.(self_attn\.[qv]|mlp\.down)_proj",
        r".*\.(q_proj|v_proj|down_proj)",
    ],
)
def test_targets_in_any_spelling(tmp_path, targets):
    folder = golden.write_adapter(tmp_path, "reward", MODEL)
    edit(folder, target_modules=targets)
    assert list(load_peft(str(folder)).modules) == ["q_proj", "v_proj", "down_proj"]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["q_proj"], "target_modules ['q_proj'] are not the projections"),
        (["q_proj", "v_proj", "down_proj", "o_proj"], "are not the projections"),
        (
            ["q_proj", "v_proj", "down_proj", "lm_head"],
            "target_modules holds 'lm_head', which is no projection of Qwen2",
        ),
        (["proj"], "target_modules holds 'proj'"),
        (["layers.0.self_attn.q_proj", "v_proj", "down_proj"], "are not the projections"),
        (["self_attn.down_proj", "q_proj"], "target_modules holds 'self_attn.down_proj'"),
        ([], "are not the projections"),
        (None, "target_modules ['q_proj', 'v_proj'] are not the projections"),  # PEFT's default for Qwen2
        ("all-linear", "target_modules 'all-linear' are not the projections"),
        ("q_proj|v_proj|down_proj", "are not the projections"),  # PEFT matches the whole dotted name
        (r".*layers\.[01]\..*(q_proj|v_proj|down_proj)", "are not the projections"),
        (".*(", "'.*(', no pattern ("),
        ({"q_proj": 1}, "target_modules is {'q_proj': 1}; it must be a list of names or a pattern"),
        ([1], "target_modules is [1]"),
        (True, "target_modules is True"),
    ],
)
def test_targets_that_are_not_the_tensors(tmp_path, targets, message):
    folder = golden.write_adapter(tmp_path, "reward", MODEL)
    edit(folder, target_modules=targets)
    refused = refusal(folder)
    assert f"{CONFIG}: target_modules" in refused and message in refused


# ------------------------------------------------------------------------------------------------------------- tensors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_a_factor_that_is_not_finite_is_named(folder, value, dtype):
    tensors = {name: tensor.astype(dtype) for name, tensor in load_file(folder / WEIGHTS).items()}
    name = "base_model.model.model.layers.2.mlp.up_proj.lora_B.weight"
    tensors[name][3, 1] = value
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    message = refusal(folder)
    assert str(folder / WEIGHTS) in message and f"tensor {name} holds values that are not finite" in message


def test_a_factor_beyond_float32_is_named(folder):
    tensors = {name: tensor.astype(np.float64) for name, tensor in load_file(folder / WEIGHTS).items()}
    name = sorted(tensors)[0]
    tensors[name][0, 0] = 1e200
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    assert f"tensor {name} holds values that are not finite (NaN or infinity) in float32" in refusal(folder)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("01", "tensor base_model.model.model.layers.01.mlp.up_proj.lora_B.weight is no LoRA factor"),
        ("\u0661", "is no LoRA factor of a Qwen2 projection"),  # a digit one that is not ASCII
        ("1000000000", "layers.3.self_attn.q_proj.lora_A.weight is missing"),  # and no loop over so many layers
    ],
)
def test_a_layer_that_is_not_the_next_one_is_refused(folder, layer, message):
    tensors = load_file(folder / WEIGHTS)
    name = "base_model.model.model.layers.{}.mlp.up_proj.lora_B.weight"
    save_file({**tensors, name.format(layer): tensors[name.format(1)]}, folder / WEIGHTS, {"format": "pt"})
    assert message in refusal(folder)


# Fields that PEFT and the trainers around it have written, by when they came.
FIRST = {
    "base_model_name_or_path": "Qwen/Qwen2.5-0.5B-Instruct",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "lora_dropout": 0,
    "modules_to_save": None,
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
}
LATER = {
    "0.4": {"auto_mapping": None, "layers_pattern": None, "layers_to_transform": None, "revision": None},
    "0.6": {"rank_pattern": {}, "alpha_pattern": {}, "megatron_config": None, "megatron_core": "megatron.core"},
    "0.8": {"loftq_config": {}, "use_rslora": False},
    "0.10": {"use_dora": False, "layer_replication": None},
    "0.14": {"exclude_modules": None, "eva_config": None, "lora_bias": False},
    "0.15": {"corda_config": None, "trainable_token_indices": None},
    "0.17": {"qalora_group_size": 16, "use_qalora": False, "target_parameters": None},
    "0.18": {"alora_invocation_tokens": None, "arrow_config": None, "ensure_weight_tying": False},
    "peft_version": {"peft_version": "0.18.0"},
    "ms-swift": {"lora_dtype": None, "lorap_lr_ratio": None, "lorap_emb_lr": 1e-06},
    "unsloth": {
        "auto_mapping": {
            "base_model_class": "Qwen2ForCausalLM",
            "parent_library": "transformers.models.qwen2.modeling_qwen2",
            "unsloth_fixed": True,
        }
    },
}


@pytest.mark.parametrize("last", [None, *LATER])
def test_what_every_version_and_trainer_has_written_is_read(folder, last):
    expected = load_peft(str(folder))
    written = json.loads((folder / CONFIG).read_text())
    fields = FIRST | {name: written[name] for name in ("r", "lora_alpha", "target_modules")}
    for name in [*LATER][: [*LATER].index(last) + 1] if last else ():
        fields |= LATER[name]
    (folder / CONFIG).write_text(json.dumps(fields))
    for other in ("tokenizer_config.json", "added_tokens.json", "README.md", "training_args.bin"):
        (folder / other).write_text("{}")
    read = load_peft(str(folder))
    assert (read.rank, read.alpha, read.scaling) == (expected.rank, expected.alpha, "lora")
    assert read.modules.keys() == expected.modules.keys()


# ---------------------------------------------------------------------------------------------------------- real PEFT


def our_logits(base: Path, lora: Lora) -> np.ndarray:
    config = read_config(str(base))
    params = load_params(str(base), config, jnp.float32)
    hidden = qwen2.hidden_states(params, config, jnp.asarray(golden.sequences()), make_stack({"adapter": lora}))
    mask = np.arange(golden.sequences().shape[1]) < np.asarray(golden.LENGTHS)[:, None]
    return np.asarray(qwen2.logits(params, hidden)) * mask[..., None]


@pytest.mark.parity
def test_every_field_of_peft_is_known():
    peft = pytest.importorskip("peft")
    assert {field.name for field in dataclasses.fields(peft.LoraConfig)} <= FIELDS


@pytest.mark.parity
def test_the_default_config_of_peft_is_plain(tmp_path):
    peft = pytest.importorskip("peft")
    lora = load_peft(str(golden.write_adapter(tmp_path / "drawn", "reward", MODEL)))
    modules = {name: lora.modules[name] for name in ("q_proj", "v_proj")}  # those PEFT adapts where none is named
    save_peft(str(tmp_path / "out"), lora.replace(modules=modules), "base")
    peft.LoraConfig(r=lora.rank, lora_alpha=8).save_pretrained(str(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / CONFIG).read_text())["target_modules"] is None
    assert load_peft(str(tmp_path / "out")).alpha == 8.0


@pytest.mark.parity
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"task_type": "CAUSAL_LM"},
        {"init_lora_weights": False},
        {"init_lora_weights": "gaussian"},
        {"init_lora_weights": "orthogonal"},
        {"target_modules": "all-linear"},
        {"target_modules": r".*\.(q_proj|down_proj)"},
        {"target_modules": ["self_attn.k_proj", "mlp.gate_proj"]},
        {"exclude_modules": []},
    ],
)
def test_what_peft_writes_is_read_as_the_same_function(tmp_path, options):
    peft, torch = pytest.importorskip("peft"), pytest.importorskip("torch")
    from transformers import Qwen2ForCausalLM

    base = golden.write_model(tmp_path / "base", MODEL)
    torch.manual_seed(0)
    config = peft.LoraConfig(r=4, lora_alpha=6, **options)
    model = peft.get_peft_model(Qwen2ForCausalLM.from_pretrained(base, dtype="float32"), config).eval()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path / "theirs")
    fresh = Qwen2ForCausalLM.from_pretrained(base, dtype="float32")
    again = peft.PeftModel.from_pretrained(fresh, tmp_path / "theirs").eval()  # as another program would read it
    theirs = golden.torch_logits(again, golden.sequences(), golden.LENGTHS)
    # Float32 logits of order 10 after three layers, as in test_peft.py.
    assert np.abs(our_logits(base, load_peft(str(tmp_path / "theirs"))) - theirs).max() <= 1e-4


@pytest.mark.parity
@pytest.mark.parametrize("options", [{"init_lora_weights": "pissa"}, {"layers_to_transform": [0]}])
def test_what_peft_reads_as_another_function_is_refused(tmp_path, options):
    peft = pytest.importorskip("peft")
    from transformers import Qwen2ForCausalLM

    base = golden.write_model(tmp_path / "base", MODEL)
    config = peft.LoraConfig(r=4, lora_alpha=6, task_type="CAUSAL_LM", target_modules=["q_proj"], **options)
    model = peft.get_peft_model(Qwen2ForCausalLM.from_pretrained(base, dtype="float32"), config)
    model.save_pretrained(tmp_path / "theirs")
    assert next(iter(options)) in refusal(tmp_path / "theirs")
