"""Greedy answers of a policy to a set of records."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from tqdm import tqdm

from alignment.adapters.stack import Stack
from alignment.record import Record
from alignment.rollout.engine import Engine, complete, encode_prompts, read
from alignment.rollout.keys import lane_keys, prompt_hash
from alignment.text.parser import Response


def answer(
    engine: Engine,
    stack: Stack,
    records: Sequence[Record],
    *,
    batch_size: int,
    max_new_tokens: int,
    params: dict | None = None,
    label: str = "evaluate",
) -> list[Response]:
    """Return one greedy response a record, in the records' order.

    Records are answered in order of prompt length, so that a batch wastes little padding; in float32 a greedy answer
    does not depend on its batch.
    """
    prompts = encode_prompts(engine, records)
    order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
    responses: dict[int, Response] = {}
    batches = range(0, len(order), batch_size)
    for start in tqdm(batches, label, unit="batch", mininterval=1.0):
        chosen = order[start : start + batch_size]
        full = np.resize(chosen, min(batch_size, len(order)))  # the last batch is filled up, so that one shape compiles
        asked = [prompts[index] for index in full]
        keys = lane_keys(jax.random.key(0), 0, [prompt_hash(prompt) for prompt in asked], group_size=1)
        group = complete(engine, stack, asked, keys, max_new_tokens=max_new_tokens, temperature=0.0, params=params)
        parsed = read(engine, group, [records[index] for index in full])
        responses.update(zip(chosen.tolist(), parsed, strict=False))
    return [responses[index] for index in range(len(records))]
