"""The architecture of a Qwen2 checkpoint, read from its own `config.json`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from etils import epath
from flax import struct

from alignment.errors import UserError

_REQUIRED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)


@struct.dataclass
class Qwen2Config:
    """Sizes and constants of a Qwen2 decoder. Static: hashable, carries no arrays."""

    vocab_size: int = struct.field(pytree_node=False)
    hidden_size: int = struct.field(pytree_node=False)
    intermediate_size: int = struct.field(pytree_node=False)
    num_hidden_layers: int = struct.field(pytree_node=False)
    num_attention_heads: int = struct.field(pytree_node=False)
    num_key_value_heads: int = struct.field(pytree_node=False)
    head_dim: int = struct.field(pytree_node=False)
    rope_theta: float = struct.field(pytree_node=False, default=1e6)
    rms_norm_eps: float = struct.field(pytree_node=False, default=1e-6)
    max_position_embeddings: int = struct.field(pytree_node=False, default=32768)
    tie_word_embeddings: bool = struct.field(pytree_node=False, default=False)

    @property
    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(in, out) of the seven projections of a layer, by their Hugging Face names."""
        hidden, inner = self.hidden_size, self.intermediate_size
        q_out, kv_out = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        return {
            "q_proj": (hidden, q_out),
            "k_proj": (hidden, kv_out),
            "v_proj": (hidden, kv_out),
            "o_proj": (q_out, hidden),
            "gate_proj": (hidden, inner),
            "up_proj": (hidden, inner),
            "down_proj": (inner, hidden),
        }


def from_hf(fields: Mapping[str, Any], where: str = "config.json") -> Qwen2Config:
    """Build a `Qwen2Config` from the fields of a Hugging Face `config.json`.

    Raises:
      UserError: the model type is not qwen2, a size is missing or impossible, or a feature is asked for that this
        forward pass does not have (sliding-window attention, RoPE scaling, another activation).
    """
    if not isinstance(fields, Mapping):
        raise UserError(f"{where}: not a JSON object; is this the config of a Qwen2 checkpoint?")
    if fields.get("model_type", "qwen2") != "qwen2":
        raise UserError(f"{where}: model_type is {fields['model_type']!r}; only qwen2 (Qwen2, Qwen2.5) is supported")
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise UserError(f"{where}: missing {', '.join(missing)}; is this the config of a Qwen2 checkpoint?")
    if fields.get("use_sliding_window") or "sliding_attention" in (fields.get("layer_types") or ()):
        raise UserError(f"{where}: use_sliding_window is true, which is not supported; set it to false")
    if fields.get("hidden_act", "silu") != "silu":
        raise UserError(f"{where}: hidden_act is {fields['hidden_act']!r}; only silu is supported")
    sizes = {name: _size(fields[name], name, where) for name in _REQUIRED}
    return Qwen2Config(
        **sizes,
        head_dim=_head_dim(fields.get("head_dim"), sizes, where),
        rope_theta=_rope_theta(fields, where),
        rms_norm_eps=_positive(fields.get("rms_norm_eps", 1e-6), "rms_norm_eps", where),
        max_position_embeddings=_size(fields.get("max_position_embeddings", 32768), "max_position_embeddings", where),
        tie_word_embeddings=bool(fields.get("tie_word_embeddings", False)),
    )


def to_hf(config: Qwen2Config, dtype: str) -> dict[str, Any]:
    """Return the fields of a `config.json` that transformers (4 and 5) and `from_hf` read back as `config`."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "hidden_act": "silu",
        "model_type": "qwen2",
        "torch_dtype": dtype,
        "use_sliding_window": False,
        **dataclasses.asdict(config),
    }


def _size(value: Any, name: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{where}: {name} is {value!r}; it must be a positive whole number")
    return value


def _positive(value: Any, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UserError(f"{where}: {name} is {value!r}; it must be a positive number")
    return float(value)


def _head_dim(value: int | None, sizes: Mapping[str, int], where: str) -> int:
    heads, kv_heads, hidden = sizes["num_attention_heads"], sizes["num_key_value_heads"], sizes["hidden_size"]
    if heads % kv_heads:
        raise UserError(f"{where}: {heads} attention heads do not divide among {kv_heads} key-value heads; correct one")
    if value is None and hidden % heads:
        raise UserError(f"{where}: hidden_size {hidden} does not divide among {heads} attention heads; correct one")
    dim = _size(hidden // heads if value is None else value, "head_dim", where)
    if dim % 2:
        raise UserError(f"{where}: head_dim is {dim}; rotary embeddings need an even number")
    return dim


def _rope_theta(fields: Mapping[str, Any], where: str) -> float:
    # transformers 5 writes rope_parameters, earlier releases rope_theta and rope_scaling; all default to 10000.
    rope = fields.get("rope_parameters") or fields.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise UserError(f"{where}: RoPE scaling of type {kind!r} is not supported; remove it from the config")
    return _positive(fields.get("rope_theta", rope.get("rope_theta", 1e4)), "rope_theta", where)


def read_config(folder: str) -> Qwen2Config:
    """Read `config.json` of a checkpoint folder."""
    path = epath.Path(folder) / "config.json"
    if not path.exists():
        raise UserError(f"{path}: not found; --config.model.path takes a folder in the Hugging Face layout or a Hub id")
    try:
        fields = json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}); fetch the file again") from error
    return from_hf(fields, str(path))
