"""A teacher on this machine: a checkpoint folder, sampled by the project's own rollout."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.config import default_config
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, completion_ids
from alignment.rollout.groups import Group
from alignment.rollout.keys import completion_keys, prompt_hash, stage_key
from alignment.rollout.sampler import Sampler, complete, load_sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.text.tokenizer import encode_prompt
from alignment.traces.collection import Collection
from alignment.traces.journal import Answer


def load_teacher(settings: ConfigDict) -> Sampler:
    """Load the checkpoint of `config.traces.local.path`; "" is the embedded nano base."""
    local = settings.local
    config = default_config()
    config.model.update(path=local.path, dtype=local.dtype)
    config.prompt.update(template=settings.template, max_tokens=local.max_prompt_tokens)
    return load_sampler(config, choose_devices())


def teacher_name(base: BaseModel) -> str:
    """The name answers are filed under: the weights, wherever their folder lies."""
    return f"local:{base.fingerprint[:16]}"


def fitting(base: BaseModel, records: Sequence[Record]) -> list[Record]:
    """The records whose prompt is within `max_prompt_tokens`."""
    return [record for record in records if len(_encode(base, record)) <= base.max_prompt_tokens]


def ask_local(collection: Collection, settings: ConfigDict, sampler: Sampler, seed: int) -> str:
    """Answer until nothing is left, a batch at a time; returns "", since nothing stops it early.

    First every question's next try, then the tries that are left. The noise of an answer depends on the seed, the
    prompt and the number of the try, not on the batch, so that a run that was killed goes on as it would have.
    """
    prompts = {record.id: _encode(sampler.base, record) for record in collection.pending()}
    while pending := collection.pending():
        # By length, so that a batch wastes little padding.
        pending.sort(key=lambda record: (collection.next_try(record), len(prompts[record.id])))
        chosen = pending[: settings.local.batch_size]
        attempt = collection.next_try(chosen[0])
        chosen = [record for record in chosen if collection.next_try(record) == attempt]
        for answer in _sample(collection, settings, sampler, chosen, prompts, attempt, seed):
            collection.add(answer)
    return ""


def _encode(base: BaseModel, record: Record) -> list[int]:
    return encode_prompt(base.tokenizer, record, base.template)


def _sample(
    collection: Collection,
    settings: ConfigDict,
    sampler: Sampler,
    records: Sequence[Record],
    prompts: dict[str, list[int]],
    attempt: int,
    seed: int,
) -> list[Answer]:
    began, base = time.monotonic(), sampler.base
    encoded = [prompts[record.id] for record in records]
    hashes = [prompt_hash(prompt) for prompt in encoded]
    keys = completion_keys(stage_key(seed, "traces"), attempt, hashes, group_size=1)
    # A cache for a whole batch, so that a smaller one compiles nothing.
    sampler, sampling = sampler.with_min_groups(settings.local.batch_size), SamplingConfig(settings.temperature)
    group: Group = complete(sampler, Stack(), encoded, keys, max_new_tokens=settings.max_tokens, sampling=sampling)
    ids = completion_ids(base, group)
    texts = base.tokenizer.batch_decode(ids, skip_special_tokens=False)
    seconds = round((time.monotonic() - began) / len(records), 3)
    return [
        Answer(
            **collection.key(record, attempt)._asdict(),
            text=base.opening + texts[index],
            finish="length" if group.truncated.reshape(-1)[index] else "stop",
            model=collection.teacher,
            prompt_tokens=len(encoded[index]),
            completion_tokens=len(ids[index]),
            seconds=seconds,
        )
        for index, record in enumerate(records)
    ]
