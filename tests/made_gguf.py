"""Tiny GGUF files of every type of weights, written with the `gguf` package, shared by tests.

The package cannot quantise to the K-types: their blocks are random bytes with small finite scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from tiny import CHAT_TEMPLATE
from tokenizers.pre_tokenizers import ByteLevel

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGED = ("Ġt", "he", "Ġthe", "in", "ing", "12", "Ġa", "ain", "Ġp", "Ġpain")
MERGES = ("Ġ t", "h e", "Ġt he", "i n", "in g", "1 2", "Ġ a", "a in", "Ġ p", "Ġp ain")
UNUSED = ("[PAD1]", "[PAD2]")
Stored = tuple[np.ndarray, Type]  # bytes or numbers, and their type
TOKENS = (*SPECIAL, *sorted(ByteLevel.alphabet()), *MERGED, *UNUSED)
KINDS = (*(3,) * len(SPECIAL), *(1,) * (256 + len(MERGED)), *(5,) * len(UNUSED))
HIDDEN, HEADS, KV_HEADS, LAYERS = 256, 4, 2, 2  # a row is one block of the K-types
SIMPLE = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")
# Where the float16 scales of a block stand, and about how large they must be for weights of a few hundredths.
K_SCALES = {
    "Q2_K": ((80, 82), 4e-3),
    "Q3_K": ((108,), 1e-3),
    "Q4_K": ((0, 2), 2e-4),
    "Q5_K": ((0, 2), 1e-4),
    "Q6_K": ((208,), 4e-5),
}


def metadata(architecture: str, **changes: Any) -> dict[str, Any]:
    """The metadata of a file by its keys; `changes` have "__" for a dot, and None leaves an entry out."""
    entries = {
        f"{architecture}.block_count": LAYERS,
        f"{architecture}.context_length": 512,
        f"{architecture}.embedding_length": HIDDEN,
        f"{architecture}.feed_forward_length": HIDDEN,
        f"{architecture}.attention.head_count": HEADS,
        f"{architecture}.attention.head_count_kv": KV_HEADS,
        f"{architecture}.rope.freq_base": 1e4,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": {"qwen2": "qwen2", "llama": "smollm"}.get(architecture, "qwen2"),
        "tokenizer.ggml.tokens": list(TOKENS),
        "tokenizer.ggml.token_type": list(KINDS),
        "tokenizer.ggml.merges": list(MERGES),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
    if architecture == "llama":
        entries["llama.rope.dimension_count"] = HIDDEN // HEADS
    entries |= {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in entries.items() if value is not None}


def shapes(architecture: str, tied: bool = True) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by the name it has in the file."""
    keys = HIDDEN // HEADS * KV_HEADS
    sizes = {"token_embd.weight": (len(TOKENS), HIDDEN), "output_norm.weight": (HIDDEN,)}
    sizes |= {} if tied else {"output.weight": (len(TOKENS), HIDDEN)}
    for layer in range(LAYERS):
        for name, rows in (("attn_q", HIDDEN), ("attn_k", keys), ("attn_v", keys)):
            sizes[f"blk.{layer}.{name}.weight"] = (rows, HIDDEN)
            if architecture == "qwen2":
                sizes[f"blk.{layer}.{name}.bias"] = (rows,)
        for name in ("attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            sizes[f"blk.{layer}.{name}.weight"] = (HIDDEN, HIDDEN)
        for name in ("attn_norm", "ffn_norm"):
            sizes[f"blk.{layer}.{name}.weight"] = (HIDDEN,)
    return sizes


def draw(name: str, shape: tuple[int, ...], kind: str, rng: np.random.Generator) -> Stored:
    """A tensor as it is stored, and its type: norms and biases are float32 as in every file."""
    if len(shape) == 1 or name == "rope_freqs.weight":
        return (1.0 * ("norm" in name) + rng.uniform(-0.3, 0.3, shape)).astype(np.float32), Type.F32
    if kind in K_SCALES:
        offsets, size = K_SCALES[kind]
        _, width = gguf.GGML_QUANT_SIZES[Type[kind]]
        blocks = rng.integers(0, 256, (*shape[:-1], shape[-1] // 256, width), np.uint8)
        for offset in offsets:
            scales = rng.uniform(size / 2, size, blocks.shape[:-1]).astype(np.float16)
            blocks[..., offset : offset + 2] = scales[..., None].view(np.uint8)
        return blocks.reshape(*shape[:-1], -1), Type[kind]
    values = rng.uniform(-0.1, 0.1, shape).astype(np.float32)
    return (values, Type.F32) if kind == "F32" else (gguf.quants.quantize(values, Type[kind]), Type[kind])


def stored_tensors(architecture: str, kind: str, tied: bool = True, seed: int = 0) -> dict[str, Stored]:
    """Every tensor of a model whose matrices are of one type."""
    rng = np.random.default_rng(seed)
    return {name: draw(name, shape, kind, rng) for name, shape in shapes(architecture, tied).items()}


def write(
    path: Path,
    architecture: str,
    tensors: Mapping[str, Stored],
    entries: Mapping[str, Any] | None = None,
    largest: int = 0,
) -> Path:
    """Write a file; with `largest`, as parts of at most so many tensors, of which the first one's path is returned."""
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=largest)
    for name, value in (metadata(architecture) if entries is None else entries).items():
        if name == "general.alignment":
            writer.data_alignment = value
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add.get(type(value), writer.add_array)(name, value)
    for name, (data, kind) in tensors.items():
        plain = data.dtype != np.uint8
        writer.add_tensor(name, data, raw_dtype=None if plain else kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path if path.exists() else sorted(path.parent.glob(f"{path.stem}-00001-of-*.gguf"))[0]


def write_model(path: Path, architecture: str = "llama", kind: str = "F32", tied: bool = True) -> Path:
    """Write a whole tiny model."""
    return write(path, architecture, stored_tensors(architecture, kind, tied))
