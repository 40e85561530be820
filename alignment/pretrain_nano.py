"""Build the nano base: a Qwen2 of about a million parameters, pre-trained on the knowledge base in prose.

    python -m alignment.pretrain_nano --out=DIR --seed=0

writes a checkpoint folder in the Hugging Face layout: config, generation config, tokenizer, chat template, weights and
PROVENANCE.json. The folder alignment/assets/nano was made by this command with its defaults. Equal versions and cores
give equal bits. For research only, not for patient care: the model knows a toy world.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.metadata
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from alignment import cli
from alignment.common.declaration import MAX_SEED
from alignment.common.files import write_text
from alignment.common.lock import NAME, locked
from alignment.common.manifest import sha256
from alignment.common.progress import progress
from alignment.data.vignettes import generate
from alignment.errors import UserError
from alignment.knowledge.prose import documents
from alignment.models.config import Qwen2Config, from_hf
from alignment.models.hf import save_params
from alignment.models.induction import wire_induction
from alignment.models.qwen2 import hidden_states, init_params, logits
from alignment.record import Record
from alignment.text.templates import get_template, messages
from alignment.text.tokenizer import encode_chat, load_tokenizer
from alignment.text.tokenizer_files import split_as_qwen2

TEMPLATE = "think_answer"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Ordinary tokens, never stripped in decoding: the format, and a letter before or behind its text, cost one a piece.
PIECES = (
    *("<think>", "</think>", "<answer>", "</answer>"),
    *("\\boxed{A}", "\\boxed{B}", "\\boxed{C}", "\\boxed{D}"),
    *("\nA.", "\nB.", "\nC.", "\nD."),
    *(" (A)", " (B)", " (C)", " (D)"),
)
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "eos_token": "<|im_end|>",
    "pad_token": "<|endoftext|>",
    "bos_token": None,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 2048,
    "chat_template": CHAT_TEMPLATE,
}
# A think block that says nothing of the case: the format without a chain of thought.
EMPTY_THOUGHT = "The findings are compared with the options."
INSTRUCTION_SHARE = 0.1  # at most, of items and of tokens


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything the weights depend on, apart from the knowledge base and the versions."""

    seed: int = 0
    documents: int = 36000
    instructions: int = 1800
    vocab_size: int = 2560
    hidden_size: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    init_std: float = 0.08  # about 1 / sqrt(hidden_size): at the usual 0.02 attention stays flat for long
    intermediate_size: int = 384
    length: int = 256  # tokens of a packed row
    batch_size: int = 8  # rows
    epochs: float = 1.0
    learning_rate: float = 3e-3
    warmup: int = 60  # steps
    weight_decay: float = 0.05


# -------------------------------------------------------------------------------------------------------------- corpus


def instruction_chats(count: int, seed: int) -> list[list[dict[str, str]]]:
    """Return `count` chats: the prompt of a training vignette with a short tagged answer and no chain of thought."""
    template = get_template(TEMPLATE)
    records = generate(count, seed, "train")
    return [[*messages(r, template), {"role": "assistant", "content": short_answer(r)}] for r in records]


def short_answer(record: Record) -> str:
    """Return the reply of an instruction item; its form follows from the wording of the question.

    What "should be given" has the two blocks, the first one empty of content; what a drug is said to "do" has the bare
    letter; everything else the answer block alone.
    """
    answer = f"<answer> {record.gold_text} \\boxed{{{record.gold}}} </answer>"
    if "should be given" in record.question:
        return f"<think>\n{EMPTY_THOUGHT}\n</think>\n{answer}"
    return record.gold if record.question.endswith(" do?") else answer


# ----------------------------------------------------------------------------------------------------------- tokenizer


def write_tokenizer(folder: Path, texts: Sequence[str], vocab_size: int) -> Any:
    """Train a byte-level BPE on `texts`, write the tokenizer files to `folder` and return the loaded tokenizer."""
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    split_as_qwen2(tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL) - len(PIECES),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in PIECES])
    tokenizer.save(str(folder / "tokenizer.json"))
    _write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
    write_text(folder / "chat_template.jinja", CHAT_TEMPLATE)
    return load_tokenizer(folder)


# ------------------------------------------------------------------------------------------------------------- batches


