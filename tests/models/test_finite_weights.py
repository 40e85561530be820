"""Weights that are not finite are refused where they are read, with file and tensor named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from golden import make_golden as golden
from safetensors.numpy import load_file, save_file

from alignment.adapters import tensorfiles
from alignment.errors import UserError
from alignment.models import hf
from alignment.models.config import read_config

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("stored", [np.float32, np.float16, BFLOAT16])
def test_a_weight_that_is_not_finite_is_named(tmp_path, stored, value):
    tensors = {name: tensor.astype(stored) for name, tensor in golden.model_tensors(golden.MODELS["tied"]).items()}
    name = "model.layers.1.mlp.down_proj.weight"
    tensors[name][-1, -1] = value
    folder = golden.write_model(tmp_path, golden.MODELS["tied"], tensors)
    for dtype in (jnp.float32, jnp.bfloat16):
        with pytest.raises(UserError) as raised:
            load(folder, dtype)
        assert str(raised.value) == (
            f"{folder / 'model.safetensors'}: tensor {name} holds values that are not finite (NaN or infinity) in "
            f"{jnp.dtype(dtype)}; fetch or make the file again"
        )


@pytest.mark.parametrize(
    "name",
    [
        "model.embed_tokens.weight",
        "model.norm.weight",
        "model.layers.0.input_layernorm.weight",
        "model.layers.2.post_attention_layernorm.weight",
        "model.layers.1.self_attn.q_proj.bias",
        "model.layers.2.self_attn.o_proj.weight",
        "lm_head.weight",
    ],
)
def test_the_shard_with_a_weight_that_is_not_finite_is_named(tmp_path, name):
    tensors = golden.model_tensors(golden.MODELS["untied"])
    tensors[name].flat[0] = np.nan
    folder = golden.write_model(tmp_path, golden.MODELS["untied"], tensors, shards=3)
    shard = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"][name]
    with pytest.raises(UserError, match=f"{shard}: tensor {re.escape(name)} holds values that are not finite"):
        load(folder)


def test_a_weight_too_large_for_the_type_it_is_held_in_is_named(checkpoint):
    tensor = load_file(checkpoint / "model.safetensors")["model.norm.weight"].astype(np.float64)
    tensor[0] = 1e300
    damage(checkpoint, model__norm__weight=tensor)
    with pytest.raises(UserError, match=r"tensor model.norm.weight holds values that are not finite .* in float32"):
        load(checkpoint)


def test_the_largest_weights_are_finite(checkpoint):
    # A sum of them is not, which is why every value is looked at.
    damage(checkpoint, model__norm__weight=np.full(32, np.finfo(np.float32).max))
    assert float(load(checkpoint)["norm"][0]) == np.finfo(np.float32).max


def test_a_tied_head_that_is_not_finite_is_named(checkpoint):
    embed = golden.model_tensors(golden.MODELS["tied"])["model.embed_tokens.weight"].copy()
    embed[3, 3] = np.nan
    damage(checkpoint, model__embed_tokens__weight=embed, lm_head__weight=embed)
    with pytest.raises(UserError, match="tensor model.embed_tokens.weight holds values that are not finite"):
        load(checkpoint)


def test_every_block_of_rows_is_looked_at():
    tensor = np.zeros((1000, 1024), np.float32)
    assert tensorfiles.all_finite(tensor) and tensorfiles.all_finite(tensor[:0])
    for row in (0, 255, 256, 999):
        damaged = tensor.copy()
        damaged[row, -1] = np.nan
        assert not tensorfiles.all_finite(damaged)
