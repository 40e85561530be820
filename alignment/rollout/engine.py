"""A base model ready to answer records: weights, tokenizer, template and the ids that end a completion."""

from __future__ import annotations

import bisect
import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.kernels.linear_logprob.api import linear_logprob
from alignment.kernels.vocabulary import TokenRanges, token_ranges
from alignment.models.config import Qwen2Config, read_config
from alignment.models.hf import check_vocabulary, load_params, resolve_folder
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rollout.sampler import Group, Layout, Stats, join_groups, stream_groups
from alignment.rollout.sampling import Sampling
from alignment.text.padding import bucket, pad_right
from alignment.text.parser import Response, parse
from alignment.text.templates import Template, get_template
from alignment.text.tokenizer import encode_prompt, load_tokenizer, opened_block, pad_id, stop_ids

MERGES = ("none", "float32")
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
    token_ranges: TokenRanges | None  # the ids that have a token, where the embedding has more rows; None: all
    max_prompt_tokens: int
    spread: Devices
    folder: str
    fingerprint: str  # SHA-256 of the weight files
    remat: bool = False  # recompute layers in backward passes
    logprob: str = "xla"  # implementation of `kernels.linear_logprob` in training
    layout: Layout = Layout()
    merge: str = "none"  # of adapters in training rollouts
    opening: str = ""  # what the chat template writes of the reasoning block in the model's place


def load_engine(config: ConfigDict, spread: Devices) -> Engine:
    """Load the base named by `config.model` with the template named by `config.prompt`.

    Raises:
      UserError: an unknown type or template, a missing or damaged folder, a vocabulary smaller than the tokenizer.
    """
    if config.model.dtype not in DTYPES:
        raise UserError(f"--config.model.dtype={config.model.dtype} is unknown; use one of {', '.join(DTYPES)}")
    folder = resolve_folder(config.model.path)
    model = read_config(folder)
    check_logprob(config.model.logprob, model, DTYPES[config.model.dtype])
    tokenizer, template = load_tokenizer(folder), get_template(config.prompt.template)
    check_vocabulary(model, tokenizer)
    return Engine(
        config=model,
        params=spread.replicate(load_params(folder, model, DTYPES[config.model.dtype])),
        tokenizer=tokenizer,
        template=template,
        stop_ids=stop_ids(tokenizer, folder),
        pad_id=pad_id(tokenizer),
        token_ranges=token_ranges(tokenizer.get_vocab().values(), model.vocab_size),
        max_prompt_tokens=config.prompt.max_tokens,
        spread=spread,
        folder=str(folder),
        fingerprint=hash_weights(folder),
        remat=config.model.remat,
        logprob=config.model.logprob,
        layout=layout_of(config.rollout),
        merge=config.rollout.merge,
        opening=opened_block(tokenizer, template),
    )


def layout_of(section: ConfigDict) -> Layout:
    """The layout that `config.rollout` describes; raises `UserError` for values out of range."""
    if section.merge not in MERGES:
        raise UserError(f"--config.rollout.merge={section.merge} is unknown; use one of {', '.join(MERGES)}")
    return Layout(section.lanes, section.width, section.chunk, section.cache_dtype)


def check_logprob(implementation: str, config: Qwen2Config, dtype: jnp.dtype) -> None:
    """Raise `UserError` where `kernels.linear_logprob` has no such implementation, or it cannot serve here."""
    hidden = jax.ShapeDtypeStruct((1, config.hidden_size), dtype)
    head = jax.ShapeDtypeStruct((config.vocab_size, config.hidden_size), dtype)
    target = jax.ShapeDtypeStruct((1,), jnp.int32)
    try:
        jax.eval_shape(partial(linear_logprob, implementation=implementation), hidden, head, target)
    except UserError as error:
        raise UserError(f"--config.model.logprob={implementation}: {error}") from error


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


def stream(
    engine: Engine,
    stack: Stack,
    prompts: Sequence[Sequence[int]],
    keys: jax.Array,
    *,
    max_new_tokens: int,
    sampling: Sampling,
    params: dict | None = None,
    layout: Layout | None = None,
    stop: Sequence[str] = (),
    stats: Stats | None = None,
) -> Iterator[tuple[int, Group]]:
    """Sample a completion for every key [P, G] and yield each prompt's group as it is complete, with its index.

    Only ids that have a token are drawn. `stop` are texts that end a completion, which keeps them; the other arguments
    are those of `stream_groups`.
    """
    tokens, mask = pad_right(prompts, engine.pad_id)
    return stream_groups(
        engine.params if params is None else params,
        engine.spread.replicate(stack),
        tokens,
        mask,
        keys,
        config=engine.config,
        sampling=dataclasses.replace(sampling, token_ranges=engine.token_ranges),
        max_new_tokens=max_new_tokens,
        stop_ids=engine.stop_ids,
        pad_id=engine.pad_id,
        layout=layout or engine.layout,
        find_stop=partial(_find_stop, engine.tokenizer, tuple(stop)) if stop else None,
        shard=engine.spread.shard,
        devices=len(engine.spread.devices),
        stats=stats,
    )


def _find_stop(tokenizer: Any, stop: tuple[str, ...], ids: np.ndarray) -> int | None:
    """How many of `ids` to keep where their text holds one of `stop`: up to the token that completes the first."""
    if not any(text in tokenizer.decode(ids) for text in stop):
        return None
    return (
        bisect.bisect_left(
            range(1, len(ids) + 1), True, key=lambda count: any(text in tokenizer.decode(ids[:count]) for text in stop)
        )
        + 1
    )


def complete(engine: Engine, stack: Stack, prompts: Sequence[Sequence[int]], keys: jax.Array, **options: Any) -> Group:
    """All completions of `stream` together, trimmed to the bucket of the longest."""
    found = dict(stream(engine, stack, prompts, keys, **options))
    return trim(join_groups(found[index] for index in range(len(prompts))))


def trim(group: Group) -> Group:
    """Keep as many completion positions as the bucket of the longest needs."""
    # Few lengths, since each compiles an update of its own; the update packs the padding away in any case.
    length = min(bucket(int(group.mask.sum(axis=-1).max()), per_octave=1, least=64), group.mask.shape[-1])
    cut = {name: getattr(group, name)[..., :length] for name in ("completions", "mask", "log_prob")}
    return group.replace(**cut)


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
        parse(text, record.options, engine.template, truncated=truncated, opening=engine.opening)
        for text, record, truncated in zip(texts, owners, cut, strict=True)
    ]
