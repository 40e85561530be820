"""Weights of Qwen2 and Llama in the Hugging Face folder layout, read and written with safetensors and numpy alone.

Torch's linear weights are [out, in], one tensor a layer; ours are [L, in, out]. Everything is read tensor by tensor,
straight from the memory-mapped file into an array of the target type, so that loading needs little more memory than
the parameters themselves.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import json
import math
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from flax.traverse_util import flatten_dict, unflatten_dict

from alignment.adapters.tensorfiles import (
    FLOAT_TYPES,
    check_loaded,
    copy_file,
    open_tensors,
    staged,
    write_tensors,
)
from alignment.common.fields import read_object
from alignment.common.files import write_text
from alignment.common.finite import all_finite
from alignment.common.gguf_file import is_gguf, read_gguf
from alignment.errors import UserError
from alignment.hub import snapshot
from alignment.models.config import Qwen2Config, from_hf, rope_fields, to_hf
from alignment.models.gguf_checkpoint import open_weights
from alignment.models.parameters import EMBED, HEAD, Parameter

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
# Everything else that belongs to a checkpoint: tokenizer, chat template, generation settings, licence.
_COMPANIONS = (
    *("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json"),
    *("added_tokens.json", "chat_template.jinja", "chat_template.json", "generation_config.json", "LICENSE", "NOTICE"),
)
_DOWNLOADS = ("*.safetensors", "*.json", "*.txt", "*.jinja", "LICENSE*", "NOTICE*")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def in_loading_order(config: Qwen2Config) -> list[Parameter]:
    """Return every array of the parameter tree in the order in which it is loaded and stored: the largest first."""
    return sorted(config.parameters, key=lambda parameter: -math.prod(parameter.stored_shape))


# ------------------------------------------------------------------------------------------------------------- folders


def resolve_folder(path_or_hub_id: str) -> str:
    """Return a local folder, or a local GGUF file, for `--config.model.path`.

    "" is the embedded nano base, an existing folder or GGUF file is itself, `gs://bucket/folder` is copied into the
    user's cache, and `owner/name` is fetched from the Hugging Face Hub (safetensors, JSON and text only; the Hub's own
    cache).

    Raises:
      UserError: there is no such folder or file, or the Hub cannot be reached or does not have it.
    """
    if not path_or_hub_id:
        return _existing(str(importlib.resources.files("alignment") / "assets" / "nano"), "reinstall the package")
    if is_gguf(path_or_hub_id):
        if not pathlib.Path(path_or_hub_id).is_file():
            remedy = "name a GGUF file, or bring one: python -m alignment.fetch --help"
            raise UserError(f"{path_or_hub_id}: no such file; {remedy}")
        return path_or_hub_id
    if path_or_hub_id.startswith("gs://"):
        return str(fetch_folder(epath.Path(path_or_hub_id), pathlib.Path.home() / ".cache" / "clinical-alignment"))
    if not pathlib.Path(path_or_hub_id).is_dir() and _HUB_ID.fullmatch(path_or_hub_id):
        return snapshot(path_or_hub_id, "model", _DOWNLOADS, remedy="name a local folder, or ")
    return _existing(
        path_or_hub_id, "name a checkpoint folder, a GGUF file or a Hub id such as Qwen/Qwen2.5-0.5B-Instruct"
    )


def fetch_folder(source: epath.Path, cache: pathlib.Path) -> pathlib.Path:
    """Copy the checkpoint files of a remote folder into `cache`, those not yet there with the same length.

    Raises:
      UserError: the folder does not exist or holds no `config.json`; the disk is full.
    """
    if not (source / "config.json").exists():
        raise UserError(f"{source}: no config.json there; --config.model.path must name a checkpoint folder")
    local = cache / hashlib.sha256(str(source).encode()).hexdigest()[:16] / source.name
    for file in source.iterdir():
        copy = local / file.name
        wanted = file.suffix in (".safetensors", ".json", ".txt", ".jinja") or file.name in _COMPANIONS
        if wanted and not (copy.exists() and copy.stat().st_size == file.stat().length):
            with staged(str(local)) as scratch:
                copy_file(file, scratch / file.name)
    return local


def check_vocabulary(config: Qwen2Config, tokenizer: Any) -> None:
    """Raise `UserError` if the tokenizer can produce an id that the embedding has no row for."""
    largest = max(tokenizer.get_vocab().values())
    if largest >= config.vocab_size:
        raise UserError(
            f"the tokenizer has ids up to {largest} but the model only {config.vocab_size} embedding rows (vocab_size);"
            " use the tokenizer files that belong to this checkpoint"
        )


def _existing(folder: str, remedy: str) -> str:
    if not pathlib.Path(folder).is_dir():
        raise UserError(f"{folder}: no such folder; {remedy}")
    return folder


# ------------------------------------------------------------------------------------------------------------- reading


def load_params(folder: str, config: Qwen2Config, dtype: Any = jnp.float32) -> dict:
    """Read the weights of a checkpoint folder or GGUF file into the parameter tree.

    Args:
      folder: holds `model.safetensors`, or `model.safetensors.index.json` and its shards; or is a GGUF file, the first
        of several, whose tensors are dequantised one at a time.
      config: the architecture, from the folder's `config.json` or the file's metadata.
      dtype: type of every array of the result.

    Returns:
      The tree described in `alignment.models.qwen2`, on the default device.

    Raises:
      UserError: a file or tensor is missing, truncated, quantised or of another shape than `config` says; a tensor
        holds NaN or infinity, or a number too large for `dtype`; the checkpoint ties its embeddings and `config` does
        not, or the reverse.
    """
    with contextlib.ExitStack() as stack:
        if is_gguf(folder):
            tensors = open_weights(read_gguf(folder), config.parameters)
        else:
            tensors = _open_checkpoint(folder, stack)
            _check(tensors, config, folder)
        dtype = jnp.dtype(dtype)
        return unflatten_dict({each.path: _read(each, tensors, dtype, folder) for each in in_loading_order(config)})


def _open_checkpoint(folder: str, stack: contextlib.ExitStack) -> dict[str, Any]:
    """Map each tensor's name to the open file that holds it."""
    path = epath.Path(_existing(folder, "--config.model.path must name a checkpoint folder"))
    if (path / WEIGHTS_FILE).exists():
        file = stack.enter_context(open_tensors(path / WEIGHTS_FILE))
        return dict.fromkeys(file.keys(), file)
    if not (path / INDEX_FILE).exists():
        raise UserError(f"{path}: holds neither {WEIGHTS_FILE} nor {INDEX_FILE}; fetch the weights as safetensors")
    index = _read_index(path / INDEX_FILE)
    files = {name: stack.enter_context(open_tensors(path / name)) for name in sorted(set(index.values()))}
    held = {name: set(file.keys()) for name, file in files.items()}
    for tensor, name in index.items():
        if tensor not in held[name]:
            raise UserError(f"{path / name}: tensor {tensor} of {INDEX_FILE} is missing; fetch the file again")
    return {tensor: files[name] for tensor, name in index.items()}


