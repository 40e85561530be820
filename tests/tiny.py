"""A tiny random Qwen2 and batches for it, shared by tests (import as `from tiny import ...`)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from made_data import write_records
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora, LoraConfig, init_lora
from alignment.config import ALL_PROJECTIONS, default_config
from alignment.models import qwen2
from alignment.models.config import Qwen2Config, read_config
from alignment.models.hf import load_params
from alignment.models.qwen2 import init_params
from alignment.record import Record
from alignment.training.batches import GrpoBatch, SftBatch

CONFIG = Qwen2Config(
    vocab_size=97,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    tie_word_embeddings=True,
)
# How far float32 passes over the same tokens may be apart in the final states of CONFIG, whose entries are at most
# sqrt(32) since their RMS is 1: two layers of seven products of up to 48 terms are sqrt(2 x 7 x 48) = 26 roundings of
# 2^-24 of an entry, 9e-6; another machine sums in another order, so four times that.
STATE_ERROR = 4 * (2 * 7 * 48) ** 0.5 * 2**-24 * 32**0.5


def params(seed: int = 0, config: Qwen2Config = CONFIG) -> dict:
    """Random parameters with weights large enough for a peaked distribution."""
    return init_params(config, jax.random.key(seed), std=0.3)


def lora(seed: int = 0, rank: int = 4, trained: bool = True, config: Qwen2Config = CONFIG, **options) -> Lora:
    """An adapter on all seven projections; `trained` fills B with noise."""
    options = {"alpha": 8.0, "targets": ALL_PROJECTIONS} | options
    shape = LoraConfig(rank=rank, **options)
    fresh = init_lora(jax.random.key(seed), config.linear_shapes, config.num_hidden_layers, shape)
    if not trained:
        return fresh
    keys = iter(jax.random.split(jax.random.key(seed + 1), len(fresh.modules)))
    modules = {
        name: {"a": factors["a"], "b": 0.2 * jax.random.normal(next(keys), factors["b"].shape)}
        for name, factors in fresh.modules.items()
    }
    return fresh.replace(modules=modules)


def prompts(seed: int = 0, lengths=(5, 8, 3, 7), width: int = 8) -> tuple[jax.Array, jax.Array]:
    """Right-padded prompts [P, width] and their mask."""
    tokens = np.random.default_rng(seed).integers(3, CONFIG.vocab_size, (len(lengths), width))
    mask = np.arange(width) < np.asarray(lengths)[:, None]
    return jnp.asarray(np.where(mask, tokens, 0)), jnp.asarray(mask)


def grpo_batch(seed: int = 0, groups: int = 8, samples: int = 3, length: int = 6) -> GrpoBatch:
    """A made-up rollout: ragged prompts and completions with advantages."""
    rng = np.random.default_rng(seed)
    tokens, mask = prompts(seed, rng.integers(3, 9, groups))
    lengths = rng.integers(1, length + 1, (groups, samples))
    return GrpoBatch(
        prompts=tokens,
        prompt_mask=mask,
        completions=jnp.asarray(rng.integers(3, CONFIG.vocab_size, (groups, samples, length))),
        mask=jnp.asarray(np.arange(length) < lengths[..., None]),
        log_prob=jnp.asarray(-rng.random((groups, samples, length)), jnp.float32),
        old_log_prob=jnp.asarray(-4.0 - rng.random((groups, samples, length)), jnp.float32),
        advantages=jnp.asarray(rng.normal(size=(groups, samples)), jnp.float32),
    )


def sft_batch(seed: int = 0, rows: int = 8, length: int = 12) -> SftBatch:
    """Random sequences whose second half is trained on, ragged."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(length // 2 + 1, length + 1, rows)[:, None]
    places = np.arange(length)
    return SftBatch(
        tokens=jnp.asarray(rng.integers(3, CONFIG.vocab_size, (rows, length))),
        loss_mask=jnp.asarray((places >= length // 2) & (places < ends)),
    )


def greedy_tokens(path: Path, tokens: np.ndarray, lengths: tuple[int, ...], count: int) -> np.ndarray:
    """Greedy tokens [B, count] through the key-value cache, all sequences at once behind their padding.

    The checkpoint is a folder or a GGUF file.
    """
    config = read_config(str(path))
    params = load_params(str(path), config, jnp.float32)
    mask = jnp.arange(tokens.shape[1]) < jnp.asarray(lengths)[:, None]
    hidden, prompt_kv = qwen2.prefill(params, config, jnp.asarray(tokens), mask)
    shape = (len(tokens), config.num_key_value_heads, 1, count, config.head_dim)
    cache = qwen2.KeysValues(*((jnp.zeros(shape),) * config.num_hidden_layers for _ in "kv"))
    decode = jax.jit(partial(qwen2.decode, config=config))
    chosen = [jnp.argmax(qwen2.logits(params, hidden[:, None]), axis=-1)]
    for step in range(count - 1):
        keys_values = qwen2.GroupKeysValues(prompt_kv, mask, cache)
        positions = jnp.full((len(tokens), 1), step)
        hidden, cache = decode(params, tokens=chosen[-1], positions=positions, keys_values=keys_values)
        chosen.append(jnp.argmax(qwen2.logits(params, hidden), axis=-1))
    return np.concatenate(chosen, axis=1)


CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SIGNS = {"influenza": "fever", "asthma": "wheeze", "gout": "toe pain", "migraine": "headache", "anaemia": "pallor"}


def records(count: int, start: int = 0) -> list[Record]:
    """Hand-made questions with a chain of thought each, all different."""
    names, made = list(SIGNS), []
    for index in range(start, start + count):
        chosen = [names[(index + shift) % 5] for shift in range(3)]
        gold = index % 3
        sign = SIGNS[chosen[gold]]
        made.append(
            Record(
                id=f"tiny-{index}",
                source="records",
                question=f"Patient {index} has {sign}. Which condition is it?",
                options=dict(zip("ABC", chosen, strict=True)),
                gold="ABC"[gold],
                cot=f"The {sign} points to {chosen[gold]}, option {'ABC'[gold]}.",
            )
        )
    return made


def write_folder(folder: Path, seed: int = 0, extra_rows: int = 0) -> Path:
    """Write a tiny random checkpoint with a tokenizer of its own, in the Hugging Face layout.

    `extra_rows` of the embedding have no token, as in Qwen2.5; they are so long that they are the most likely ids.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    from alignment.models.hf import save_params
    from alignment.text.templates import TEMPLATES, messages

    rows = records(15)
    texts = [m["content"] for row in rows for m in messages(row, TEMPLATES["think_answer"])] + [row.cot for row in rows]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=448,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts * 3, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    config = CONFIG.replace(vocab_size=448)
    tree = params(seed, config)
    if extra_rows:
        extra = 20 * jax.random.normal(jax.random.key(seed + 1), (extra_rows, config.hidden_size))
        config = config.replace(vocab_size=448 + extra_rows)
        tree["embed"] = jnp.concatenate([tree["embed"], extra])
    save_params(str(folder), tree, config)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": CHAT_TEMPLATE}))
    return folder


def open_block(folder: Path, written: str) -> None:
    """Make the chat template of `write_folder` write this in the model's place."""
    path = folder / "tokenizer_config.json"
    header = "<|im_start|>assistant\n"
    changed = CHAT_TEMPLATE.replace(header, header + written)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": changed}))


def experiment_config(folder: Path, count: int = 60) -> ConfigDict:
    """A whole experiment on `write_folder` and hand-made records, small enough to run in seconds."""
    data = folder / "records.jsonl"
    if not data.exists():
        write_folder(folder / "base")
        write_records(str(data), records(count))
    config = default_config()
    config.model.path = str(folder / "base")
    for part in ("sft", "rl", "eval"):
        config.data[part].update(source="records", path=str(data), count=12)
    config.adapters.reasoning.update(rank=4, alpha=8.0, dropout=0.1)
    config.adapters.reward.update(rank=2, alpha=4.0)
    config.sft.update(batch_size=6, epochs=2, learning_rate=1e-2)
    config.grpo.update(steps=5, prompts=4, group_size=2, max_new_tokens=12, learning_rate=1e-2, minibatches=2)
    config.grpo.channels = ("effective_ratio=1",)  # random bytes differ in it, so that groups have something to learn
    config.eval.update(max_new_tokens=12)
    config.checkpoint.every = 2
    config.data.cache = str(folder / "tokens")
    config.parallel.devices = 1
    return config


class ReadLog:
    """A view of a configuration that adds the dotted name of every leaf that is read to `names`."""

    def __init__(self, config: ConfigDict, names: set[str], prefix: str = ""):
        self._config, self._names, self._prefix = config, names, prefix

    def __getattr__(self, name: str):
        return self[name]

    def __getitem__(self, name: str):
        value, full = self._config[name], self._prefix + name
        if isinstance(value, ConfigDict):
            return ReadLog(value, self._names, f"{full}.")
        self._names.add(full)
        return value
