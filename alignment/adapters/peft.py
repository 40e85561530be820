"""Adapters in the folder layout of the PEFT library, read and written without torch.

A folder holds `adapter_config.json` and `adapter_model.safetensors` with, for every adapted projection of layer N,
`base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight` [r, in] and `...lora_B.weight` [out, r]: the
transposes of our A [L, in, r] and B [L, r, out]. Float32 factors, alpha, rank and scaling survive bit for bit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath

from alignment.adapters.lora import Lora
from alignment.adapters.tensorfiles import FLOAT_TYPES, open_tensors, staged, write_tensors
from alignment.common.files import write_text
from alignment.errors import UserError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
_BLOCKS = {
    "q_proj": "self_attn",
    "k_proj": "self_attn",
    "v_proj": "self_attn",
    "o_proj": "self_attn",
    "gate_proj": "mlp",
    "up_proj": "mlp",
    "down_proj": "mlp",
}
_KEY = re.compile(r"base_model\.model\.model\.layers\.(\d+)\.(self_attn|mlp)\.([a-z]+_proj)\.lora_([AB])\.weight")
# Settings under which a PEFT adapter is another function than `x W + scale (x A) B` at every layer.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "use_dora": (False, None),
    "use_qalora": (False, None),
    "use_bdlora": (None, False),
    "kasa_config": (None,),
    "lora_bias": (False, None),
    "fan_in_fan_out": (False, None),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "modules_to_save": ([], None),
    "target_parameters": ([], None),
    "trainable_token_indices": (None,),
    "layer_replication": (None,),
    "alora_invocation_tokens": (None,),
}


def save_peft(folder: str, lora: Lora, base_name: str) -> None:
    """Write `lora` as a PEFT adapter folder; both files appear together or not at all.

    Args:
      folder: made if need be; local or `gs://`. Other files in it are left alone.
      lora: the adapter; factors are stored as float32.
      base_name: Hub id or folder of the model it was trained on, for `base_model_name_or_path`.

    Raises:
      UserError: the disk is full.
    """
    with staged(folder) as scratch:
        write_tensors(scratch / WEIGHTS_FILE, _tensors(lora))
        write_text(scratch / CONFIG_FILE, json.dumps(adapter_config(lora, base_name), indent=2, sort_keys=True) + "\n")


def adapter_config(lora: Lora, base_name: str) -> dict[str, Any]:
    """Return the fields of `adapter_config.json`; PEFT fills in those of newer features with their defaults."""
    return {
        "auto_mapping": None,
        "base_model_name_or_path": base_name,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "layers_pattern": None,
        "layers_to_transform": None,
        "lora_alpha": int(lora.alpha) if float(lora.alpha).is_integer() else lora.alpha,
        "lora_dropout": lora.dropout,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": lora.rank,
        "rank_pattern": {},
        "alpha_pattern": {},
        "revision": None,
        "target_modules": sorted(lora.modules),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": lora.scaling == "rslora",
    }


def load_peft(folder: str) -> Lora:
    """Read a PEFT LoRA folder into a float32 `Lora`.

    Raises:
      UserError: a file is missing or truncated; the adapter is not plain LoRA on the projections of a Qwen2 decoder;
        a layer or factor is missing; the shapes disagree with the rank of the config.
    """
    path = epath.Path(folder) / CONFIG_FILE
    fields = _read_config(path)
    rank = fields["r"]
    with open_tensors(epath.Path(folder) / WEIGHTS_FILE) as tensors:
        where = str(epath.Path(folder) / WEIGHTS_FILE)
        table = _table(tensors, where)
        depth = 1 + max(layer for _, layer, _ in table)
        names = [name for name in _BLOCKS if any(key[0] == name for key in table)]
        modules = {name: _stack_layers(tensors, table, name, depth, rank, where) for name in names}
    return Lora(
        modules,
        rank=rank,
        alpha=float(fields["lora_alpha"]),
        scaling="rslora" if fields.get("use_rslora") else "lora",
        dropout=float(fields.get("lora_dropout") or 0.0),
    )


def _tensors(lora: Lora) -> dict[str, np.ndarray]:
    tensors = {}
    for name, factors in lora.modules.items():
        for letter in "AB":
            for layer, matrix in enumerate(np.asarray(factors[letter.lower()], np.float32)):
                tensors[_key(name, layer, letter)] = matrix.T
    return tensors


def _key(name: str, layer: int, letter: str) -> str:
    return f"base_model.model.model.layers.{layer}.{_BLOCKS[name]}.{name}.lora_{letter}.weight"


def _read_config(path: epath.Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path}: not found; name a folder in the PEFT layout")
    try:
        fields = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); fetch the file again") from error
    if not isinstance(fields, dict):
        raise UserError(f"{path}: not a JSON object; fetch the file again")
    for name, allowed in _NEUTRAL.items():
        if fields.get(name, allowed[0]) not in allowed:
            raise UserError(f"{path}: {name} is {fields[name]!r}; only plain LoRA ({name} {allowed[0]!r}) can be read")
    for name, kinds in {"r": int, "lora_alpha": (int, float)}.items():
        if not isinstance(fields.get(name), kinds) or fields[name] <= 0:
            raise UserError(f"{path}: {name} is {fields.get(name)!r}; it must be a positive number")
    return fields


def _table(tensors: Any, where: str) -> dict[tuple[str, int, str], str]:
    """Map (projection, layer, "A" or "B") to the tensor's key."""
    table = {}
    for key in tensors.keys():  # noqa: SIM118  (a safetensors handle, no dict)
        match = _KEY.fullmatch(key)
        if not match or _BLOCKS.get(match[3]) != match[2]:
            raise UserError(f"{where}: tensor {key} is no LoRA factor of a Qwen2 projection; export it as plain LoRA")
        if tensors.get_slice(key).get_dtype() not in FLOAT_TYPES:
            raise UserError(f"{where}: tensor {key} is not floating point; export the adapter unquantised")
        table[match[3], int(match[1]), match[4]] = key
    if not table:
        raise UserError(f"{where}: holds no tensors; fetch it again")
    return table


def _stack_layers(tensors: Any, table: dict, name: str, depth: int, rank: int, where: str) -> dict[str, jax.Array]:
    factors = {}
    for letter, rank_axis in (("A", 0), ("B", 1)):
        layers = []
        for layer in range(depth):
            if (name, layer, letter) not in table:
                raise UserError(f"{where}: tensor {_key(name, layer, letter)} is missing; adapt all layers or none")
            layers.append(tensors.get_tensor(table[name, layer, letter]).astype(np.float32))
            shape = layers[-1].shape
            if len(shape) != 2 or shape[rank_axis] != rank or shape != layers[0].shape:
                key = _key(name, layer, letter)
                raise UserError(f"{where}: tensor {key} has shape {shape}, which disagrees with r = {rank} or layer 0")
        factors[letter.lower()] = jnp.asarray(np.stack(layers).transpose(0, 2, 1))
    return factors
