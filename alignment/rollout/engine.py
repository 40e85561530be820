"""A base model ready to answer records: weights, tokenizer, template and the ids that end a completion."""

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

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.models.config import Qwen2Config, read_config
from alignment.models.hf import check_vocabulary, load_params, resolve_folder
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rollout.sampler import Group, sample_groups
from alignment.text.padding import bucket, pad_right
from alignment.text.parser import Response, parse
from alignment.text.templates import Template, get_template
from alignment.text.tokenizer import encode_prompt, load_tokenizer, pad_id, stop_ids

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


@dataclasses.dataclass(frozen=True)
class Engine:
    """Everything a rollout needs beside the adapters and the keys."""

    config: Qwen2Config
    params: dict  # placed on `spread`
    tokenizer: Any
    template: Template
    stop_ids: tuple[int, ...]
    pad_id: int
    max_prompt_tokens: int
    spread: Devices
    folder: str
    fingerprint: str  # SHA-256 of the weight files
    remat: bool = False  # recompute layers in backward passes


def load_engine(config: ConfigDict, spread: Devices) -> Engine:
    """Load the base named by `config.model` with the template named by `config.prompt`.

    Raises:
      UserError: an unknown type or template, a missing or damaged folder, a vocabulary smaller than the tokenizer.
    """
    if config.model.dtype not in DTYPES:
        raise UserError(f"--config.model.dtype={config.model.dtype} is unknown; use one of {', '.join(DTYPES)}")
    folder = resolve_folder(config.model.path)
    model = read_config(folder)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(model, tokenizer)
    return Engine(
        config=model,
        params=spread.replicate(load_params(folder, model, DTYPES[config.model.dtype])),
        tokenizer=tokenizer,
        template=get_template(config.prompt.template),
        stop_ids=stop_ids(tokenizer, folder),
        pad_id=pad_id(tokenizer),
        max_prompt_tokens=config.prompt.max_tokens,
        spread=spread,
        folder=str(folder),
        fingerprint=hash_weights(folder),
        remat=config.model.remat,
    )


def hash_weights(folder: str) -> str:
    """Return one SHA-256 over the names and contents of a folder's safetensors files."""
    digest = hashlib.sha256()
    for path in sorted(epath.Path(folder).glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def encode_prompts(engine: Engine, records: Sequence[Record]) -> list[list[int]]:
    """Encode each record's prompt; a prompt longer than `--config.prompt.max_tokens` is a `UserError`."""
    return [encode_prompt(engine.tokenizer, record, engine.template, engine.max_prompt_tokens) for record in records]


def complete(
    engine: Engine,
    stack: Stack,
    prompts: Sequence[Sequence[int]],
    keys: jax.Array,
    *,
    max_new_tokens: int,
    temperature: float,
    params: dict | None = None,
) -> Group:
    """Sample a completion for every key [P, G] after the encoded prompts, and trim to the bucket of the longest.

    P need not be a multiple of the devices: the last prompt is repeated and the surplus dropped.
    """
    spare = -len(prompts) % len(engine.spread.devices)
    tokens, mask = pad_right([*prompts, *[prompts[-1]] * spare], engine.pad_id)
    keys = jnp.concatenate([keys, *[keys[-1:]] * spare])
    tokens, mask, keys = engine.spread.shard((jnp.asarray(tokens), jnp.asarray(mask), keys))
    group = sample_groups(
        engine.params if params is None else params,
        engine.spread.replicate(stack),
        tokens,
        mask,
        keys,
        config=engine.config,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        stop_ids=engine.stop_ids,
        pad_id=engine.pad_id,
    )
    return trim(jax.device_get(group), len(prompts))


def trim(group: Group, prompts: int) -> Group:
    """Keep the first `prompts` prompts and as many completion positions as the bucket of the longest needs."""
    # Few lengths, since each compiles an update of its own; the update packs the padding away in any case.
    longest = int(group.mask[:prompts].sum(axis=-1).max())
    length = min(bucket(longest, per_octave=1, least=64), group.mask.shape[-1])
    rows = jax.tree.map(lambda leaf: leaf[:prompts], group)
    return rows.replace(
        completions=rows.completions[..., :length], mask=rows.mask[..., :length], log_prob=rows.log_prob[..., :length]
    )


def completion_ids(engine: Engine, group: Group) -> list[list[int]]:
    """The sampled ids of every completion, prompt by prompt, without padding and the end token."""
    stops = np.asarray(engine.stop_ids)
    flat = group.completions.reshape(-1, group.completions.shape[-1])
    masks = group.mask.reshape(flat.shape)
    return [row[mask & ~np.isin(row, stops)].tolist() for row, mask in zip(flat, masks, strict=True)]


def read(engine: Engine, group: Group, records: Sequence[Record]) -> list[Response]:
    """Decode and parse every completion once: P x G responses, prompt by prompt."""
    samples = group.mask.shape[1]
    texts = engine.tokenizer.batch_decode(completion_ids(engine, group), skip_special_tokens=False)
    owners = [record for record in records for _ in range(samples)]
    cut = group.truncated.reshape(-1).tolist()
    return [
        parse(text, record.letters, engine.template, truncated=truncated)
        for text, record, truncated in zip(texts, owners, cut, strict=True)
    ]
