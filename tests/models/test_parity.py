"""Our forward pass against transformers' torch Qwen2: stored answers everywhere, live torch where it is installed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from golden import make_golden as golden
from tiny import greedy_tokens

from alignment.models import qwen2
from alignment.models.config import read_config
from alignment.models.hf import load_params, save_params

STORED = np.load(golden.GOLDEN)
TOLERANCE = 2e-4  # float32 logits of order 10 after up to three layers of some 50 terms a product, as torch has them


def our_logits(folder: Path, tokens: np.ndarray, lengths: tuple[int, ...]) -> np.ndarray:
    config = read_config(str(folder))
    params = load_params(str(folder), config, jnp.float32)
    logits = qwen2.logits(params, qwen2.hidden_states(params, config, jnp.asarray(tokens)))
    return np.asarray(logits) * (np.arange(tokens.shape[1]) < np.asarray(lengths)[:, None])[..., None]


def torch_model(folder: Path):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("torch")
    return transformers.Qwen2ForCausalLM.from_pretrained(folder, dtype="float32").eval()


def random_fields(seed: int) -> dict:
    """A tiny architecture with heads, sizes and constants drawn at random."""
    rng = np.random.RandomState(seed)
    kv_heads, repeats, head_dim = rng.randint(1, 4), rng.randint(1, 4), 2 * rng.randint(2, 9)
    return {
        **golden.SIZES,
        "hidden_size": int(kv_heads * repeats * head_dim),
        "intermediate_size": int(rng.randint(8, 64)),
        "num_attention_heads": int(kv_heads * repeats),
        "num_key_value_heads": int(kv_heads),
        "num_hidden_layers": int(rng.randint(1, 5)),
        "rms_norm_eps": float(rng.choice([1e-6, 1e-3])),
        "rope_theta": float(rng.choice([1e4, 1e6])),
        "tie_word_embeddings": bool(rng.randint(2)),
    }


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("name", ["tied", "untied"])
def test_logits_equal_the_stored_ones(tmp_path, name, shards):
    folder = golden.write_model(tmp_path, golden.MODELS[name], shards=shards)
    ours = our_logits(folder, golden.sequences(), golden.LENGTHS)
    assert np.abs(ours - STORED[f"{name}/logits"]).max() <= TOLERANCE


@pytest.mark.parametrize("name", ["tied", "untied"])
def test_greedy_tokens_equal_the_stored_ones(tmp_path, name):
    folder = golden.write_model(tmp_path, golden.MODELS[name])
    ours = greedy_tokens(folder, golden.sequences(), golden.LENGTHS, golden.NEW_TOKENS)
    assert len(np.unique(ours)) > 20  # a model that repeats itself would prove little
    np.testing.assert_array_equal(ours, STORED[f"{name}/greedy"])


def test_what_lies_behind_the_padding_does_not_matter(tmp_path):
    folder = golden.write_model(tmp_path, golden.MODELS["tied"])
    tokens = golden.sequences()
    other = tokens.copy()
    other[1, golden.LENGTHS[1] :] = 99
    first, second = (our_logits(folder, ids, golden.LENGTHS) for ids in (tokens, other))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parity
def test_stored_answers_are_current(tmp_path):
    pytest.importorskip("peft")
    fresh = golden.answers(tmp_path)
    assert set(fresh) == set(STORED.files)
    for name, array in fresh.items():
        # Torch on two machines may be half as far apart as torch and this program.
        np.testing.assert_allclose(STORED[name], array, rtol=0, atol=TOLERANCE / 2, err_msg=name)


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(6))
def test_logits_equal_torch(tmp_path, seed):
    fields = random_fields(seed)
    folder = golden.write_model(tmp_path, fields, golden.model_tensors(fields, seed), shards=1 + seed % 3)
    tokens = np.random.RandomState(seed).randint(0, fields["vocab_size"], (3, 37))
    lengths = (37, 1, 22)
    theirs = golden.torch_logits(torch_model(folder), tokens, lengths)
    assert np.abs(our_logits(folder, tokens, lengths) - theirs).max() <= TOLERANCE


@pytest.mark.parity
def test_logits_equal_torch_far_into_a_sequence(tmp_path):
    fields = golden.MODELS["untied"]
    folder = golden.write_model(tmp_path, fields)
    tokens = np.random.RandomState(3).randint(0, fields["vocab_size"], (1, fields["max_position_embeddings"]))
    theirs = golden.torch_logits(torch_model(folder), tokens, (tokens.shape[1],))
    assert np.abs(our_logits(folder, tokens, (tokens.shape[1],)) - theirs).max() <= TOLERANCE


@pytest.mark.parity
@pytest.mark.parametrize(("name", "max_shard_bytes"), [("tied", 10**9), ("untied", 20_000)])
def test_torch_loads_what_we_wrote(tmp_path, name, max_shard_bytes):
    source = golden.write_model(tmp_path / "source", golden.MODELS[name])
    config = read_config(str(source))
    written = tmp_path / "written"
    save_params(str(written), load_params(str(source), config, jnp.float32), config, None, max_shard_bytes)
    assert (len(list(written.glob("*.safetensors"))) > 1) == (max_shard_bytes < 10**9)
    theirs = golden.torch_logits(torch_model(written), golden.sequences(), golden.LENGTHS)
    ours = our_logits(source, golden.sequences(), golden.LENGTHS)
    assert np.abs(ours - theirs).max() <= TOLERANCE


@pytest.mark.parity
def test_a_folder_written_by_torch_loads_here(tmp_path):
    pytest.importorskip("torch")
    model = torch_model(golden.write_model(tmp_path / "source", golden.MODELS["tied"]))
    model.save_pretrained(tmp_path / "torch", max_shard_size="20KB")
    assert len(list((tmp_path / "torch").glob("*.safetensors"))) > 1
    ours = our_logits(tmp_path / "torch", golden.sequences(), golden.LENGTHS)
    assert np.abs(ours - STORED["tied/logits"]).max() <= TOLERANCE


@pytest.fixture(scope="module")
def half_billion(tmp_path_factory, clinical_data):
    """The exact Qwen2.5-0.5B shape with random weights, written by torch, and its live torch model."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("half-billion")
    shutil.copy(clinical_data / "qwen25_tokenizer" / "config.Qwen2.5-0.5B-Instruct.json", folder / "config.json")
    torch.manual_seed(0)
    fields = {**json.loads((folder / "config.json").read_text()), "torch_dtype": "float32"}
    model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config.from_dict(fields)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # the default initialisation only repeats its last token
            if "proj.weight" in name:
                parameter.mul_(2.0)
            elif "bias" in name or "norm" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    yield folder, model
    shutil.rmtree(folder)


@pytest.mark.parity
def test_half_billion_logits_equal_torch(half_billion):
    folder, model = half_billion
    tokens = np.random.RandomState(0).randint(0, 151_643, (2, 64))
    difference = np.abs(our_logits(folder, tokens, (64, 41)) - golden.torch_logits(model, tokens, (64, 41))).max()
    print(f"max |dlogit| = {difference:.2e}")
    assert difference <= TOLERANCE


@pytest.mark.long
@pytest.mark.parity
def test_half_billion_greedy_tokens_equal_torch(half_billion):
    folder, model = half_billion
    tokens = np.random.RandomState(1).randint(0, 151_643, (2, 24))
    ours = greedy_tokens(folder, tokens, (24, 15), 64)
    assert len(np.unique(ours)) > 10
    np.testing.assert_array_equal(ours, golden.torch_greedy(model, tokens, (24, 15), 64))