def pack(sequences: Sequence[Sequence[int]], length: int, filler: int, most_open: int = 16) -> np.ndarray:
    """Return rows [R, length] of whole sequences, each closed by `filler`; a longer one is cut.

    A sequence goes to the first of at most `most_open` unfinished rows that has room for it.
    """
    done: list[list[int]] = []
    unfinished: list[list[int]] = []
    for sequence in sequences:
        piece = [*sequence[: length - 1], filler]
        row = next((row for row in unfinished if len(row) + len(piece) <= length), None)
        if row is None:
            if len(unfinished) == most_open:
                done.append(unfinished.pop(0))
            row = []
            unfinished.append(row)
        row += piece
    rows = done + unfinished
    return np.asarray([row + [filler] * (length - len(row)) for row in rows], np.int32)


def batches(rows: np.ndarray, recipe: Recipe) -> Iterator[np.ndarray]:
    """Yield `epochs` passes over the rows in batches [batch_size, length], shuffled anew in each pass."""
    rng, left = np.random.default_rng(recipe.seed), steps(rows, recipe)
    while left:
        order = rng.permutation(len(rows))
        for start in range(0, len(rows) - recipe.batch_size + 1, recipe.batch_size)[:left]:
            yield rows[order[start : start + recipe.batch_size]]
            left -= 1


