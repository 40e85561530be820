"""Weights in the Hugging Face layout: what is read, what is written, and what is said when a folder is not right."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from golden import make_golden as golden
from safetensors.numpy import load_file, save_file

from alignment.adapters import tensorfiles
from alignment.common import files
from alignment.errors import UserError
from alignment.models import hf
from alignment.models.config import from_hf, read_config
from alignment.models.qwen2 import init_params

BFLOAT16 = ml_dtypes.bfloat16


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return golden.write_model(tmp_path / "checkpoint", golden.MODELS["tied"])


def load(folder: Path, dtype=jnp.float32) -> dict:
    return hf.load_params(str(folder), read_config(str(folder)), dtype)


def damage(folder: Path, **changes) -> None:
    """Replace tensors of a single-file checkpoint; None removes one. Dots in names are written as '__'."""
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in changes.items():
        tensors.pop(name.replace("__", "."), None)
        if tensor is not None:
            tensors[name.replace("__", ".")] = tensor
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def assert_trees_equal(first: dict, second: dict) -> None:
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("name", ["tied", "untied"])
def test_tree_holds_every_tensor_in_its_place(tmp_path, name):
    tensors = golden.model_tensors(golden.MODELS[name])
    params = load(golden.write_model(tmp_path, golden.MODELS[name]))
    np.testing.assert_array_equal(params["embed"], tensors["model.embed_tokens.weight"])
    np.testing.assert_array_equal(params["norm"], tensors["model.norm.weight"])
    assert ("head" in params) == (name == "untied")
    if name == "untied":
        np.testing.assert_array_equal(params["head"], tensors["lm_head.weight"])
    for layer in range(3):
        stem = f"model.layers.{layer}."
        np.testing.assert_array_equal(
            params["layers"]["k_proj"]["w"][layer], tensors[stem + "self_attn.k_proj.weight"].T
        )
        np.testing.assert_array_equal(params["layers"]["k_proj"]["b"][layer], tensors[stem + "self_attn.k_proj.bias"])
        np.testing.assert_array_equal(
            params["layers"]["down_proj"]["w"][layer], tensors[stem + "mlp.down_proj.weight"].T
        )
        post = stem + "post_attention_layernorm.weight"
        np.testing.assert_array_equal(params["layers"]["post_attention_norm"][layer], tensors[post])
    assert set(params["layers"]["o_proj"]) == {"w"}


@pytest.mark.parametrize("name", ["tied", "untied"])
def test_tree_is_that_of_init_params(tmp_path, name):
    config = from_hf(golden.MODELS[name])
    fresh = jax.eval_shape(lambda: init_params(config, jax.random.key(0), jnp.bfloat16))
    loaded = load(golden.write_model(tmp_path, golden.MODELS[name]), jnp.bfloat16)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), fresh) == jax.tree.map(lambda x: (x.shape, x.dtype), loaded)


def test_shards_give_the_same_tree_as_one_file(tmp_path, checkpoint):
    sharded = golden.write_model(tmp_path / "sharded", golden.MODELS["tied"], shards=4)
    assert_trees_equal(load(sharded), load(checkpoint))


@pytest.mark.parametrize("stored", [np.float16, np.float32, BFLOAT16])
@pytest.mark.parametrize("held", [jnp.float32, jnp.bfloat16])
def test_types_are_converted_tensor_by_tensor(tmp_path, stored, held):
    tensors = {name: tensor.astype(stored) for name, tensor in golden.model_tensors(golden.MODELS["tied"]).items()}
    params = load(golden.write_model(tmp_path, golden.MODELS["tied"], tensors), held)
    expected = tensors["model.layers.1.mlp.up_proj.weight"].T.astype(held)
    np.testing.assert_array_equal(np.asarray(params["layers"]["up_proj"]["w"][1]), expected)
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(held)}


def test_arrays_are_adopted_not_copied(checkpoint):
    held = hf._aligned_empty((5, 3), np.dtype(np.float32))
    assert held.ctypes.data % 64 == 0
    held[...] = np.arange(15).reshape(5, 3)
    array = jax.device_put(held)
    if array.device.platform == "cpu":
        assert array.unsafe_buffer_pointer() == held.ctypes.data


def test_a_tied_head_stored_twice_is_accepted(checkpoint):
    damage(checkpoint, lm_head__weight=golden.model_tensors(golden.MODELS["tied"])["model.embed_tokens.weight"])
    assert "head" not in load(checkpoint)


def test_stored_rotary_frequencies_are_ignored(checkpoint):
    damage(checkpoint, model__layers__0__self_attn__rotary_emb__inv_freq=np.ones(4, np.float32))
    load(checkpoint)


# ------------------------------------------------------------------------------------------------ what may be wrong


def test_missing_folder(tmp_path):
    config = from_hf(golden.MODELS["tied"])
    with pytest.raises(UserError, match="nowhere: no such folder"):
        hf.load_params(str(tmp_path / "nowhere"), config, jnp.float32)


def test_folder_without_weights(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(UserError, match="holds neither model.safetensors nor model.safetensors.index.json"):
        load(checkpoint)


def test_missing_shard(tmp_path):
    folder = golden.write_model(tmp_path, golden.MODELS["tied"], shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(UserError, match="model-00002-of-00003.safetensors: not found; .*fetch it again"):
        load(folder)


def test_shard_without_a_tensor_of_the_index(tmp_path):
    folder = golden.write_model(tmp_path, golden.MODELS["tied"], shards=3)
    shard = folder / "model-00001-of-00003.safetensors"
    tensors = load_file(shard)
    name = sorted(tensors)[0]
    save_file({key: tensor for key, tensor in tensors.items() if key != name}, shard, {"format": "pt"})
    with pytest.raises(UserError, match=f"model-00001-of-00003.safetensors: tensor {re.escape(name)} of .* is missing"):
        load(folder)


@pytest.mark.parametrize(
    "index", ["{", "[]", '{"weight_map": {"a": "../elsewhere.safetensors"}}', '{"weight_map": [1]}']
)
def test_bad_index(checkpoint, index):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors.index.json").write_text(index)
    with pytest.raises(UserError, match="model.safetensors.index.json: .*fetch the file again"):
        load(checkpoint)


def test_missing_tensor(checkpoint):
    damage(checkpoint, model__layers__2__self_attn__v_proj__bias=None)
    with pytest.raises(UserError, match="model.layers.2.self_attn.v_proj.bias is missing"):
        load(checkpoint)


def test_missing_embedding(checkpoint):
    damage(checkpoint, model__embed_tokens__weight=None)
    with pytest.raises(UserError, match="model.embed_tokens.weight is missing"):
        load(checkpoint)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("intermediate_size", 44, r"_proj.weight has shape \(.*\) where config.json says \(.*44.*\)"),
        ("vocab_size", 119, r"embed_tokens.weight has shape \(120, 32\) where config.json says \(119, 32\)"),
        ("num_hidden_layers", 4, "model.layers.3.* is missing"),
        ("num_hidden_layers", 2, "model.layers.2.* is not in the model"),
        ("num_hidden_layers", 10**9, "config.json says 1000000000 layers, and there are 38 tensors"),
        ("num_key_value_heads", 4, "k_proj.* has shape"),
    ],
)
def test_config_that_disagrees_with_the_tensors(checkpoint, field, value, message):
    (checkpoint / "config.json").write_text(json.dumps({**golden.MODELS["tied"], field: value}))
    with pytest.raises(UserError, match=message):
        load(checkpoint)


def test_config_unties_but_there_is_no_head(checkpoint):
    (checkpoint / "config.json").write_text(json.dumps(golden.MODELS["untied"]))
    with pytest.raises(UserError, match="lm_head.weight is missing; .* tie_word_embeddings to true"):
        load(checkpoint)


def test_config_ties_but_the_head_is_another(tmp_path):
    folder = golden.write_model(tmp_path, golden.MODELS["untied"])
    (folder / "config.json").write_text(json.dumps(golden.MODELS["tied"]))
    with pytest.raises(UserError, match="lm_head.weight differs from .* tie_word_embeddings to false"):
        load(folder)


def test_quantised_weights(checkpoint):
    damage(checkpoint, model__layers__0__mlp__up_proj__weight=np.ones((40, 32), np.int8))
    with pytest.raises(UserError, match="up_proj.weight is I8; quantised weights are not supported"):
        load(checkpoint)


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated_file(checkpoint, keep):
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match="model.safetensors: truncated or no safetensors file .* fetch it again"):
        load(checkpoint)


def test_a_pointer_in_place_of_the_weights(checkpoint):
    (checkpoint / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(UserError, match="truncated or no safetensors file"):
        load(checkpoint)


def test_vocabulary_smaller_than_the_tokenizer():
    config = from_hf({**golden.MODELS["tied"], "vocab_size": 120})
    hf.check_vocabulary(config, SimpleNamespace(get_vocab=lambda: {"a": 0, "b": 119}))
    with pytest.raises(UserError, match="ids up to 120 but the model only 120 embedding rows"):
        hf.check_vocabulary(config, SimpleNamespace(get_vocab=lambda: {"a": 0, "b": 120}))


# ------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    ("name", "max_shard_bytes"), [("tied", 10**9), ("untied", 10**9), ("tied", 6000), ("untied", 1)]
)
def test_write_then_read_is_bit_identical(tmp_path, name, max_shard_bytes, dtype):
    config = from_hf(golden.MODELS[name])
    params = init_params(config, jax.random.key(1), dtype)
    hf.save_params(str(tmp_path), params, config, None, max_shard_bytes)
    assert_trees_equal(hf.load_params(str(tmp_path), read_config(str(tmp_path)), dtype), params)
    assert read_config(str(tmp_path)) == config
    assert not list(tmp_path.glob(".partial*"))


def test_shards_keep_to_their_size_and_the_index_to_the_shards(tmp_path):
    config = from_hf(golden.MODELS["tied"])
    params = init_params(config, jax.random.key(1), jnp.float32)
    hf.save_params(str(tmp_path), params, config, None, 20_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    for file in sorted(tmp_path.glob("*.safetensors")):
        tensors = load_file(file)
        assert sum(tensor.nbytes for tensor in tensors.values()) <= 20_000
        assert all(index["weight_map"].pop(name) == file.name for name in tensors)
        with tensorfiles.open_tensors(file) as handle:
            assert handle.metadata() == {"format": "pt"}
    assert not index["weight_map"]


@pytest.mark.parametrize(("first", "second"), [(6000, 10**9), (10**9, 6000), (6000, 20_000)])
def test_weight_files_of_an_earlier_model_do_not_stay_behind(tmp_path, first, second):
    config = from_hf(golden.MODELS["tied"])
    for seed, size in enumerate((first, second)):
        params = init_params(config, jax.random.key(seed), jnp.float32)
        hf.save_params(str(tmp_path), params, config, None, size)
    assert_trees_equal(load(tmp_path), params)
    assert (tmp_path / "model.safetensors").exists() != (tmp_path / "model.safetensors.index.json").exists()


def test_config_and_tokenizer_of_the_source_are_kept(tmp_path, checkpoint):
    fields = {**golden.MODELS["tied"], "bos_token_id": 3, "dtype": "float32"}
    (checkpoint / "config.json").write_text(json.dumps(fields))
    for name in ("tokenizer.json", "merges.txt", "chat_template.jinja", "generation_config.json", "other.bin"):
        (checkpoint / name).write_text(f"content of {name} \u00e9")
    out = tmp_path / "out"
    hf.save_params(str(out), load(checkpoint, jnp.bfloat16), read_config(str(checkpoint)), str(checkpoint))
    copied = {"tokenizer.json", "merges.txt", "chat_template.jinja", "generation_config.json"}
    assert {file.name for file in out.iterdir()} == {*copied, "config.json", "model.safetensors"}
    assert all((out / name).read_bytes() == (checkpoint / name).read_bytes() for name in copied)
    written = json.loads((out / "config.json").read_text())
    assert written == {**golden.MODELS["tied"], "bos_token_id": 3, "torch_dtype": "bfloat16"}


def test_a_source_of_another_architecture_is_refused(tmp_path, checkpoint):
    config = from_hf({**golden.MODELS["tied"], "num_hidden_layers": 1})
    with pytest.raises(UserError, match="config.json: describes another architecture"):
        hf.save_params(str(tmp_path / "out"), init_params(config, jax.random.key(0)), config, str(checkpoint))
    assert not (tmp_path / "out").exists()


def test_saving_over_the_folder_that_was_read(checkpoint):
    params = load(checkpoint)
    hf.save_params(str(checkpoint), params, read_config(str(checkpoint)), str(checkpoint))
    assert_trees_equal(load(checkpoint), params)


@pytest.mark.parametrize("full", ["model-00003-of-00004.safetensors", "config.json", "tokenizer.json"])
def test_full_disk_leaves_what_was_there(tmp_path, checkpoint, monkeypatch, full):
    """The disk fills up at one of the files: simulated where a file's bytes are handed to the operating system."""
    (checkpoint / "tokenizer.json").write_text("{}")
    before = {file.name: file.read_bytes() for file in checkpoint.iterdir()}
    _fill_the_disk_at(monkeypatch, full)
    params = init_params(read_config(str(checkpoint)), jax.random.key(5), jnp.float32)
    with pytest.raises(UserError, match=f"checkpoint/{full}: the disk is full; .*earlier files are intact"):
        hf.save_params(str(checkpoint), params, read_config(str(checkpoint)), str(checkpoint), 30_000)
    assert {file.name: file.read_bytes() for file in checkpoint.iterdir()} == before


