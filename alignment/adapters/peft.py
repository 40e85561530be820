"""Read and write adapters in the folder layout of the PEFT library, without torch.

A folder contains `adapter_config.json` and `adapter_model.safetensors`. For every adapted projection of layer N, the
latter holds `base_model.model.model.layers.N.self_attn.q_proj.lora_A.weight` [r, in] and `...lora_B.weight` [out, r],
which are the transposes of A [L, in, r] and B [L, r, out]. Float32 factors, alpha, rank and scaling are stored exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath

from alignment.adapters.lora import Lora
from alignment.adapters.tensorfiles import FLOAT_TYPES, check_loaded, open_tensors, staged, write_tensors
from alignment.common.fields import is_one_of, is_positive, read_object, shorten
from alignment.common.files import write_text
from alignment.errors import UserError

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
BLOCKS = {
    "q_proj": "self_attn",
    "k_proj": "self_attn",
    "v_proj": "self_attn",
    "o_proj": "self_attn",
    "gate_proj": "mlp",
    "up_proj": "mlp",
    "down_proj": "mlp",
}
_KEY = re.compile(
    r"base_model\.model\.model\.layers\.(0|[1-9][0-9]*)\.(self_attn|mlp)\.([a-z]+_proj)\.lora_([AB])\.weight"
)
# With these values a PEFT adapter computes `x W + scale (x A) B` at every layer, where W is unchanged: initialisations
# such as "pissa", "olora", "corda" and "loftq" change the base weights. False and None both mean "off" in PEFT.
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "task_type": ("CAUSAL_LM", None),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian", "orthogonal"),
    "fan_in_fan_out": (False, None),
    "use_rslora": (False, True, None),
    "use_dora": (False, None),
    "use_qalora": (False, None),
    "use_bdlora": (None, False),
    "lora_bias": (False, None),
    "ensure_weight_tying": (False, None),
    "exclude_modules": (None, []),
    "layers_to_transform": (None, []),
    "layers_pattern": (None, []),
    "layer_replication": (None,),
    "rank_pattern": ({}, None),
    "alpha_pattern": ({}, None),
    "modules_to_save": (None, []),
    "target_parameters": (None, []),
    "trainable_token_indices": (None,),
    "alora_invocation_tokens": (None,),
    "megatron_config": (None,),
    "loftq_config": ({}, None),
    "eva_config": (None,),
    "corda_config": (None,),
    "lora_ga_config": (None,),
    "velora_config": (None,),
    "monteclora_config": (None,),
    "arrow_config": (None,),
    "kasa_config": (None,),
    "lora_dtype": (None, "float32"),  # this and lorap_* are ms-swift's, for training
    "lorap_lr_ratio": (None,),
    "runtime_config": (None, {}, {"ephemeral_gpu_offload": False}),
}
# These fields record where the adapter comes from, or configure features that are off.
_FREE = (
    "base_model_name_or_path",
    "revision",
    "peft_version",
    "inference_mode",
    "megatron_core",
    "qalora_group_size",
    "lorap_emb_lr",
)
FIELDS = frozenset((*_PLAIN, *_FREE, "r", "lora_alpha", "lora_dropout", "target_modules", "auto_mapping"))
_CLASSES = ("Qwen2ForCausalLM", "LlamaForCausalLM")
_DEFAULT_TARGETS = ["q_proj", "v_proj"]  # what PEFT adapts in Qwen2 and Llama if the config names no targets


def save_peft(folder: str, lora: Lora, base_name: str) -> None:
    """Write `lora` as a PEFT adapter folder; both files appear together or not at all.

    Args:
      folder: local or `gs://`; created if it does not exist. Other files in it stay as they are.
      lora: the adapter; its factors are stored as float32.
      base_name: the Hub id or folder of the base model, stored as `base_model_name_or_path`.

    Raises:
      UserError: the disk is full.
    """
    tensors = {}
    for name, factors in lora.modules.items():
        for letter in "AB":
            for layer, matrix in enumerate(np.asarray(factors[letter.lower()], np.float32)):
                tensors[_key(name, layer, letter)] = matrix.T
    with staged(folder) as scratch:
        write_tensors(scratch / WEIGHTS_FILE, tensors)
        write_text(scratch / CONFIG_FILE, json.dumps(adapter_config(lora, base_name), indent=2, sort_keys=True) + "\n")


def adapter_config(lora: Lora, base_name: str) -> dict[str, Any]:
    """Return the fields of `adapter_config.json`; for newer features PEFT uses its defaults."""
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
      UserError: a file is missing or truncated; a field of the config is unknown, or says that the adapter is not
        plain LoRA on the projections of a Qwen2 decoder; a layer or factor is missing or not finite; the tensors
        disagree with the rank or the targets of the config.
    """
    path = epath.Path(folder) / CONFIG_FILE
    if not path.exists():
        raise UserError(f"{path}: not found; name a folder in the PEFT layout")
    fields = read_object(path)
    _check_fields(fields, path)
    rank = fields["r"]
    with open_tensors(epath.Path(folder) / WEIGHTS_FILE) as tensors:
        where = str(epath.Path(folder) / WEIGHTS_FILE)
        table = _table(tensors, where)
        depth = 1 + max(layer for _, layer, _ in table)
        names = [name for name in BLOCKS if any(key[0] == name for key in table)]
        modules = {name: _stack_layers(tensors, table, name, depth, rank, where) for name in names}
        _check_targets(fields.get("target_modules"), depth, names, path)
    return Lora(
        modules,
        rank=rank,
        alpha=float(fields["lora_alpha"]),
        scaling="rslora" if fields.get("use_rslora") else "lora",
        dropout=float(fields.get("lora_dropout", 0.0)),
    )


