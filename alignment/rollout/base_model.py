"""The frozen base model with what reads and writes its tokens: weights, tokenizer, template, and token ids."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from alignment.common.gguf_file import is_gguf, quantisation_of, read_gguf, shares_of_types
from alignment.kernels.vocabulary import TokenRanges, token_ranges
from alignment.models.config import Qwen2Config, read_config
from alignment.models.hf import check_vocabulary, load_params, resolve_folder
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rollout.groups import Group
from alignment.text.parser import Response, parse
from alignment.text.templates import Template, get_template
from alignment.text.tokenizer import encode_prompt, load_tokenizer, opened_block, pad_id, stop_ids

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class BaseModel:
    """A frozen language model, its tokenizer and the template its prompts are written in."""

    params: dict  # on every device
    config: Qwen2Config
    tokenizer: Any
    template: Template
    stop_ids: tuple[int, ...]  # the ids that end a completion
    pad_id: int
    token_ranges: TokenRanges | None  # the ids that have a token, where the embedding has more rows; None: all
    max_prompt_tokens: int
    folder: str
    fingerprint: str  # `hash_weights` of the folder
    quantisation: str = ""  # the types of the file's weights, as in "Q4_1 79%, Q8_0 21%"; "": they are not quantised
    opening: str = ""  # the part of the reasoning block that the chat template writes after the prompt


def load_base_model(config: ConfigDict, devices: Devices) -> BaseModel:
    """Load the weights named by `config.model` onto all devices, with the template named by `config.prompt`.

    Raises:
      UserError: an unknown template, a missing or damaged folder, a vocabulary smaller than the tokenizer.
    """
    folder = resolve_folder(config.model.path)
    model = read_config(folder)
    tokenizer, template = load_tokenizer(folder), get_template(config.prompt.template)
    check_vocabulary(model, tokenizer)
    return BaseModel(
        params=devices.replicate(load_params(folder, model, DTYPES[config.model.dtype])),
        config=model,
        tokenizer=tokenizer,
        template=template,
        stop_ids=stop_ids(tokenizer, folder),
        pad_id=pad_id(tokenizer),
        token_ranges=token_ranges(tokenizer.get_vocab().values(), model.vocab_size),
        max_prompt_tokens=config.prompt.max_tokens,
        folder=str(folder),
        fingerprint=hash_weights(folder),
        quantisation=quantisation_of(folder),
        opening=opened_block(tokenizer, template),
    )


def hash_weights(folder: str) -> str:
    """Return one SHA-256 over the names and contents of a folder's safetensors files.

    That of a GGUF file is over the contents of all its parts, and has the type of most weights in front, as in
    "Q4_1-3f...": a dequantised base is another one than the weights that were quantised.
    """
    digest = hashlib.sha256()
    if is_gguf(folder):
        source = read_gguf(folder)
        for part in source.files:
            with part.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"{next(iter(shares_of_types(source)))}-{digest.hexdigest()}"
    for path in sorted(epath.Path(folder).glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def describe_base(base: BaseModel, path: str) -> dict[str, Any]:
    """What the base of `--config.model.path` is, for the head of a report."""
    return {
        "model": path or "embedded nano base",
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(base.params)),
        **({"quantisation": f"{base.quantisation}, dequantised"} if base.quantisation else {}),
        "weights SHA-256": base.fingerprint,
    }


def encode_prompts(base: BaseModel, records: Sequence[Record]) -> list[list[int]]:
    """Encode each record's prompt; a prompt longer than `--config.prompt.max_tokens` is a `UserError`."""
    return [encode_prompt(base.tokenizer, record, base.template, base.max_prompt_tokens) for record in records]


def completion_ids(base: BaseModel, group: Group) -> list[list[int]]:
    """The sampled ids of every completion, prompt by prompt, without padding and the end token."""
    stops = np.asarray(base.stop_ids)
    flat = group.completions.reshape(-1, group.completions.shape[-1])
    masks = group.mask.reshape(flat.shape)
    return [row[mask & ~np.isin(row, stops)].tolist() for row, mask in zip(flat, masks, strict=True)]


def parse_completions(base: BaseModel, group: Group, records: Sequence[Record]) -> list[Response]:
    """Decode and parse every completion once: P x G responses, prompt by prompt."""
    samples = group.mask.shape[1]
    texts = base.tokenizer.batch_decode(completion_ids(base, group), skip_special_tokens=False)
    repeated = [record for record in records for _ in range(samples)]
    return [
        parse(text, record.options, base.template, truncated=truncated, opening=base.opening)
        for text, record, truncated in zip(texts, repeated, group.truncated.reshape(-1).tolist(), strict=True)
    ]
