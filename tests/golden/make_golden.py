"""Tiny models and adapters drawn from a frozen random stream, and the answers torch gives for them.

The draws (numpy's legacy `RandomState`, whose stream never changes) are repeated by the tests; only torch's answers are
stored, in `qwen2.npz` beside this file. Where the `parity` extra is installed a test checks that they are current.
Written independently of the code under test: names and shapes follow transformers and PEFT. To write it anew:

    python tests/golden/make_golden.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

GOLDEN = Path(__file__).with_name("qwen2.npz")
SIZES = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 40,
    "max_position_embeddings": 512,
    "model_type": "qwen2",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "torch_dtype": "float32",
    "use_sliding_window": False,
    "vocab_size": 120,
}
MODELS = {"tied": {**SIZES, "tie_word_embeddings": True}, "untied": {**SIZES, "tie_word_embeddings": False}}
ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ADAPTERS = {
    "reasoning": {"r": 4, "lora_alpha": 8, "target_modules": ALL, "use_rslora": False},
    "reward": {"r": 2, "lora_alpha": 5, "target_modules": ("q_proj", "v_proj", "down_proj"), "use_rslora": False},
    "rslora": {"r": 4, "lora_alpha": 6, "target_modules": ALL, "use_rslora": True},
}
LENGTHS = (20, 13)  # of the two token sequences; the rest is padding
NEW_TOKENS = 64


def sequences() -> np.ndarray:
    """Token ids [2, 20], padded on the right with id 0."""
    tokens = np.random.RandomState(7).randint(1, SIZES["vocab_size"], (2, max(LENGTHS)))
    tokens[1, LENGTHS[1] :] = 0
    return tokens


def model_tensors(fields: dict, seed: int = 0) -> dict[str, np.ndarray]:
    """Every tensor of a checkpoint by its transformers name, large enough for attention and norms to matter."""
    rng = np.random.RandomState(seed)
    hidden, inner = fields["hidden_size"], fields["intermediate_size"]
    heads = hidden // fields["num_attention_heads"] * fields["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (fields["vocab_size"], hidden)}
    for layer in range(fields["num_hidden_layers"]):
        stem = f"model.layers.{layer}."
        for name, rows in (("q", hidden), ("k", heads), ("v", heads)):
            shapes[f"{stem}self_attn.{name}_proj.weight"] = (rows, hidden)
            shapes[f"{stem}self_attn.{name}_proj.bias"] = (rows,)
        shapes[f"{stem}self_attn.o_proj.weight"] = (hidden, hidden)
        shapes[f"{stem}mlp.gate_proj.weight"] = (inner, hidden)
        shapes[f"{stem}mlp.up_proj.weight"] = (inner, hidden)
        shapes[f"{stem}mlp.down_proj.weight"] = (hidden, inner)
        shapes[f"{stem}input_layernorm.weight"] = (hidden,)
        shapes[f"{stem}post_attention_layernorm.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    if not fields["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (fields["vocab_size"], hidden)
    return {name: _draw(rng, name, shape) for name, shape in shapes.items()}


def adapter_tensors(adapter: dict, fields: dict, seed: int) -> dict[str, np.ndarray]:
    """Both factors of every adapted projection by their PEFT names; B is not zero."""
    rng = np.random.RandomState(seed)
    weights = {name: tensor.shape for name, tensor in model_tensors(fields).items() if name.endswith("_proj.weight")}
    tensors = {}
    for name, (fan_out, fan_in) in weights.items():
        if name.split(".")[-2] in adapter["target_modules"]:
            stem = "base_model.model." + name.removesuffix(".weight")
            tensors[f"{stem}.lora_A.weight"] = rng.uniform(-0.3, 0.3, (adapter["r"], fan_in)).astype(np.float32)
            tensors[f"{stem}.lora_B.weight"] = rng.uniform(-0.3, 0.3, (fan_out, adapter["r"])).astype(np.float32)
    return tensors


def _draw(rng: np.random.RandomState, name: str, shape: tuple[int, ...]) -> np.ndarray:
    spread = 0.4 if len(shape) == 2 else 0.3
    centre = 1.0 if "norm" in name else 0.0
    return (centre + rng.uniform(-spread, spread, shape)).astype(np.float32)


def write_model(folder: Path, fields: dict, tensors: dict[str, np.ndarray] | None = None, shards: int = 1) -> Path:
    """Write a checkpoint folder, in one file or dealt over `shards` files with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = model_tensors(fields) if tensors is None else tensors
    (folder / "config.json").write_text(json.dumps(fields))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        return folder
    files = {name: f"model-{1 + index % shards:05d}-of-{shards:05d}.safetensors" for index, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in tensors if files[name] == file}, folder / file, {"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return folder


def write_adapter(folder: Path, name: str, fields: dict, seed: int = 1) -> Path:
    """Write one of `ADAPTERS` as a PEFT folder."""
    folder.mkdir(parents=True, exist_ok=True)
    adapter = ADAPTERS[name]
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "lora_dropout": 0.05, **adapter}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file(adapter_tensors(adapter, fields, seed), folder / "adapter_model.safetensors", {"format": "pt"})
    return folder


def torch_logits(model, tokens: np.ndarray, lengths: tuple[int, ...]) -> np.ndarray:
    """Float32 logits [B, T, V] of right-padded tokens; those of padding are zeroed."""
    import torch

    mask = np.arange(tokens.shape[1]) < np.asarray(lengths)[:, None]
    with torch.no_grad():
        logits = model(torch.tensor(tokens), attention_mask=torch.tensor(mask.astype(np.int64))).logits
    return logits.float().numpy() * mask[..., None]


def torch_greedy(model, tokens: np.ndarray, lengths: tuple[int, ...], count: int) -> np.ndarray:
    """`count` greedy tokens [B, count] after each sequence, by transformers' `generate`, one sequence at a time."""
    import torch

    rows = []
    for row, length in zip(tokens, lengths, strict=True):
        prompt = torch.tensor(row[None, :length])
        out = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=count,
            eos_token_id=None,
            pad_token_id=0,
        )
        rows.append(out[0, length:].numpy())
    return np.stack(rows)


def answers(folder: Path) -> dict[str, np.ndarray]:
    """Torch's answers for every model and adapter; `folder` is scratch space."""
    from peft import PeftModel
    from transformers import Qwen2ForCausalLM

    golden = {}
    for name, fields in MODELS.items():
        path = write_model(folder / name, fields)
        model = Qwen2ForCausalLM.from_pretrained(path, dtype="float32").eval()
        golden[f"{name}/logits"] = torch_logits(model, sequences(), LENGTHS)
        golden[f"{name}/greedy"] = torch_greedy(model, sequences(), LENGTHS, NEW_TOKENS).astype(np.int16)
    for seed, name in enumerate(ADAPTERS, 1):
        base = Qwen2ForCausalLM.from_pretrained(folder / "tied", dtype="float32")
        adapter = write_adapter(folder / f"adapter-{name}", name, MODELS["tied"], seed)
        model = PeftModel.from_pretrained(base, adapter).eval()
        golden[f"{name}/logits"] = torch_logits(model, sequences(), LENGTHS)
    return golden


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        np.savez_compressed(GOLDEN, **answers(Path(scratch)))
    print(f"{GOLDEN}: {GOLDEN.stat().st_size} bytes")
