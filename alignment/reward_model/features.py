"""Features of responses: the frozen base's last hidden states, averaged over the tokens of each response."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from alignment.common.progress import each
from alignment.errors import UserError
from alignment.models.config import Qwen2Config
from alignment.models.qwen2 import group_hidden_states
from alignment.objectives.masking import masked_sum
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rollout.base_model import BaseModel
from alignment.rollout.groups import Group
from alignment.text.padding import bucket, pad_right
from alignment.text.tokenizer import encode_example


@functools.partial(jax.jit, static_argnames=("config",))
def pooled_features(
    params: dict,
    config: Qwen2Config,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    completions: jax.Array,
    mask: jax.Array,
) -> jax.Array:
    """Return [P, G, D] float32: last hidden states of completions [P, G, Lc], averaged where `mask` is true."""
    _, hidden = group_hidden_states(params, config, prompts, prompt_mask, completions)
    total = masked_sum(hidden.astype(jnp.float32), mask[..., None], axis=2)
    return total / jnp.maximum(mask[..., None].astype(jnp.float32).sum(axis=2), 1.0)


def group_features(base: BaseModel, devices: Devices, group: Group, chunks: int = 1) -> np.ndarray:
    """Return the features [P * G, D] of a rollout under the base alone, computed in `chunks` parts of its prompts."""
    arrays = [np.asarray(part) for part in (group.prompts, group.prompt_mask, group.completions, group.mask)]
    parts = zip(*(np.split(array, chunks) for array in arrays), strict=True)
    features = [pooled_features(base.params, base.config, *devices.shard(part)) for part in parts]
    return np.concatenate([np.asarray(part) for part in features]).reshape(-1, base.config.hidden_size)


def text_features(
    base: BaseModel,
    devices: Devices,
    records: Sequence[Record],
    texts: Sequence[str],
    batch_size: int,
    label: str = "features",
) -> np.ndarray:
    """Return the features [N, D] of N responses given as text, each with the record it answers.

    Raises:
      UserError: a prompt is longer than `--config.prompt.max_tokens`.
    """
    pairs = []
    for record, text in zip(records, texts, strict=True):
        ids, mask = encode_example(base.tokenizer, record, base.template, text)
        start = mask.index(1)
        if start > base.max_prompt_tokens:
            raise UserError(f"record {record.id!r}: its prompt has {start} tokens; raise --config.prompt.max_tokens")
        pairs.append((ids[:start], [token for token, in_completion in zip(ids, mask, strict=True) if in_completion]))
    order = np.argsort([len(prompt) + len(completion) for prompt, completion in pairs], kind="stable")
    rows = -(-batch_size // devices.count) * devices.count
    features = np.zeros((len(pairs), base.config.hidden_size), np.float32)
    for first in each(range(0, len(order), rows), label, "batch"):
        chosen = order[first : first + rows]
        # The last batch is filled up, so that every batch has the same number of rows.
        batch_prompts, batch_completions = zip(*(pairs[index] for index in np.resize(chosen, rows)), strict=True)
        prompts, prompt_mask = pad_right(batch_prompts, base.pad_id)
        width = bucket(max(map(len, batch_completions)))
        completions, mask = pad_right(batch_completions, base.pad_id, width)
        parts = devices.shard((prompts, prompt_mask, completions[:, None], mask[:, None]))
        features[chosen] = np.asarray(pooled_features(base.params, base.config, *parts))[: len(chosen), 0]
    return features
