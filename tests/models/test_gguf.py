"""Qwen2 and Llama out of GGUF files: values of every type, llama.cpp's conventions undone, and torch's own reading."""

from __future__ import annotations

import os
from pathlib import Path

import gguf
import jax
import jax.numpy as jnp
import made_gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from tiny import greedy_tokens

from alignment.config import default_config
from alignment.errors import UserError
from alignment.models import qwen2
from alignment.models.config import read_config
from alignment.models.hf import load_params, resolve_folder, save_params
from alignment.models.rotary import Llama3Scaling, frequency_shares
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.base_model import describe_base, hash_weights, load_base_model

TYPES = (*made_gguf.SIMPLE, *made_gguf.K_SCALES)
NAMES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def load(path: Path, dtype=jnp.float32) -> dict:
    return load_params(str(path), read_config(str(path)), dtype)


def values(stored: tuple[np.ndarray, Type]) -> np.ndarray:
    return np.asarray(gguf.quants.dequantize(*stored), np.float32)


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        load(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("kind", TYPES)
def test_values_are_those_of_the_package(tmp_path, kind):
    tensors = made_gguf.stored_tensors("qwen2", kind)
    params = load(made_gguf.write(tmp_path / "a.gguf", "qwen2", tensors))
    np.testing.assert_array_equal(params["embed"], values(tensors["token_embd.weight"]))
    assert "head" not in params and 0.01 < np.std(params["embed"]) < 0.2
    for layer in range(made_gguf.LAYERS):
        for ours, theirs in NAMES.items():
            weight = values(tensors[f"blk.{layer}.{theirs}.weight"])
            np.testing.assert_array_equal(params["layers"][ours]["w"][layer], weight.T)
        for ours in ("q_proj", "k_proj", "v_proj"):
            bias = tensors[f"blk.{layer}.{NAMES[ours]}.bias"][0]
            np.testing.assert_array_equal(params["layers"][ours]["b"][layer], bias)
        np.testing.assert_array_equal(
            params["layers"]["input_norm"][layer], tensors[f"blk.{layer}.attn_norm.weight"][0]
        )


def interleaved(weight: np.ndarray, heads: int) -> np.ndarray:
    """The order in which llama.cpp's converter writes the rows of q and k (`LlamaModel.permute`)."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def test_rows_of_q_and_k_are_put_back_for_llama_alone(tmp_path):
    for architecture in ("llama", "qwen2"):
        tensors = made_gguf.stored_tensors(architecture, "F32")
        plain = load(made_gguf.write(tmp_path / f"{architecture}.gguf", architecture, tensors))
        for name, heads in (("attn_q", made_gguf.HEADS), ("attn_k", made_gguf.KV_HEADS)):
            ours = plain["layers"]["q_proj" if name == "attn_q" else "k_proj"]["w"][0].T
            stored = tensors[f"blk.0.{name}.weight"][0]
            np.testing.assert_array_equal(interleaved(ours, heads) if architecture == "llama" else ours, stored)
    assert set(plain["layers"]["q_proj"]) == {"w", "b"}


def test_the_config_is_that_of_the_metadata(tmp_path):
    entries = made_gguf.metadata("llama", llama__rope__freq_base=5e5, llama__attention__head_count_kv=None)
    tensors = made_gguf.stored_tensors("llama", "F32", tied=False)
    for name in ("attn_k", "attn_v"):  # without grouping
        for layer in range(made_gguf.LAYERS):
            tensors[f"blk.{layer}.{name}.weight"] = tensors[f"blk.{layer}.attn_q.weight"]
    config = read_config(str(made_gguf.write(tmp_path / "a.gguf", "llama", tensors, entries)))
    assert (config.model_type, config.rope_theta, config.rms_norm_eps) == ("llama", 5e5, 1e-5)
    assert (config.num_key_value_heads, config.head_dim, config.num_hidden_layers) == (4, 64, 2)
    assert (config.tie_word_embeddings, config.max_position_embeddings) == (False, 512)
    assert config.vocab_size == len(made_gguf.TOKENS)


@pytest.mark.parametrize(("kind", "head"), [("F32", "F32"), ("F16", "Q8_0"), ("Q4_0", "Q8_0"), ("Q5_1", "Q4_1")])
def test_a_head_that_is_the_embedding_in_another_quantisation_is_tied(tmp_path, kind, head):
    """The nearer one of the two serves as both."""
    tensors = made_gguf.stored_tensors("qwen2", "F32", tied=False)
    matrix = np.random.default_rng(5).normal(0, 0.02, tensors["output.weight"][0].shape).astype(np.float32)
    for name, each in (("token_embd.weight", kind), ("output.weight", head)):
        stored = matrix if each == "F32" else gguf.quants.quantize(matrix, Type[each])
        tensors[name] = stored, Type[each]
    path = made_gguf.write(tmp_path / "a.gguf", "qwen2", tensors)
    assert read_config(str(path)).tie_word_embeddings
    params = load(path)
    assert "head" not in params
    error = np.abs(params["embed"] - matrix).max()
    assert error == min(np.abs(values(tensors[name]) - matrix).max() for name in ("token_embd.weight", "output.weight"))


def test_a_head_of_its_own_is_not_tied(tmp_path):
    tensors = made_gguf.stored_tensors("llama", "Q2_K", tied=False)
    params = load(made_gguf.write(tmp_path / "a.gguf", "llama", tensors))
    np.testing.assert_array_equal(params["head"], values(tensors["output.weight"]))


def scaled(factor: float, **changes: float) -> np.ndarray:
    """The factors of Llama 3's scaling as the converter computes them (`LlamaModel.generate_extra_tensors`)."""
    low, high, context = changes.get("low", 1.0), changes.get("high", 4.0), 8192
    frequencies = 1.0 / 10000.0 ** (np.arange(0, 64, 2) / 64)
    lengths = 2 * np.pi / frequencies
    smooth = (context / lengths - low) / (high - low)
    middle = 1 / ((1 - smooth) / factor + smooth)
    return np.where(lengths < context / high, 1.0, np.where(lengths > context / low, factor, middle)).astype(np.float32)


def test_the_scaling_of_llama3_is_read_from_its_factors(tmp_path):
    tensors = made_gguf.stored_tensors("llama", "F32")
    for name, factors, scaling in (
        ("a", scaled(32.0), Llama3Scaling(32.0, 1.0, 4.0, 8192)),
        ("b", np.ones(32, np.float32), None),
    ):
        path = made_gguf.write(tmp_path / f"{name}.gguf", "llama", tensors | {"rope_freqs.weight": (factors, Type.F32)})
        assert read_config(str(path)).rope_scaling == scaling
        load(path)
    frequencies = 10000.0 ** -(np.arange(0, 64, 2) / 64)
    shares = frequency_shares(jnp.asarray(frequencies), Llama3Scaling(32.0, 1.0, 4.0, 8192))
    np.testing.assert_allclose(1 / np.asarray(shares), scaled(32.0), rtol=1e-4)
    path = made_gguf.write(
        tmp_path / "c.gguf", "llama", tensors | {"rope_freqs.weight": (scaled(8.0, low=2.0), Type.F32)}
    )
    assert "rope_freqs.weight scales RoPE in another way than Llama 3" in refused(path)


@pytest.mark.parametrize(
    ("architecture", "changes", "message"),
    [
        (
            "qwen2",
            {"qwen2__rope__scaling__type": "yarn", "qwen2__rope__scaling__factor": 4.0},
            "rope.scaling.type is 'yarn'",
        ),
        ("llama", {"llama__rope__scaling__factor": 2.0}, "llama.rope.scaling.factor is 2.0, which is not supported"),
        ("llama", {"llama__expert_count": 8}, "llama.expert_count is 8, which is not supported"),
        ("llama", {"llama__attention__sliding_window": 4096}, "llama.attention.sliding_window is 4096"),
        ("llama", {"llama__block_count": "2"}, "llama.block_count is '2'; it must be a whole number"),
        ("llama", {"llama__block_count": 2**31}, "llama.block_count is 2147483648, and there are"),
        ("llama", {"llama__block_count": 1}, "tensor 'blk.1.attn_k.weight' is not in a llama model"),
        ("llama", {"llama__block_count": 3}, "tensor blk.2.attn_q.weight is missing"),
        ("llama", {"llama__feed_forward_length": 128}, "has shape (256, 256), and (128, 256) by its metadata"),
        ("llama", {"llama__attention__head_count": None}, "llama.attention.head_count is missing"),
        ("llama", {"llama__attention__head_count": 0}, "llama.attention.head_count is 0; it must be at least 1"),
        ("llama", {"llama__rope__dimension_count": 32}, "rope.dimension_count is 32 and heads have 64"),
        ("llama", {"llama__rope__freq_base": 10000}, "llama.rope.freq_base is 10000; it must be a number"),
        ("llama", {"llama__rope__freq_base": float("nan")}, "rope_theta is nan; it must be a positive number"),
        ("llama", {"llama__vocab_size": 7}, "llama.vocab_size is 7, and the embedding has"),
        ("llama", {"general__alignment": 48}, "general.alignment is 48, no power of two"),
    ],
)
def test_what_the_forward_pass_does_not_have_is_refused_by_name(tmp_path, architecture, changes, message):
    entries = made_gguf.metadata(architecture, **changes)
    tensors = made_gguf.stored_tensors(architecture, "F32")
    assert message in refused(made_gguf.write(tmp_path / "a.gguf", architecture, tensors, entries))


def test_another_architecture_is_refused_by_name(tmp_path):
    path = made_gguf.write(tmp_path / "a.gguf", "gemma2", made_gguf.stored_tensors("llama", "F32"))
    assert "architecture 'gemma2'; only qwen2 and llama are supported" in refused(path)


def test_tensors_that_are_not_read_are_refused_by_name(tmp_path):
    rng = np.random.default_rng(0)
    tensors = made_gguf.stored_tensors("llama", "F32")
    name, rows = "blk.1.ffn_up.weight", made_gguf.HIDDEN
    blocks = rng.integers(0, 256, (rows, rows // 32 * 18), np.uint8)
    path = made_gguf.write(tmp_path / "a.gguf", "llama", tensors | {name: (blocks, Type.IQ4_NL)})
    assert f"tensor {name} is IQ4_NL; only F32, F16, BF16" in refused(path)
    bias = {"blk.0.attn_q.bias": (np.zeros(rows, np.float32), Type.F32)}
    assert "tensor 'blk.0.attn_q.bias' is not in a llama" in refused(
        made_gguf.write(tmp_path / "b.gguf", "llama", tensors | bias)
    )
    nan = {"output_norm.weight": (np.full(rows, np.nan, np.float32), Type.F32)}
    assert "model.norm.weight holds values that are not finite" in refused(
        made_gguf.write(tmp_path / "c.gguf", "llama", tensors | nan)
    )


def test_a_split_model_is_named_by_its_first_file(tmp_path):
    tensors = made_gguf.stored_tensors("qwen2", "Q8_0")
    whole = made_gguf.write(tmp_path / "whole.gguf", "qwen2", tensors)
    first = made_gguf.write(tmp_path / "model.gguf", "qwen2", tensors, largest=7)
    parts = sorted(tmp_path.glob("model-*.gguf"))
    assert len(parts) == 4 and first == parts[0]
    for one, other in zip(jax.tree.leaves(load(first)), jax.tree.leaves(load(whole)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"name the first, {first.name}" in refused(parts[2])
    before = hash_weights(str(first))
    content = bytearray(parts[3].read_bytes())
    content[-1] ^= 1
    parts[3].write_bytes(content)
    assert before != hash_weights(str(first)) != hash_weights(str(whole))
    parts[3].unlink()
    with pytest.raises(UserError, match="model-00004-of-00004.gguf: cannot be read"):
        load(first)
    renamed = first.rename(tmp_path / "renamed.gguf")
    assert "part 1 of 4 by its header; call it NAME-00001-of-00004.gguf" in refused(renamed)


def test_the_hash_names_the_quantisation(tmp_path):
    hashes = {
        kind: hash_weights(str(made_gguf.write_model(tmp_path / f"{kind}.gguf", kind=kind))) for kind in ("Q4_1", "F16")
    }
    assert {kind: value.split("-")[0] for kind, value in hashes.items()} == {"Q4_1": "Q4_1", "F16": "F16"}
    moved = (tmp_path / "F16.gguf").rename(tmp_path / "other.gguf")
    assert hash_weights(str(moved)) == hashes["F16"]


def test_dequantised_to_bfloat16_and_written_as_a_folder(tmp_path):
    path = made_gguf.write_model(tmp_path / "a.gguf", "llama", "Q4_K")
    config, params = read_config(str(path)), load(path, jnp.bfloat16)
    wide = load(path)
    for narrow, full in zip(jax.tree.leaves(params), jax.tree.leaves(wide), strict=True):
        np.testing.assert_array_equal(narrow, full.astype(jnp.bfloat16))
    save_params(str(tmp_path / "folder"), wide, config)
    assert read_config(str(tmp_path / "folder")) == config
    for one, other in zip(jax.tree.leaves(load(tmp_path / "folder")), jax.tree.leaves(wide), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_report_says_of_the_base(tmp_path):
    path = made_gguf.write_model(tmp_path / "tiny.gguf", "llama", "Q4_1")
    config = default_config()
    config.model.path = str(path)
    base = load_base_model(config, choose_devices("jit", 1))
    assert (base.stop_ids, base.pad_id) == ((2,), 0)
    assert base.token_ranges == ((0, len(made_gguf.TOKENS) - len(made_gguf.UNUSED)),)
    head = describe_base(base, config.model.path)
    assert head["quantisation"] == "Q4_1 99%, F32 <1%, dequantised" and head["model"] == str(path)
    assert head["weights SHA-256"] == hash_weights(str(path))
    assert head["parameters"] == sum(
        np.size(values(each)) for each in made_gguf.stored_tensors("llama", "Q4_1").values()
    )


def test_paths_that_name_no_file(tmp_path):
    with pytest.raises(UserError, match=r"owner/name.gguf: no such file; name a GGUF file, or bring one"):
        resolve_folder("owner/name.gguf")
    path = made_gguf.write_model(tmp_path / "a.gguf")
    assert resolve_folder(str(path)) == str(path)
    with pytest.raises(UserError, match=r"config.json: not found; name the GGUF file itself, a.gguf"):
        read_config(str(tmp_path))


# -------------------------------------------------------------------------------------------------------------- parity


def our_logits(path: Path, tokens: np.ndarray) -> np.ndarray:
    params = load(path)
    hidden = qwen2.hidden_states(params, read_config(str(path)), jnp.asarray(tokens))
    return np.asarray(qwen2.logits(params, hidden))


def compare_with_torch(path: Path, prompt: np.ndarray) -> float:
    """Assert equal logits and 64 equal greedy tokens; return the largest difference of logits."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype="float32").eval()
    with torch.no_grad():
        theirs = model(torch.tensor(prompt)[None]).logits.numpy()
        ids = torch.tensor(prompt)[None]
        options = {"do_sample": False, "max_new_tokens": 64, "eos_token_id": None, "pad_token_id": 0}
        greedy = model.generate(ids, attention_mask=torch.ones_like(ids), **options)[0, len(prompt) :]
    difference = np.abs(our_logits(path, prompt[None]) - theirs).max()
    assert difference <= 2e-4
    assert greedy_tokens(path, prompt[None], (len(prompt),), 64)[0].tolist() == greedy.tolist()
    return difference


@pytest.mark.parity
@pytest.mark.parametrize(("architecture", "kind"), [("qwen2", "Q4_K"), ("llama", "Q6_K"), ("llama", "Q2_K")])
def test_logits_and_greedy_tokens_equal_torch(tmp_path, architecture, kind):
    path = made_gguf.write_model(tmp_path / "a.gguf", architecture, kind, tied=kind != "Q2_K")
    compare_with_torch(path, np.random.default_rng(1).integers(3, 200, 12))


@pytest.mark.parity
@pytest.mark.long
def test_smollm2_equals_torch():
    """With the file of `python -m alignment.fetch smollm2-135m`, named by CLINICAL_GGUF."""
    path = os.environ.get("CLINICAL_GGUF")
    if not path:
        pytest.skip("CLINICAL_GGUF is unset: no real GGUF file to read")
    difference = compare_with_torch(Path(path).resolve(), np.random.default_rng(1).integers(17, 49152, 24))
    print(f"max |dlogit| = {difference:.1e}")
