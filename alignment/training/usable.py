"""Records of which this model, template and token limit can make a prompt or an example; the others are left out.

One bad record must not end a run of hours. What is left out depends on the records and the configuration alone, so a
resumed run leaves out the same ones, and every arm and seed of a run works with the same records.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence

from ml_collections import ConfigDict

from alignment.common.progress import warn
from alignment.data.ids import fingerprint
from alignment.data.load import Data
from alignment.data.refusals import check_share, make_all, refusal_note
from alignment.errors import UserError
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, encode_prompts
from alignment.text.tokenizer import encode_example
from alignment.training.prompts import cached_prompts
from alignment.training.sft import RESPONSES, check_length, encode_examples


def drop_unusable(base: BaseModel, data: Data, config: ConfigDict, responses: Collection[str]) -> Data:
    """Return `data` without the records that cannot be encoded, with a note for each part that lost some.

    A record of eval, dev or rl cannot be where its prompt is over `prompt.max_tokens` or holds a chat token; one of sft
    where its example is over `sft.max_tokens`, holds a tag or a chat token, or has an empty chain of thought.

    Args:
      base: the base, with tokenizer and template.
      data: all parts; an empty one stays empty.
      config: the experiment's; `data.max_bad_share` says how many records of a part may be left out.
      responses: which gold responses SFT is to learn, names in `training.sft.RESPONSES`.

    Raises:
      UserError: more of a part are unusable, or all of it.
    """

    def encode_all_sft(records: Sequence[Record]) -> None:
        for response in responses:
            encode_examples(base, records, response, config.sft.max_tokens, config.data.cache)

    def encode_sft(record: Record) -> None:
        for response in responses:
            ids, _ = encode_example(base.tokenizer, record, base.template, RESPONSES[response](record, base.template))
            check_length(record, len(ids), config.sft.max_tokens)

    def encode_all_prompts(records: Sequence[Record]) -> None:
        cached_prompts(base, records, config.data.cache)

    def encode_prompt(record: Record) -> None:
        encode_prompts(base, [record])

    share = config.data.max_bad_share
    for role in ("eval", "dev", "rl"):
        data = _drop(data, role, encode_all_prompts, encode_prompt, share)
    return _drop(data, "sft", encode_all_sft, encode_sft, share)


def _drop(
    data: Data,
    role: str,
    encode_all: Callable[[Sequence[Record]], None],
    encode: Callable[[Record], None],
    share: float,
) -> Data:
    records = getattr(data, role)
    if not records:
        return data
    try:
        encode_all(records)  # from the cache of an earlier run, where all are well
        return data
    except UserError:
        _, reasons = make_all(records, encode)
    check_share(
        list(reasons.values()), len(records), share, f"of --config.data.{role}; allow more: --config.data.max_bad_share"
    )
    usable = tuple(record for index, record in enumerate(records) if index not in reasons)
    encode_all(usable)
    note = f"{role}: {refusal_note(list(reasons.values()), len(records), 'records')} (--config.data.max_bad_share)"
    warn(f"warning: {note}")
    return dataclasses.replace(
        data,
        **{role: usable},
        notes=(*data.notes, note),
        fingerprints={**data.fingerprints, role: fingerprint(usable)},
        left_out={**data.left_out, role: tuple(records[index].id for index in reasons)},
    )
