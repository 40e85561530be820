"""Prompts tokenised once for all stages and seeds of a run, and for later runs."""

from __future__ import annotations

from collections.abc import Sequence

from alignment.data.tokens import encoding_key, tokenise
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, encode_prompts


def cached_prompts(base: BaseModel, records: Sequence[Record], cache: str = "") -> list[list[int]]:
    """Return what `encode_prompts` gives, from the folder `cache` of earlier encodings where they are there.

    Raises:
      UserError: a prompt is longer than `--config.prompt.max_tokens`.
    """

    def encode(record: Record) -> tuple[list[int], list[int]]:
        (ids,) = encode_prompts(base, [record])
        return ids, [0] * len(ids)

    what = encoding_key(base.tokenizer, template=base.template, longest=base.max_prompt_tokens)
    return tokenise(records, encode, what, cache).take(range(len(records)))[0]
