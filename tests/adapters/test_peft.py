"""Adapters as PEFT folders: nothing lost on the way out and back, and real PEFT reads and writes the same."""

from __future__ import annotations

import errno
import json
import re
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from golden import make_golden as golden
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from alignment.adapters import tensorfiles
from alignment.adapters.compose import concatenate
from alignment.adapters.lora import Lora, LoraConfig, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.common import files
from alignment.errors import UserError
from alignment.models import qwen2
from alignment.models.config import from_hf, read_config
from alignment.models.hf import load_params

FIELDS = golden.MODELS["tied"]
STORED = np.load(golden.GOLDEN)
SEEDS = {name: seed for seed, name in enumerate(golden.ADAPTERS, 1)}
TOLERANCE = 1e-4


@pytest.fixture
def base(tmp_path) -> Path:
    return golden.write_model(tmp_path / "base", FIELDS)


def our_logits(base: Path, **loras: Lora) -> np.ndarray:
    config = read_config(str(base))
    params = load_params(str(base), config, jnp.float32)
    hidden = qwen2.hidden_states(params, config, jnp.asarray(golden.sequences()), make_stack(loras))
    mask = np.arange(golden.sequences().shape[1]) < np.asarray(golden.LENGTHS)[:, None]
    return np.asarray(qwen2.logits(params, hidden)) * mask[..., None]


def drawn(folder: Path, name: str) -> Lora:
    """One of the golden adapters, read from the folder that the generator writes."""
    return load_peft(str(golden.write_adapter(folder / name, name, FIELDS, SEEDS[name])))


def peft_model(base: Path, adapter: Path):
    peft = pytest.importorskip("peft")
    from transformers import Qwen2ForCausalLM

    return peft.PeftModel.from_pretrained(Qwen2ForCausalLM.from_pretrained(base, dtype="float32"), adapter).eval()


def assert_same(first: Lora, second: Lora) -> None:
    """Equal to the last bit, settings included."""
    assert jax.tree.structure(first) == jax.tree.structure(second)  # holds the static fields too
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(np.asarray(one).view(np.uint32), np.asarray(other).view(np.uint32))


# ---------------------------------------------------------------------------------------------------------- round trip


@settings(max_examples=30, deadline=None)
@given(
    rank=st.integers(1, 5),
    alpha=st.floats(1e-3, 1e3),
    scaling=st.sampled_from(["lora", "rslora"]),
    dropout=st.floats(0, 0.5),
    targets=st.sets(st.sampled_from(golden.ALL), min_size=1),
    seed=st.integers(0, 2**31),
)
def test_round_trip_is_exact(rank, alpha, scaling, dropout, targets, seed):
    shapes = {name: shape for name, shape in from_hf(FIELDS).linear_shapes.items() if name in targets}
    rng = np.random.RandomState(seed)

    def any_floats(*shape):  # subnormal, huge and negative zero among them; no NaN
        bits = rng.randint(0, 2**32, shape, np.uint64).astype(np.uint32)
        values = bits.view(np.float32)
        return jnp.asarray(np.where(np.isfinite(values), values, np.float32(-0.0)))

    modules = {name: {"a": any_floats(2, i, rank), "b": any_floats(2, rank, o)} for name, (i, o) in shapes.items()}
    lora = Lora(modules, rank=rank, alpha=alpha, scaling=scaling, dropout=dropout)
    with tempfile.TemporaryDirectory() as folder:
        save_peft(folder, lora, "base")
        again = load_peft(folder)
    assert_same(again, lora)
    assert again.scale == lora.scale


def test_fresh_adapter_keeps_its_order_and_settings(tmp_path):
    shapes = from_hf(FIELDS).linear_shapes
    config = LoraConfig(rank=4, alpha=8.0, targets=("down_proj", "q_proj"), dropout=0.05)
    lora = init_lora(jax.random.key(0), shapes, 3, config)
    save_peft(str(tmp_path), lora, "base")
    again = load_peft(str(tmp_path))
    assert_same(again, lora)
    assert list(again.modules) == ["q_proj", "down_proj"]
    assert (again.rank, again.alpha, again.scaling, again.dropout) == (4, 8.0, "lora", 0.05)


def test_layout_on_disk(tmp_path):
    lora = drawn(tmp_path, "reward")
    save_peft(str(tmp_path / "out"), lora, "Qwen/Qwen2.5-0.5B-Instruct")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    tensors = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert len(tensors) == 3 * 3 * 2
    a = tensors["base_model.model.model.layers.2.mlp.down_proj.lora_A.weight"]
    b = tensors["base_model.model.model.layers.2.self_attn.v_proj.lora_B.weight"]
    assert (a.shape, a.dtype, b.shape) == ((2, 40), np.float32, (16, 2))
    np.testing.assert_array_equal(a, np.asarray(lora.modules["down_proj"]["a"][2]).T)
    with tensorfiles.open_tensors(tmp_path / "out" / "adapter_model.safetensors") as handle:
        assert handle.metadata() == {"format": "pt"}
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "Qwen/Qwen2.5-0.5B-Instruct"
    assert (config["r"], config["lora_alpha"], config["use_rslora"]) == (2, 5, False)
    assert (config["peft_type"], config["task_type"]) == ("LORA", "CAUSAL_LM")
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"]