def _read_index(path: epath.Path) -> Mapping[str, str]:
    try:
        index = dict(json.loads(path.read_text(encoding="utf-8"))["weight_map"])
        outside = [name for name in index.values() if pathlib.PurePath(name).name != name]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: no index of safetensors shards (weight_map); fetch the file again") from error
    if outside:
        raise UserError(f"{path}: shard {outside[0]!r} lies outside the folder; fetch the file again")
    return index


def _check(tensors: Mapping[str, Any], config: Qwen2Config, folder: str) -> None:
    _check_tying(tensors, config, folder)
    if config.num_hidden_layers > len(tensors):
        reason = f"config.json says {config.num_hidden_layers} layers, and there are {len(tensors)} tensors"
        raise UserError(f"{folder}: {reason}; correct config.json or fetch the folder again")
    wanted = {name: each.stored_shape for each in in_loading_order(config) for name in each.stored_names}
    for name, shape in wanted.items():
        if name not in tensors:
            raise UserError(f"{folder}: tensor {name} is missing; fetch the folder again or correct config.json")
        view = tensors[name].get_slice(name)
        stored = tuple(view.get_shape())
        if stored != shape:
            raise UserError(f"{folder}: tensor {name} has shape {stored} where config.json says {shape}; correct it")
        if view.get_dtype() not in FLOAT_TYPES:
            raise UserError(f"{folder}: tensor {name} is {view.get_dtype()}; quantised weights are not supported")
    extra = [name for name in tensors if name not in wanted and name != HEAD.hf_name and "rotary_emb" not in name]
    if extra:
        raise UserError(f"{folder}: tensor {extra[0]} is not in the model that config.json describes; correct it")


def _check_tying(tensors: Mapping[str, Any], config: Qwen2Config, folder: str) -> None:
    embed, head = EMBED.hf_name, HEAD.hf_name
    if embed not in tensors:
        return  # reported as missing by the caller
    if not config.tie_word_embeddings and head not in tensors:
        raise UserError(f"{folder}: {head} is missing; fetch it, or set tie_word_embeddings to true in config.json")
    if not config.tie_word_embeddings or head not in tensors:
        return
    # Some writers store a tied head a second time, which is harmless.
    if not _equal(tensors[embed].get_slice(embed), tensors[head].get_slice(head)):
        raise UserError(f"{folder}: {head} differs from {embed}; set tie_word_embeddings to false in config.json")


def _equal(first: Any, second: Any, rows: int = 8192) -> bool:
    """Compare two stored matrices a block of rows at a time."""
    shape = first.get_shape()
    if shape != second.get_shape():
        return False
    blocks = (slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows))
    # NaN equals NaN in this comparison; it is refused by the name of its tensor when that is read.
    return all(np.array_equal(first[block], second[block], equal_nan=True) for block in blocks)


