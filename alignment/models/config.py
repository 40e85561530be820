"""The architecture of a Qwen2 or Llama checkpoint, read from its own `config.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from etils import epath
from flax import struct

from alignment.common.fields import is_one_of, is_positive, read_object, shorten
from alignment.common.gguf_file import is_gguf, read_gguf
from alignment.errors import UserError
from alignment.models.gguf_checkpoint import hf_fields
from alignment.models.parameters import Parameter, with_shapes
from alignment.models.rotary import Llama3Scaling

QWEN2, LLAMA = "qwen2", "llama"  # values of `model_type`
ARCHITECTURES = {QWEN2: "Qwen2ForCausalLM", LLAMA: "LlamaForCausalLM"}
_CONTEXTS = {QWEN2: 32768, LLAMA: 2048}  # what transformers takes where the context's length is not written
_BIASES: Mapping[str, tuple[Any, ...]] = {
    QWEN2: (True, None),  # of q, k and v: transformers gives Qwen2 these biases whatever is written
    LLAMA: (False, None),  # with true, transformers adds one of o as well
}
_REQUIRED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
)
# Fields under which a checkpoint is another function than this forward pass, and the values under which it is not.
_FIXED: Mapping[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "mlp_bias": (False, None),
    "is_causal": (True,),
    "use_bidirectional_attention": (False, None),
    "use_sliding_window": (False,),
    "use_mrope": (False, None),
    "mrope_section": (None,),
    "rope_interleaved": (False, None),
    "partial_rotary_factor": (1.0, 1, None),
    "dual_chunk_attention_config": (None,),
    "per_layer_config": (None,),
    "quantization_config": (None,),
}
_ROPE_KEYS = ("rope_type", "type", "rope_theta", "partial_rotary_factor")
_SCALED = "llama3"  # the one type of RoPE scaling that is built


@struct.dataclass
class Qwen2Config:
    """Sizes and constants of a Qwen2 decoder, or of a Llama decoder, which is one without biases. Static: no arrays."""

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
    rope_scaling: Llama3Scaling | None = struct.field(pytree_node=False, default=None)
    model_type: str = struct.field(pytree_node=False, default=QWEN2)

    @property
    def axis_sizes(self) -> dict[str, int]:
        """The size of every named axis of the parameter tree."""
        return {
            "layers": self.num_hidden_layers,
            "vocabulary": self.vocab_size,
            "hidden": self.hidden_size,
            "intermediate": self.intermediate_size,
            "heads": self.num_attention_heads * self.head_dim,
            "kv_heads": self.num_key_value_heads * self.head_dim,
        }

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every array of the parameter tree, with its shape."""
        return with_shapes(self.axis_sizes, self.tie_word_embeddings, biased=self.model_type == QWEN2)

    @property
    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(in, out) of the seven projections of a layer, by their Hugging Face names."""
        return {each.path[1]: each.shape[1:] for each in self.parameters if each.is_transposed}


def from_hf(fields: Mapping[str, Any], where: str = "config.json") -> Qwen2Config:
    """Build a `Qwen2Config` from the fields of a Hugging Face `config.json`.

    Raises:
      UserError: the model type is neither qwen2 nor llama, a size is missing or impossible, or a feature is asked for
        that this forward pass does not have (sliding-window attention, another RoPE scaling than that of Llama 3,
        another activation, code of its own).
    """
    kind = fields.get("model_type", QWEN2)
    if kind not in (QWEN2, LLAMA):
        supported = "qwen2 (Qwen2, Qwen2.5) and llama (Llama 3, SmolLM2)"
        raise UserError(f"{where}: model_type is {shorten(kind)}; only {supported} are supported")
    heads = "num_attention_heads", "num_key_value_heads"
    if fields.get(heads[1], 0 if kind == QWEN2 else None) is None and heads[0] in fields:  # no grouping
        fields = {**fields, heads[1]: fields[heads[0]]}
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise UserError(f"{where}: missing {', '.join(missing)}; is this the config of a {kind} checkpoint?")
    sizes = {name: _size(fields[name], name, where) for name in _REQUIRED}
    _check_function(fields, sizes["num_hidden_layers"], where)
    theta, scaling = _rope(fields, where)
    context = fields.get("max_position_embeddings", _CONTEXTS[kind])
    return Qwen2Config(
        **sizes,
        head_dim=_head_dim(fields, sizes, where),
        rope_theta=theta,
        rms_norm_eps=_positive(fields.get("rms_norm_eps", 1e-6), "rms_norm_eps", where),
        max_position_embeddings=_size(context, "max_position_embeddings", where),
        tie_word_embeddings=fields.get("tie_word_embeddings", False),
        rope_scaling=scaling,
        model_type=kind,
    )


def to_hf(config: Qwen2Config, dtype: str) -> dict[str, Any]:
    """Return the fields of a `config.json` that transformers (4 and 5) and `from_hf` read back as `config`."""
    fixed = {QWEN2: {"use_sliding_window": False}, LLAMA: {"attention_bias": False, "mlp_bias": False}}
    sizes = {name: value for name, value in dataclasses.asdict(config).items() if name != "rope_scaling"}
    fields = {"architectures": [ARCHITECTURES[config.model_type]], "hidden_act": "silu", "torch_dtype": dtype}
    return fields | fixed[config.model_type] | sizes | rope_fields(config)


def rope_fields(config: Qwen2Config) -> dict[str, Any]:
    """Return `rope_theta` and, where the frequencies are scaled, `rope_scaling`.

    They stand beside each other: transformers 4 does not know `rope_parameters`, and transformers 5 reads both.
    """
    scaling = config.rope_scaling
    scaled = {} if scaling is None else {"rope_scaling": {"rope_type": _SCALED, **scaling._asdict()}}
    return {"rope_theta": config.rope_theta, **scaled}


def _size(value: Any, name: str, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise UserError(f"{where}: {name} is {value!r}; it must be a positive whole number")
    return value


def _positive(value: Any, name: str, where: str) -> float:
    if not is_positive(value):
        raise UserError(f"{where}: {name} is {shorten(value)}; it must be a positive number")
    return float(value)


def _check_function(fields: Mapping[str, Any], depth: int, where: str) -> None:
    """Raise `UserError` for a value that makes the checkpoint another function than this forward pass."""
    layers = fields.get("layer_types")
    if fields.get("use_sliding_window") is True or (isinstance(layers, list) and "sliding_attention" in layers):
        raise UserError(f"{where}: use_sliding_window is true, which is not supported; set it to false")
    everywhere = isinstance(layers, list) and len(layers) == depth and all(kind == "full_attention" for kind in layers)
    if layers is not None and not everywhere:
        raise UserError(
            f"{where}: layer_types is {shorten(layers)}; only full_attention in all {depth} layers is supported"
        )
    for name, allowed in {**_FIXED, "attention_bias": _BIASES[fields.get("model_type", QWEN2)]}.items():
        value = fields.get(name, allowed[0])
        if not is_one_of(value, allowed):
            raise UserError(f"{where}: {name} is {shorten(value)}; only {allowed[0]} is supported")
    if not isinstance(fields.get("tie_word_embeddings", False), bool):
        raise UserError(f"{where}: tie_word_embeddings is {fields['tie_word_embeddings']!r}; it must be true or false")
    code = fields.get("auto_map") or {}
    if not isinstance(code, Mapping) or any(name.startswith("AutoModel") for name in code):
        raise UserError(f"{where}: auto_map names a model class of the folder's own code, which is never run")


def _head_dim(fields: Mapping[str, Any], sizes: Mapping[str, int], where: str) -> int:
    heads, kv_heads, hidden = sizes["num_attention_heads"], sizes["num_key_value_heads"], sizes["hidden_size"]
    if heads % kv_heads:
        raise UserError(f"{where}: {heads} attention heads do not divide among {kv_heads} key-value heads; correct one")
    absent = "head_dim" not in fields or (fields["head_dim"] is None and fields.get("model_type") == LLAMA)
    if absent and hidden % heads:
        raise UserError(f"{where}: hidden_size {hidden} does not divide among {heads} attention heads; correct one")
    dim = _size(hidden // heads if absent else fields["head_dim"], "head_dim", where)
    if dim % 2:
        raise UserError(f"{where}: head_dim is {dim}; rotary embeddings need an even number")
    return dim


def _rope(fields: Mapping[str, Any], where: str) -> tuple[float, Llama3Scaling | None]:
    """Return the base of the rotary embedding that transformers 5 takes, and how its frequencies are scaled.

    Both stand in `rope_scaling` or `rope_parameters`. Else the base stands as `rope_theta` beside them, where
    transformers 4 writes its default of 10000 when it saves the config of a version-5 checkpoint and leaves
    `rope_parameters` as they are.
    """
    scaling, parameters = (_rope_section(fields, name, where) for name in ("rope_scaling", "rope_parameters"))
    if scaling and parameters and scaling != parameters:
        raise UserError(f"{where}: rope_scaling and rope_parameters differ; keep rope_parameters alone")
    if fields.get("rope_theta") is not None:
        _positive(fields["rope_theta"], "rope_theta", where)
    section = scaling or parameters
    theta = _positive(section.get("rope_theta", fields.get("rope_theta", 1e4)), "rope_theta", where)
    return theta, _llama3_scaling(section, where) if _rope_type(section) == _SCALED else None


def _rope_type(section: Mapping[str, Any]) -> Any:
    return section.get("rope_type", section.get("type", "default"))


def _rope_section(fields: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    section = fields.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise UserError(f"{where}: {name} is {shorten(section)}; it must be an object or null")
    for key in ("rope_type", "type"):
        if section.get(key, "default") not in ("default", _SCALED):
            raise UserError(
                f"{where}: RoPE scaling of type {shorten(section[key])} is not supported; remove it from the config"
            )
    known = _ROPE_KEYS + (Llama3Scaling._fields if _rope_type(section) == _SCALED else ())
    extra = [key for key in section if key not in known]  # a nesting by layer type among them
    if extra:
        raise UserError(f"{where}: {name} holds {', '.join(extra)}, which is not supported; only rope_theta is")
    if section.get("partial_rotary_factor", 1.0) not in (1.0, None):
        raise UserError(
            f"{where}: partial_rotary_factor is {section['partial_rotary_factor']!r}; only 1.0 is supported"
        )
    return section


def _llama3_scaling(section: Mapping[str, Any], where: str) -> Llama3Scaling:
    *factors, context = Llama3Scaling._fields
    missing = [name for name in Llama3Scaling._fields if name not in section]
    if missing:
        raise UserError(f"{where}: RoPE scaling of type {_SCALED} lacks {missing[0]}; write it into the config")
    numbers = (_positive(section[name], name, where) for name in factors)
    scaling = Llama3Scaling(*numbers, _size(section[context], context, where))
    if scaling.factor < 1 or scaling.low_freq_factor >= scaling.high_freq_factor:
        rule = "factor must be at least 1 and low_freq_factor below high_freq_factor"
        raise UserError(f"{where}: RoPE scaling is {shorten(dict(section), 160)}; {rule}")
    return scaling


def read_config(folder: str) -> Qwen2Config:
    """Read `config.json` of a checkpoint folder, or the metadata of a GGUF file."""
    if is_gguf(folder):
        return from_hf(hf_fields(read_gguf(folder)), str(folder))
    path = epath.Path(folder) / "config.json"
    if not path.exists():
        files = sorted(file.name for file in epath.Path(folder).glob("*.gguf"))
        takes = (
            f"name the GGUF file itself, {files[0]}"
            if files
            else "--config.model.path takes a folder in the Hugging Face layout, a GGUF file or a Hub id"
        )
        raise UserError(f"{path}: not found; {takes}")
    return from_hf(read_object(path), str(path))