def test_other_files_of_the_folder_stay(tmp_path):
    lora = drawn(tmp_path, "reward")
    (tmp_path / "reward" / "README.md").write_text("card")
    save_peft(str(tmp_path / "reward"), lora, "base")
    assert (tmp_path / "reward" / "README.md").read_text() == "card"


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16])
def test_half_precision_factors_are_read_as_float32(tmp_path, dtype):
    exact = drawn(tmp_path, "reasoning")
    file = tmp_path / "reasoning" / "adapter_model.safetensors"
    save_file({name: tensor.astype(dtype) for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    lora = load_peft(str(tmp_path / "reasoning"))
    expected = np.asarray(exact.modules["o_proj"]["b"]).astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(lora.modules["o_proj"]["b"], expected)


# -------------------------------------------------------------------------------------------------------------- logits


@pytest.mark.parametrize("name", golden.ADAPTERS)
def test_logits_equal_the_stored_ones(tmp_path, base, name):
    ours = our_logits(base, adapter=drawn(tmp_path, name))
    assert np.abs(ours - STORED[f"{name}/logits"]).max() <= TOLERANCE
    assert np.abs(ours - STORED["tied/logits"]).max() > 0.1  # the adapter does something


def test_composite_folder_gives_the_logits_of_both(tmp_path, base):
    loras = {name: drawn(tmp_path, name) for name in ("reasoning", "reward")}
    save_peft(str(tmp_path / "both"), concatenate(make_stack(loras)), "base")
    both = load_peft(str(tmp_path / "both"))
    assert (both.rank, both.scale) == (6, 1.0)
    np.testing.assert_array_equal(our_logits(base, both=both), our_logits(base, **loras))  # made of equal products


@pytest.mark.parity
@pytest.mark.parametrize("name", golden.ADAPTERS)
def test_peft_loads_each_adapter(tmp_path, base, name):
    lora = drawn(tmp_path, name)
    save_peft(str(tmp_path / "out"), lora, str(base))
    theirs = golden.torch_logits(peft_model(base, tmp_path / "out"), golden.sequences(), golden.LENGTHS)
    assert np.abs(our_logits(base, adapter=lora) - theirs).max() <= TOLERANCE


@pytest.mark.parity
@pytest.mark.parametrize("names", [("reasoning", "reward"), ("rslora", "reward")])
def test_peft_loads_the_composite(tmp_path, base, names):
    loras = {name: drawn(tmp_path, name) for name in names}
    save_peft(str(tmp_path / "both"), concatenate(make_stack(loras, {"reward": 0.7})), str(base))
    theirs = golden.torch_logits(peft_model(base, tmp_path / "both"), golden.sequences(), golden.LENGTHS)
    gated = {**loras, "reward": loras["reward"].replace(alpha=0.7 * loras["reward"].alpha)}
    assert np.abs(our_logits(base, **gated) - theirs).max() <= TOLERANCE


@pytest.mark.parity
@pytest.mark.parametrize(("rslora", "targets"), [(False, ("q_proj", "v_proj")), (True, golden.ALL)])
def test_what_peft_saves_loads_here(tmp_path, base, rslora, targets):
    peft, torch = pytest.importorskip("peft"), pytest.importorskip("torch")
    from transformers import Qwen2ForCausalLM

    torch.manual_seed(0)
    options = {"r": 4, "lora_alpha": 16, "lora_dropout": 0.1, "target_modules": list(targets), "use_rslora": rslora}
    model = peft.get_peft_model(
        Qwen2ForCausalLM.from_pretrained(base, dtype="float32"), peft.LoraConfig(task_type="CAUSAL_LM", **options)
    ).eval()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path / "theirs")
    lora = load_peft(str(tmp_path / "theirs"))
    assert (lora.rank, lora.alpha, lora.dropout, set(lora.modules)) == (4, 16.0, 0.1, set(targets))
    theirs = golden.torch_logits(model, golden.sequences(), golden.LENGTHS)
    assert np.abs(our_logits(base, adapter=lora) - theirs).max() <= TOLERANCE
    _assert_same_layout(tmp_path, lora)


def _assert_same_layout(tmp_path: Path, lora: Lora) -> None:
    """What we write of an adapter is what PEFT wrote: the same tensors and the same value of every field."""
    base_name = json.loads((tmp_path / "theirs" / "adapter_config.json").read_text())["base_model_name_or_path"]
    save_peft(str(tmp_path / "ours"), lora, base_name)
    theirs, ours = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("theirs", "ours"))
    assert theirs.keys() == ours.keys()
    for name, tensor in theirs.items():
        np.testing.assert_array_equal(tensor, ours[name], err_msg=name)
    theirs, ours = (json.loads((tmp_path / name / "adapter_config.json").read_text()) for name in ("theirs", "ours"))
    theirs["target_modules"].sort()
    assert ours == {name: theirs[name] for name in ours}


