"""Qwen2 and Llama in a GGUF file, as llama.cpp writes them: their config and their weights as Hugging Face has them.

llama.cpp's conventions are undone: the rows of q and k of `llama` files are interleaved for its rotary embedding (those
of `qwen2` files are not), a model without an output matrix ties it to the embedding, and the frequency scaling of
Llama 3 is stored as the factors that it comes to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from alignment.common.fields import is_positive, shorten
from alignment.common.gguf_file import Gguf, Tensor, dequantised, field
from alignment.errors import UserError
from alignment.models.parameters import EMBED, HEAD, Parameter
from alignment.models.rotary import Llama3Scaling, frequency_shares

ARCHITECTURES = ("qwen2", "llama")
# Bits of a weight of each type that is read: 2^-bits is about how far it is from what was quantised.
BITS = {
    **{"F32": 24, "F16": 11, "BF16": 8, "Q8_0": 8, "Q4_0": 4, "Q4_1": 4, "Q5_0": 5, "Q5_1": 5},
    **{"Q2_K": 2, "Q3_K": 3, "Q4_K": 4, "Q5_K": 5, "Q6_K": 6},
}
_LAYER_NAMES = {
    "input_norm": "attn_norm.weight",
    "post_attention_norm": "ffn_norm.weight",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
_NAMES = {"embed": "token_embd.weight", "head": "output.weight", "norm": "output_norm.weight"}
_FREQUENCIES = "rope_freqs.weight"
# Entries of an architecture that are read, and those that change the function unless they have one of these values.
_READ = (
    *("block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size"),
    *("attention.head_count", "attention.head_count_kv", "attention.layer_norm_rms_epsilon"),
    *("attention.key_length", "attention.value_length", "rope.freq_base", "rope.dimension_count"),
)
_FIXED: Mapping[str, tuple[Any, ...]] = {
    "attention.causal": (True,),
    "expert_count": (0,),
    "expert_used_count": (0,),
    "rope.scale_linear": (1.0,),
    "rope.scaling.type": ("none",),
    "use_parallel_residual": (False,),
    "tensor_data_layout": ("Meta AI original pth",),  # of an early converter: says where the order of q and k is from
}
_PUBLISHED = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
_SAMPLE = 512  # rows that stand for a matrix when two are compared


# -------------------------------------------------------------------------------------------------------------- config


def hf_fields(source: Gguf) -> dict[str, Any]:
    """Return the fields of the `config.json` that the model would have as a folder.

    Raises:
      UserError: another architecture, a RoPE scaling that is not built, an entry or tensor that the forward pass does
        not know, or an entry that is missing or of the wrong kind.
    """
    kind = field(source, "general.architecture", str)
    if kind not in ARCHITECTURES:
        raise UserError(
            f"{source.path}: architecture {shorten(kind)}; only {' and '.join(ARCHITECTURES)} are supported"
        )
    _check_entries(source, kind)
    heads = _size(source, f"{kind}.attention.head_count")
    hidden = _size(source, f"{kind}.embedding_length")
    head_dim = _size(source, f"{kind}.attention.key_length", hidden // heads)
    for name in ("attention.value_length", "rope.dimension_count"):
        if field(source, f"{kind}.{name}", int, head_dim) != head_dim:
            value = source.metadata[f"{kind}.{name}"]
            raise UserError(f"{source.path}: {kind}.{name} is {value} and heads have {head_dim} numbers; not supported")
    depth = _size(source, f"{kind}.block_count")
    if depth > len(source.tensors):
        reason = f"{kind}.block_count is {depth}, and there are {len(source.tensors)} tensors"
        raise UserError(f"{source.path}: {reason}; fetch or convert the model again")
    theta = _shortest(field(source, f"{kind}.rope.freq_base", float, 10000.0))
    return {
        "model_type": kind,
        "vocab_size": _vocabulary(source, kind),
        "hidden_size": hidden,
        "intermediate_size": _size(source, f"{kind}.feed_forward_length"),
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "num_key_value_heads": _size(source, f"{kind}.attention.head_count_kv", heads),
        "head_dim": head_dim,
        "rms_norm_eps": _shortest(field(source, f"{kind}.attention.layer_norm_rms_epsilon", float)),
        "max_position_embeddings": _size(source, f"{kind}.context_length"),
        "tie_word_embeddings": is_tied(source),
        "rope_theta": theta,
        **_rope_scaling(source, kind, head_dim, theta),
    }


def _size(source: Gguf, key: str, default: Any = ...) -> int:
    value = field(source, key, int, default)
    if value < 1:
        raise UserError(f"{source.path}: {key} is {value}; it must be at least 1, convert the model again")
    return value


def _check_entries(source: Gguf, kind: str) -> None:
    """Raise `UserError` for an entry under which the model is another function than the forward pass."""
    entries = {name.removeprefix(f"{kind}."): name for name in source.metadata if name.startswith(f"{kind}.")}
    scaled = source.metadata.get(f"{kind}.rope.scaling.type") != "none"
    for short, name in entries.items():
        value = source.metadata[name]
        if short.startswith("rope.scaling.") and not scaled:
            continue
        if short in _FIXED and type(value) is type(_FIXED[short][0]) and value in _FIXED[short]:
            continue
        if short not in _READ:
            remedy = "use a model without it" if short.startswith("rope.") else "the forward pass does not have it"
            raise UserError(f"{source.path}: {name} is {shorten(value)}, which is not supported; {remedy}")


def _shortest(value: float) -> float:
    """Return the shortest decimal of a float32: 1e-05 is stored as 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def _vocabulary(source: Gguf, kind: str) -> int:
    rows = _tensor(source, "embed").shape[0]
    stated = _size(source, f"{kind}.vocab_size", rows)
    if stated != rows:
        raise UserError(
            f"{source.path}: {kind}.vocab_size is {stated}, and the embedding has {rows} rows; fetch it again"
        )
    return rows