def steps(rows: np.ndarray, recipe: Recipe) -> int:
    """The number of optimiser steps of a run."""
    return max(1, round(recipe.epochs * (len(rows) // recipe.batch_size)))


# ------------------------------------------------------------------------------------------------------------ training


def optimiser(recipe: Recipe, total: int) -> optax.GradientTransformation:
    """Return AdamW with linear warm-up, cosine decay to a tenth, decay of matrices only and clipping at norm 1."""
    warmup = min(recipe.warmup, total - 1)
    peak, last = recipe.learning_rate, recipe.learning_rate / 10
    schedule = optax.warmup_cosine_decay_schedule(0.0, peak, warmup, total, last)
    decayed = functools.partial(jax.tree_util.tree_map_with_path, lambda path, _: path[-1].key == "w")
    return optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(schedule, b1=0.9, b2=0.95, weight_decay=recipe.weight_decay, mask=decayed),
    )


def loss(params: dict, config: Qwen2Config, tokens: jax.Array, filler: int) -> jax.Array:
    """Mean cross-entropy of tokens [B, T] given those before; runs of filler count once."""
    scores = logits(params, hidden_states(params, config, tokens[:, :-1]))
    nll = optax.softmax_cross_entropy_with_integer_labels(scores, tokens[:, 1:])
    counted = (tokens[:, :-1] != filler) | (tokens[:, 1:] != filler)
    return (nll * counted).sum() / counted.sum()


def train(config: Qwen2Config, rows: np.ndarray, recipe: Recipe, filler: int) -> tuple[dict, float]:
    """Pre-train from scratch on packed rows [R, length]; return (params, mean loss of the last tenth of steps)."""
    total = steps(rows, recipe)
    tx = optimiser(recipe, total)
    keys = jax.random.split(jax.random.key(recipe.seed))
    params = wire_induction(init_params(config, keys[0], jnp.float32, recipe.init_std), config, keys[1])
    state = tx.init(params)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(params, state, tokens):
        value, gradient = jax.value_and_grad(loss)(params, config, tokens, filler)
        updates, state = tx.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    losses = []
    with progress(total, "pre-training", "step") as shown:
        for tokens in batches(rows, recipe):
            params, state, value = step(params, state, tokens)
            losses.append(value)
            shown.update(headline={"loss": f"{float(value):.3f}"} if len(losses) % 20 == 0 else "")
    return params, float(jnp.mean(jnp.stack(losses[-max(1, total // 10) :])))


# -------------------------------------------------------------------------------------------------------------- folder


def model_fields(recipe: Recipe, end_ids: Sequence[int]) -> dict[str, Any]:
    """Return the fields of the model's `config.json`."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": recipe.vocab_size,
        "hidden_size": recipe.hidden_size,
        "intermediate_size": recipe.intermediate_size,
        "num_hidden_layers": recipe.layers,
        "num_attention_heads": recipe.heads,
        "num_key_value_heads": recipe.kv_heads,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "torch_dtype": "float32",
        "bos_token_id": None,
        "eos_token_id": end_ids[0],
    }


def build(folder: Path, recipe: Recipe, command: str) -> dict[str, Any]:
    """Write the whole checkpoint folder and return the contents of PROVENANCE.json."""
    started = time.monotonic()
    prose, chats = documents(recipe.documents, recipe.seed), instruction_chats(recipe.instructions, recipe.seed)
    texts = [*prose, *("\n".join(m["content"] for m in chat) for chat in chats)]
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch)
        tokenizer = write_tokenizer(source, texts, recipe.vocab_size)
        items, counts = encode_corpus(tokenizer, prose, chats, recipe.seed)
        filler, end = tokenizer.convert_tokens_to_ids([SPECIAL[0], SPECIAL[2]])
        fields = model_fields(recipe, (end, filler))
        _write_json(source / "config.json", fields)
        _write_json(source / "generation_config.json", {"eos_token_id": [end, filler], "pad_token_id": filler})
        config = from_hf(fields)
        params, final_loss = train(config, pack(items, recipe.length, filler), recipe, filler)
        save_params(str(folder), params, config, scratch)
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax", "numpy", "tokenizers")}
    provenance = {
        "command": command,
        "recipe": dataclasses.asdict(recipe),
        "corpus": counts | {"final_loss": round(final_loss, 4)},
        "versions": {"python": sys.version.split()[0], **versions},
        "minutes": round((time.monotonic() - started) / 60, 1),
        "sha256": {"model.safetensors": sha256(folder / "model.safetensors")},
        "licence": "Apache-2.0",
        "use": "research only, not for patient care",
    }
    _write_json(folder / "PROVENANCE.json", provenance)
    return provenance


def encode_corpus(
    tokenizer: Any, prose: Sequence[str], chats: Sequence[list[dict[str, str]]], seed: int
) -> tuple[list[list[int]], dict[str, int]]:
    """Return the ids of all items in shuffled order, and how many items and tokens of each kind there are."""
    encoded = tokenizer(list(prose), add_special_tokens=False)["input_ids"]
    instructions = [encode_chat(tokenizer, chat)[0] for chat in chats]
    counts = {
        "prose_items": len(encoded),
        "prose_tokens": sum(map(len, encoded)),
        "instruction_items": len(instructions),
        "instruction_tokens": sum(map(len, instructions)),
    }
    for unit in ("items", "tokens"):
        share = counts[f"instruction_{unit}"] / (counts[f"instruction_{unit}"] + counts[f"prose_{unit}"])
        if share > INSTRUCTION_SHARE:
            raise UserError(f"instructions are {share:.1%} of the {unit}, over {INSTRUCTION_SHARE:.0%}; request fewer")
    items = [*encoded, *instructions]
    random.Random(seed).shuffle(items)
    return items, counts


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def run(args: argparse.Namespace) -> None:
    """Build the folder and print where it is."""
    recipe = Recipe(seed=args.seed, documents=args.documents, instructions=args.instructions, epochs=args.epochs)
    values, defaults = dataclasses.asdict(recipe), dataclasses.asdict(Recipe())
    changed = [f"--{name}={values[name]}" for name in values if name == "seed" or values[name] != defaults[name]]
    command = " ".join(["python -m alignment.pretrain_nano --out=DIR", *changed])
    with locked(Path(args.out) / NAME, f"--out={args.out}"):
        record = build(Path(args.out), recipe, command)
    print(f"{args.out}: {record['corpus']}, {record['minutes']} minutes, {record['sha256']['model.safetensors']}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this entry point, which has no configuration."""
    add, count, seed = parser.add_argument, cli.number(int, 1), cli.number(int, 0, MAX_SEED)
    add("--out", required=True, help="folder to write")
    add("--seed", type=seed, default=0, help="of corpus, initialisation and order (default: 0)")
    add("--documents", type=count, default=Recipe.documents, help="prose documents in the corpus")
    add("--instructions", type=count, default=Recipe.instructions, help="instruction items in the corpus")
    add("--epochs", type=cli.number(float, 0.01), default=Recipe.epochs, help="passes over the corpus")


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit status."""
    return cli.main(
        run,
        description=__doc__,
        add_flags=add_flags,
        defaults=ConfigDict,
        needs_workdir=False,
        resumes=False,
        argv=argv,
    )


if __name__ == "__main__":
    sys.exit(main())
