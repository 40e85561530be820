"""A teacher on this machine: a checkpoint folder, sampled by the project's own rollout."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.config import default_config
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.rollout.engine import Engine, complete, completion_ids, load_engine
from alignment.rollout.keys import lane_keys, prompt_hash, stage_key
from alignment.rollout.sampler import Group
from alignment.rollout.sampling import Sampling
from alignment.text.tokenizer import encode_prompt
from alignment.traces.collection import Collection
from alignment.traces.journal import Answer


def load_teacher(settings: ConfigDict) -> Engine:
    """Load the checkpoint of `config.traces.local.path`; "" is the embedded nano base."""
    local = settings.local
    config = default_config()
    config.model.update(path=local.path, dtype=local.dtype)
    config.prompt.update(template=settings.template, max_tokens=local.max_prompt_tokens)
    return load_engine(config, choose_devices())


def teacher_name(engine: Engine) -> str:
    """The name answers are filed under: the weights, wherever their folder lies."""
    return f"local:{engine.fingerprint[:16]}"


def fitting(engine: Engine, records: Sequence[Record]) -> list[Record]:
    """The records whose prompt is within `max_prompt_tokens`."""
    return [record for record in records if len(_encode(engine, record)) <= engine.max_prompt_tokens]


def ask_local(collection: Collection, settings: ConfigDict, engine: Engine, seed: int) -> str:
    """Answer until nothing is left, a batch at a time; returns "", since nothing stops it early.

    First every question's next try, then the tries that are left. The noise of an answer depends on the seed, the
    prompt and the number of the try, not on the batch, so that a run that was killed goes on as it would have.
    """
    prompts = {record.id: _encode(engine, record) for record in collection.pending()}
    while pending := collection.pending():
        # By length, so that a batch wastes little padding.
        pending.sort(key=lambda record: (collection.next_try(record), len(prompts[record.id])))
        chosen = pending[: settings.local.batch_size]
        attempt = collection.next_try(chosen[0])
        chosen = [record for record in chosen if collection.next_try(record) == attempt]
        for answer in _sample(collection, settings, engine, chosen, prompts, attempt, seed):
            collection.add(answer)
    return ""


def _encode(engine: Engine, record: Record) -> list[int]:
    return encode_prompt(engine.tokenizer, record, engine.template)


def _sample(
    collection: Collection,
    settings: ConfigDict,
    engine: Engine,
    records: Sequence[Record],
    prompts: dict[str, list[int]],
    attempt: int,
    seed: int,
) -> list[Answer]:
    began = time.monotonic()
    asked = [prompts[record.id] for record in records]
    keys = lane_keys(stage_key(seed, "traces"), attempt, [prompt_hash(prompt) for prompt in asked], group_size=1)
    sampling = Sampling(settings.temperature)
    # Room for a whole batch, so that a smaller one compiles nothing.
    layout = dataclasses.replace(engine.layout, groups=settings.local.batch_size)
    given = {"max_new_tokens": settings.max_tokens, "sampling": sampling, "layout": layout}
    group: Group = complete(engine, Stack(), asked, keys, **given)
    ids = completion_ids(engine, group)
    texts = engine.tokenizer.batch_decode(ids, skip_special_tokens=False)
    seconds = round((time.monotonic() - began) / len(records), 3)
    return [
        Answer(
            **collection.key(record, attempt)._asdict(),
            text=engine.opening + texts[index],
            finish="length" if group.truncated.reshape(-1)[index] else "stop",
            model=collection.teacher,
            prompt_tokens=len(asked[index]),
            completion_tokens=len(ids[index]),
            seconds=seconds,
        )
        for index, record in enumerate(records)
    ]
