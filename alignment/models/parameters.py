"""The parameter tree of Qwen2 and Llama, declared once: path, axes, initialisation and Hugging Face name of an array.

The biases and the head are optional: Llama has none of the former, and tied embeddings leave out the latter.

Shapes, initial values, checkpoints and the shapes of LoRA factors are all computed from `PARAMETERS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

NORMAL, RESIDUAL, ZEROS, ONES = "normal", "residual", "zeros", "ones"  # RESIDUAL: normal, scaled by 1 / sqrt(2 L)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One array of the tree. Where its first axis is "layers", a checkpoint stores one tensor for each layer."""

    path: tuple[str, ...]
    axes: tuple[str, ...]  # names of axes, whose sizes are `Qwen2Config.axis_sizes`
    init: str
    hf_name: str  # with a `{}` for the layer where the array is stacked
    shape: tuple[int, ...] = ()  # in the tree; () before the sizes are known

    @property
    def is_stacked(self) -> bool:
        """Whether the array holds all layers on axis 0."""
        return self.axes[0] == "layers"

    @property
    def is_transposed(self) -> bool:
        """True for linear weights: stored as [out, in], in the tree [L, in, out]."""
        return self.is_stacked and len(self.axes) == 3

    @property
    def stored_names(self) -> tuple[str, ...]:
        """The tensors of a checkpoint that make the array, in layer order."""
        return tuple(self.hf_name.format(layer) for layer in range(self.shape[0] if self.is_stacked else 1))

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """The shape of each of these tensors."""
        shape = self.shape[1:] if self.is_stacked else self.shape
        return shape[::-1] if self.is_transposed else shape


def _weight(module: str, name: str, fan_in: str, fan_out: str, init: str = NORMAL) -> Parameter:
    return Parameter(
        ("layers", name, "w"), ("layers", fan_in, fan_out), init, f"model.layers.{{}}.{module}.{name}.weight"
    )


def _bias(name: str, fan_out: str) -> Parameter:
    return Parameter(("layers", name, "b"), ("layers", fan_out), ZEROS, f"model.layers.{{}}.self_attn.{name}.bias")


def _norm(name: str, hf_name: str) -> Parameter:
    return Parameter(("layers", name), ("layers", "hidden"), ONES, f"model.layers.{{}}.{hf_name}.weight")


EMBED = Parameter(("embed",), ("vocabulary", "hidden"), NORMAL, "model.embed_tokens.weight")
HEAD = Parameter(("head",), ("vocabulary", "hidden"), NORMAL, "lm_head.weight")  # absent where embeddings are tied
PARAMETERS = (
    EMBED,
    HEAD,
    _weight("self_attn", "q_proj", "hidden", "heads"),
    _bias("q_proj", "heads"),
    _weight("self_attn", "k_proj", "hidden", "kv_heads"),
    _bias("k_proj", "kv_heads"),
    _weight("self_attn", "v_proj", "hidden", "kv_heads"),
    _bias("v_proj", "kv_heads"),
    _weight("self_attn", "o_proj", "heads", "hidden", RESIDUAL),
    _weight("mlp", "gate_proj", "hidden", "intermediate"),
    _weight("mlp", "up_proj", "hidden", "intermediate"),
    _weight("mlp", "down_proj", "intermediate", "hidden", RESIDUAL),
    _norm("input_norm", "input_layernorm"),
    _norm("post_attention_norm", "post_attention_layernorm"),
    Parameter(("norm",), ("hidden",), ONES, "model.norm.weight"),
)
BIASES = frozenset(parameter for parameter in PARAMETERS if parameter.path[-1] == "b")  # absent in Llama
PROJECTIONS = tuple(parameter.path[1] for parameter in PARAMETERS if parameter.is_transposed)


def with_shapes(sizes: Mapping[str, int], tied: bool, biased: bool) -> tuple[Parameter, ...]:
    """Return the parameters with the shapes that axes of these `sizes` give.

    The head is left out where it is `tied` to the embedding, and the biases where the projections are not `biased`.
    """
    absent = {HEAD} if tied else set()
    absent |= set() if biased else BIASES
    return tuple(
        dataclasses.replace(parameter, shape=tuple(sizes[axis] for axis in parameter.axes))
        for parameter in PARAMETERS
        if parameter not in absent
    )