# ------------------------------------------------------------------------------------------------- what may be wrong


def edit_config(folder: Path, **fields) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"peft_type": "LOHA"}, "peft_type is 'LOHA'; only plain LoRA"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"use_dora": True}, "use_dora is True"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out is True"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern is"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save is"),
        ({"r": 0}, "r is 0; it must be a positive number"),
        ({"r": 4.5}, "r is 4.5"),
        ({"lora_alpha": None}, "lora_alpha is None"),
    ],
)
def test_settings_of_another_function_are_refused(tmp_path, fields, message):
    drawn(tmp_path, "reasoning")
    edit_config(tmp_path / "reasoning", **fields)
    with pytest.raises(UserError, match=f"adapter_config.json: {re.escape(message)}"):
        load_peft(str(tmp_path / "reasoning"))


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
def test_missing_file(tmp_path, file):
    drawn(tmp_path, "reward")
    (tmp_path / "reward" / file).unlink()
    with pytest.raises(UserError, match=f"{file}: not found"):
        load_peft(str(tmp_path / "reward"))


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_broken_config(tmp_path, text):
    drawn(tmp_path, "reward")
    (tmp_path / "reward" / "adapter_config.json").write_text(text)
    with pytest.raises(UserError, match="adapter_config.json: not .*; fetch the file again"):
        load_peft(str(tmp_path / "reward"))


def test_truncated_weights(tmp_path):
    drawn(tmp_path, "reward")
    file = tmp_path / "reward" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(UserError, match="adapter_model.safetensors: truncated or no safetensors file"):
        load_peft(str(tmp_path / "reward"))


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("layers.1.self_attn.q_proj.lora_B", None, "layers.1.self_attn.q_proj.lora_B.weight is missing"),
        ("layers.2.mlp.down_proj.lora_A", np.ones((3, 40)), r"down_proj.lora_A.weight has shape \(3, 40\), .* r = 2"),
        (
            "layers.2.mlp.down_proj.lora_A",
            np.ones((2, 41)),
            r"has shape \(2, 41\), which disagrees with r = 2 or layer 0",
        ),
        ("layers.2.mlp.down_proj.lora_A", np.ones(2), r"has shape \(2,\)"),
        ("layers.0.mlp.down_proj.lora_A", np.ones((2, 40), np.int8), "is not floating point"),
        ("layers.0.self_attn.down_proj.lora_A", np.ones((2, 40)), "is no LoRA factor of a Qwen2 projection"),
        ("embed_tokens.lora_embedding_A", np.ones((2, 40)), "is no LoRA factor of a Qwen2 projection"),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, name, tensor, message):
    drawn(tmp_path, "reward")
    file = tmp_path / "reward" / "adapter_model.safetensors"
    tensors = load_file(file)
    tensors.pop(f"base_model.model.model.{name}.weight", None)
    if tensor is not None:
        tensors[f"base_model.model.model.{name}.weight"] = tensor
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(UserError, match=message):
        load_peft(str(tmp_path / "reward"))


def test_no_tensors_at_all(tmp_path):
    drawn(tmp_path, "reward")
    save_file({}, tmp_path / "reward" / "adapter_model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="holds no tensors"):
        load_peft(str(tmp_path / "reward"))


def test_full_disk_leaves_the_adapter_that_was_there(tmp_path, monkeypatch):
    lora = drawn(tmp_path, "reward")
    before = {file.name: file.read_bytes() for file in (tmp_path / "reward").iterdir()}

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_replace", full)
    with pytest.raises(UserError, match="reward/adapter_config.json: the disk is full"):
        save_peft(str(tmp_path / "reward"), lora.replace(alpha=99.0), "base")
    assert {file.name: file.read_bytes() for file in (tmp_path / "reward").iterdir()} == before


@pytest.mark.parametrize("kind", ["folder", "empty", "text", "device"])
def test_what_is_no_file_of_tensors_is_one_line_that_names_it(tmp_path, kind):
    path = tmp_path / "model.safetensors"
    {
        "folder": path.mkdir,
        "empty": path.touch,
        "text": lambda: path.write_text("weights"),
        "device": lambda: path.symlink_to("/dev/null"),
    }[kind]()
    wanted = rf"{path}: (a folder, and not|truncated or no) (a )?safetensors file"
    with pytest.raises(UserError, match=wanted) as caught, tensorfiles.open_tensors(path):
        pass
    assert "\n" not in str(caught.value)
