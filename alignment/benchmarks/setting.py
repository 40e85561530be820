"""The setting of a measurement: the flags of `alignment.bench` as one value."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from alignment.errors import UserError
from alignment.models.config import Qwen2Config, from_hf

DTYPES = ("float32", "bfloat16")
SHAPES = {"smollm2": "576,30,9,3,1536,49152"}  # sizes by name: SmolLM2-135M
RANK = 16  # of the LoRA on all seven projections


class Size(NamedTuple):
    """The sizes of a random Qwen2, in the order of `--size`."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocab: int


@dataclasses.dataclass(frozen=True)
class Setting:
    """One measurement: model, batch and how it is run. Prompts and completions have their full lengths.

    Raises:
      UserError: a number is below 1, the dtype is unknown, or no Qwen2 has such sizes.
    """

    suite: str
    size: Size
    prompts: int = 4
    group: int = 8
    prompt_len: int = 128
    new_tokens: int = 64
    dtype: str = "float32"
    repeats: int = 3
    implementation: str = "auto"
    tied: bool = True  # the head is the embedding
    remat: bool = False  # layers are recomputed in the backward pass

    def __post_init__(self):
        for name in ("prompts", "group", "prompt_len", "new_tokens", "repeats"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name}={getattr(self, name)}: it must be at least 1")
        if self.dtype not in DTYPES:
            raise UserError(f"--dtype={self.dtype}: use one of {', '.join(DTYPES)}")
        self.config  # noqa: B018 - raises where the sizes do not match

    @property
    def config(self) -> Qwen2Config:
        """The model's configuration."""
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        fields = dict(zip((*names, "intermediate_size", "vocab_size"), self.size, strict=True))
        return from_hf(fields | {"tie_word_embeddings": self.tied}, f"--size={show_size(self.size)}")

    @property
    def completion_tokens(self) -> int:
        """P * G * Lc: the tokens whose log-probability an update needs."""
        return self.prompts * self.group * self.new_tokens


def parse_size(text: str) -> Size:
    """Read `hidden,layers,heads,kv_heads,intermediate,vocab`, or a name in `SHAPES`.

    Raises:
      UserError: the text is neither.
    """
    try:
        return Size(*(int(part) for part in SHAPES.get(text, text).split(",")))
    except (ValueError, TypeError):
        choices = f"six whole numbers, --size={','.join(Size._fields)}, or {', '.join(SHAPES)}"
        raise UserError(f"--size={text}: write {choices}") from None


def show_size(size: Size) -> str:
    """Return the sizes as `--size` takes them."""
    return ",".join(map(str, size))