def _tensor(source: Gguf, name: str) -> Tensor:
    if _NAMES[name] not in source.tensors:
        raise UserError(f"{source.path}: tensor {_NAMES[name]} is missing; fetch or convert the model again")
    return _checked(source, _NAMES[name])


def _checked(source: Gguf, name: str) -> Tensor:
    tensor = source.tensors[name]
    if tensor.type not in BITS:
        raise UserError(f"{source.path}: tensor {name} is {tensor.type}; only {', '.join(BITS)} are supported")
    return tensor


def is_tied(source: Gguf) -> bool:
    """Return whether the head is the embedding: it is absent, or the same matrix in another quantisation."""
    if _NAMES["head"] not in source.tensors:
        return True
    embed, head = _tensor(source, "embed"), _tensor(source, "head")
    if embed.shape != head.shape:
        return False
    rows = slice(None, None, max(1, embed.shape[0] // _SAMPLE))
    one, other = dequantised(embed, rows), dequantised(head, rows)
    with np.errstate(all="ignore"):  # what is not finite is refused by the name of its tensor when it is loaded
        distance = np.linalg.norm(one - other) / np.linalg.norm(one)
    # An error of quantisation is below 3 x 2^-bits of the weights' size, and that of unrelated matrices is about 1.4.
    return bool(distance <= min(0.5, 3 * (2.0 ** -BITS[embed.type] + 2.0 ** -BITS[head.type])))


def _rope_scaling(source: Gguf, kind: str, head_dim: int, theta: float) -> dict[str, Any]:
    """Return the `rope_scaling` of Llama 3 that comes to the stored factors; {} where there are none.

    llama.cpp does not store its four numbers. Three of them are the same in all published models, and the fourth is
    the largest factor.
    """
    if _FREQUENCIES not in source.tensors or kind != "llama":
        return {}
    factors = dequantised(_checked(source, _FREQUENCIES))
    if factors.shape != (head_dim // 2,) or not is_positive(theta) or not (np.isfinite(factors) & (factors >= 1)).all():
        raise UserError(
            f"{source.path}: tensor {_FREQUENCIES} holds no factors of {head_dim // 2} frequencies; fetch it again"
        )
    scaling = Llama3Scaling(factor=_shortest(float(factors.max())), **_PUBLISHED)
    frequencies = theta ** -(np.arange(0, head_dim, 2) / head_dim)
    if not np.allclose(1 / frequency_shares(frequencies, scaling), factors, rtol=1e-3):
        raise UserError(
            f"{source.path}: {_FREQUENCIES} scales RoPE in another way than Llama 3, which is not supported"
        )
    return {} if scaling.factor == 1 else {"rope_scaling": {"rope_type": "llama3", **scaling._asdict()}}


# ------------------------------------------------------------------------------------------------------------- weights


class Weight(NamedTuple):
    """A tensor by its Hugging Face name, with the interface of an open safetensors file."""

    tensor: Tensor
    heads: int = 0  # of q and k in `llama` files, whose rows are interleaved

    def get_tensor(self, name: str) -> np.ndarray:
        """Return the tensor as float32, with the rows in Hugging Face's order."""
        del name
        array = dequantised(self.tensor)
        if not self.heads:
            return array
        pairs = array.reshape(self.heads, array.shape[0] // self.heads // 2, 2, -1)
        return pairs.swapaxes(1, 2).reshape(array.shape)


def open_weights(source: Gguf, parameters: Sequence[Parameter]) -> dict[str, Weight]:
    """Return every tensor of the tree by its Hugging Face name.

    Args:
      source: the model.
      parameters: those of its config, with their shapes.

    Raises:
      UserError: a tensor is missing, has another shape or a type that is not read, or is not in the model.
    """
    kind = field(source, "general.architecture", str)
    queries = _size(source, f"{kind}.attention.head_count")
    heads = {"q_proj": queries, "k_proj": _size(source, f"{kind}.attention.head_count_kv", queries)}
    weights, known = {}, {_FREQUENCIES} if kind == "llama" else set()
    for parameter in parameters:
        interleaved = heads.get(parameter.path[1], 0) if kind == "llama" and parameter.is_transposed else 0
        for layer, name in enumerate(parameter.stored_names):
            stored = _stored_name(parameter, layer)
            known.add(stored)
            if stored not in source.tensors:
                raise UserError(f"{source.path}: tensor {stored} is missing; fetch or convert the model again")
            tensor = _checked(source, stored)
            if tensor.shape != parameter.stored_shape:
                expected = f"{parameter.stored_shape} by its metadata"
                raise UserError(
                    f"{source.path}: tensor {stored} has shape {tensor.shape}, and {expected}; fetch it again"
                )
            weights[name] = Weight(tensor, interleaved)
    if HEAD.hf_name not in weights and _NAMES["head"] in source.tensors:  # tied, yet stored twice
        known.add(_NAMES["head"])
        pair = _tensor(source, "embed"), _tensor(source, "head")
        weights[EMBED.hf_name] = Weight(max(pair, key=lambda tensor: BITS[tensor.type]))  # nearer to the original
    extra = sorted(source.tensors.keys() - known)
    if extra:
        raise UserError(
            f"{source.path}: tensor {shorten(extra[0])} is not in a {kind} model; this one is not supported"
        )
    return weights


def _stored_name(parameter: Parameter, layer: int) -> str:
    if not parameter.is_stacked:
        return _NAMES[parameter.path[0]]
    stem = f"blk.{layer}.{_LAYER_NAMES[parameter.path[1]]}"
    return stem + {"w": ".weight", "b": ".bias"}.get(parameter.path[-1], "")