def _key(name: str, layer: int, letter: str) -> str:
    return f"base_model.model.model.layers.{layer}.{BLOCKS[name]}.{name}.lora_{letter}.weight"


def _check_fields(fields: Mapping[str, Any], path: epath.Path) -> None:
    """Raise `UserError` for a field or value that is not known to leave the adapter plain LoRA."""
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise UserError(
            f"{path}: {unknown[0]} is unknown; only plain LoRA can be read, remove it if it changes nothing"
        )
    for name, allowed in _PLAIN.items():
        value = fields.get(name, None if name == "peft_type" else allowed[0])
        if not is_one_of(value, allowed):
            raise UserError(f"{path}: {name} is {shorten(value)}; only plain LoRA ({name} {allowed[0]!r}) can be read")
    for name, kinds in {"r": int, "lora_alpha": (int, float)}.items():
        value = fields.get(name)
        if not isinstance(value, kinds) or not is_positive(value):
            raise UserError(f"{path}: {name} is {shorten(value)}; it must be a positive number")
    dropout = fields.get("lora_dropout", 0.0)
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise UserError(f"{path}: lora_dropout is {shorten(dropout)}; it must be at least 0 and below 1")
    # PEFT writes the class of the model if no task type was configured.
    mapping = fields.get("auto_mapping")
    if mapping is not None and (not isinstance(mapping, dict) or mapping.get("base_model_class") not in _CLASSES):
        raise UserError(
            f"{path}: auto_mapping is {shorten(mapping)}; only adapters of {' or '.join(_CLASSES)} can be read"
        )


def _check_targets(targets: Any, depth: int, names: Sequence[str], path: epath.Path) -> None:
    """Raise `UserError` if PEFT would adapt other projections of `depth` layers than `names`, which have tensors.

    A list contains names or the ends of dotted names; a string is a pattern for whole names, or "all-linear".
    """
    modules = {f"model.layers.{layer}.{block}.{name}": name for layer in range(depth) for name, block in BLOCKS.items()}
    targets = _DEFAULT_TARGETS if targets is None else targets
    if isinstance(targets, str):
        try:
            pattern = re.compile(".*" if targets.lower() == "all-linear" else targets)
        except re.error as error:
            raise UserError(
                f"{path}: target_modules is {shorten(targets)}, no pattern ({error}); correct it"
            ) from error
        adapted = {module for module in modules if pattern.fullmatch(module)}
    elif isinstance(targets, list) and all(isinstance(target, str) for target in targets):
        matches = {target: {module for module in modules if f".{module}".endswith(f".{target}")} for target in targets}
        for target in (target for target, matched in matches.items() if not matched):
            raise UserError(f"{path}: target_modules holds {target!r}, which is no projection of Qwen2; remove it")
        adapted = set().union(*matches.values())
    else:
        raise UserError(f"{path}: target_modules is {shorten(targets)}; it must be a list of names or a pattern")
    if adapted != {module for module, name in modules.items() if name in names}:
        raise UserError(
            f"{path}: target_modules {shorten(targets)} are not the projections that {WEIGHTS_FILE} holds "
            f"({', '.join(names)} of {depth} layers); fetch both files again"
        )


def _table(tensors: Any, where: str) -> dict[tuple[str, int, str], str]:
    """Map (projection, layer, "A" or "B") to the tensor's key."""
    table = {}
    for key in tensors.keys():  # noqa: SIM118  (a safetensors handle, no dict)
        match = _KEY.fullmatch(key)
        if not match or BLOCKS.get(match[3]) != match[2]:
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
            with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
                layers.append(tensors.get_tensor(table[name, layer, letter]).astype(np.float32))
            shape = layers[-1].shape
            if len(shape) != 2 or shape[rank_axis] != rank or shape != layers[0].shape:
                key = _key(name, layer, letter)
                raise UserError(f"{where}: tensor {key} has shape {shape}, which disagrees with r = {rank} or layer 0")
            check_loaded(layers[-1], table[name, layer, letter], where)
        factors[letter.lower()] = jnp.asarray(np.stack(layers).transpose(0, 2, 1))
    return factors