def _fill_the_disk_at(monkeypatch, full: str) -> None:
    real_save, real_replace, real_copy = tensorfiles.save_file, files._replace, shutil.copyfileobj

    def save(tensors, path, metadata):
        if path.name == full:
            path.write_bytes(b"half")
            raise tensorfiles.SafetensorError("I/O error: No space left on device (os error 28)")
        real_save(tensors, path, metadata)

    def copy(original, target):
        if Path(target.name).name == full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_copy(original, target)

    def replace(path, content):
        if Path(path).name == full:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_replace(path, content)

    monkeypatch.setattr(tensorfiles, "save_file", save)
    monkeypatch.setattr(files, "_replace", replace)
    monkeypatch.setattr(tensorfiles.shutil, "copyfileobj", copy)


def test_other_errors_of_the_disk_are_not_called_full(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        hf.save_params(str(tmp_path / "file" / "out"), *_tiny())


def _tiny():
    config = from_hf(golden.MODELS["tied"])
    return init_params(config, jax.random.key(0), jnp.float32), config


FULL_DISK = """
mount -t tmpfs -o size=160k tmpfs "$1" || exit 77
cd "$2" && exec "$3" -c '
import sys, jax
from alignment.errors import UserError
from alignment.models import hf
from alignment.models.config import read_config
from alignment.models.qwen2 import init_params
small, source = sys.argv[1:]
config = read_config(source)
params = hf.load_params(source, config)
hf.save_params(small, params, config)
try:
    hf.save_params(small, init_params(config, jax.random.key(0)), config, None, 60_000)
except UserError as error:
    print(error)
again = hf.load_params(small, config)
print(all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), params, again))))
' "$1" "$4"
"""


@pytest.mark.ci
def test_a_disk_that_is_really_full(tmp_path, checkpoint):
    """The same on a 160 kB file system of our own, where user namespaces allow one."""
    if not shutil.which("unshare"):
        pytest.skip("no unshare on this machine: cannot mount a small file system")
    (tmp_path / "small").mkdir()
    root = Path(hf.__file__).parents[2]
    command = [
        "unshare",
        "-rm",
        "bash",
        "-c",
        FULL_DISK,
        "-",
        str(tmp_path / "small"),
        str(root),
        sys.executable,
        str(checkpoint),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("this machine does not let a test mount a file system")
    assert done.returncode == 0, done.stderr
    message, intact = done.stdout.splitlines()
    assert re.match(r".*/small/model-\d{5}-of-\d{5}.safetensors: the disk is full; free space and run again", message)
    assert intact == "True"