def _read(parameter: Parameter, tensors: Mapping[str, Any], dtype: np.dtype, folder: str) -> jax.Array:
    array = _aligned_empty(parameter.shape, dtype)
    for layer, name in enumerate(parameter.stored_names):
        tensor = tensors[name].get_tensor(name)
        target = array[layer] if parameter.is_stacked else array
        with np.errstate(over="ignore"):  # a number too large for `dtype` becomes infinite, and is refused
            np.copyto(target, tensor.T if parameter.is_transposed else tensor, casting="same_kind")
        if not all_finite(target):
            check_loaded(target, name, _file_of(name, folder))
    # Wait before the next array is begun, since an accelerator's copy must not leave several host buffers alive.
    return jax.block_until_ready(jax.device_put(array))


def _file_of(name: str, folder: str) -> epath.Path:
    """The file in which a tensor is stored."""
    path = epath.Path(folder)
    if is_gguf(folder):
        return path
    return path / (WEIGHTS_FILE if (path / WEIGHTS_FILE).exists() else _read_index(path / INDEX_FILE)[name])


def _aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Uninitialised memory at a 64-byte boundary, which the CPU backend adopts instead of copying."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


# ------------------------------------------------------------------------------------------------------------- writing


def save_params(
    folder: str,
    params: Mapping[str, Any],
    config: Qwen2Config,
    source_folder: str | None = None,
    max_shard_bytes: int = 5_000_000_000,
) -> None:
    """Write a checkpoint folder that transformers loads; reading it back gives the same bits.

    Args:
      folder: made if need be; local or `gs://`. All files appear together or not at all; a previous model's other
        weight files are removed afterwards.
      params: the parameter tree, all of one type.
      config: its architecture.
      source_folder: where to copy the tokenizer, chat template, generation settings and licence from. Its
        `config.json`, if any, is kept but for the type and for how the position encoding is written.
      max_shard_bytes: a larger model is split into shards with an index; a single tensor is never split.

    Raises:
      UserError: the disk is full (naming the file; what was there before is intact), or the `config.json` of
        `source_folder` describes another architecture.
    """
    dtype = str(params["embed"].dtype)
    fields = _config_fields(source_folder, config, dtype)
    shards = _plan(config, params["embed"].dtype.itemsize, max_shard_bytes)
    arrays = flatten_dict(params)
    with staged(folder) as scratch:
        for file, tensors in shards.items():
            write_tensors(scratch / file, {name: _tensor(arrays, each, layer) for name, each, layer in tensors})
        if len(shards) > 1:
            total = sum(array.nbytes for array in arrays.values())
            weight_map = {name: file for file, tensors in shards.items() for name, _, _ in tensors}
            index = {"metadata": {"total_size": total}, "weight_map": weight_map}
            write_text(scratch / INDEX_FILE, json.dumps(index, indent=2, sort_keys=True) + "\n")
        write_text(scratch / "config.json", json.dumps(fields, indent=2, sort_keys=True) + "\n")
        for file in _companions(source_folder):
            copy_file(file, scratch / file.name)
    # A previous model's weight files would be preferred to the new ones by a reader, or mixed with them.
    written = {*shards, *([INDEX_FILE] if len(shards) > 1 else [])}
    for file in epath.Path(folder).glob("model*.safetensors*"):
        if file.name not in written:
            file.unlink()


def _config_fields(source_folder: str | None, config: Qwen2Config, dtype: str) -> dict[str, Any]:
    path = epath.Path(source_folder) / "config.json" if source_folder else None
    if path is None or not path.exists():
        return to_hf(config, dtype)
    fields = read_object(path)
    if from_hf(fields, str(path)) != config:
        raise UserError(f"{path}: describes another architecture than the parameters; name their own folder")
    # What only transformers 5 knows (`dtype` is its name for torch_dtype) gives way to what version 4 reads as well.
    shared = {name: value for name, value in fields.items() if name not in ("dtype", "rope_parameters", "rope_scaling")}
    return {**shared, **rope_fields(config), "torch_dtype": dtype}


def _plan(config: Qwen2Config, itemsize: int, max_shard_bytes: int) -> dict[str, list[tuple[str, Parameter, int]]]:
    """Distribute the tensors over files: {file name: [(tensor name, parameter, layer)]}."""
    shards: list[list] = [[]]
    free_bytes = max_shard_bytes
    for parameter in in_loading_order(config):
        size = math.prod(parameter.stored_shape) * itemsize
        for layer, name in enumerate(parameter.stored_names):
            if shards[-1] and size > free_bytes:
                shards.append([])
                free_bytes = max_shard_bytes
            shards[-1].append((name, parameter, layer))
            free_bytes -= size
    if len(shards) == 1:
        return {WEIGHTS_FILE: shards[0]}
    return {f"model-{index:05d}-of-{len(shards):05d}.safetensors": shard for index, shard in enumerate(shards, 1)}


def _tensor(arrays: Mapping[tuple[str, ...], Any], parameter: Parameter, layer: int) -> np.ndarray:
    array = np.asarray(arrays[parameter.path])
    if array.shape != parameter.shape:
        raise ValueError(f"params{parameter.path} has shape {array.shape}; the config says {parameter.shape}")
    array = array[layer] if parameter.is_stacked else array
    return array.T if parameter.is_transposed else array


def _companions(source_folder: str | None) -> Iterator[epath.Path]:
    for name in _COMPANIONS if source_folder else ():
        file = epath.Path(source_folder) / name
        if file.exists():
            yield file
