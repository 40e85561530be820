"""Which option a model finds most likely, whether or not it can write its answer in the right format.

Each option is scored by the log-probability of its text, directly after the rendered prompt and the opening of the
answer block ("<answer>" and a space): the sum over the tokens of the text, not divided by their number. The text and
not the letter is scored, because a base model may know an answer without knowing how options are lettered. The
prediction is the option of the highest score.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from alignment.adapters.stack import Stack
from alignment.errors import UserError
from alignment.evaluation.statistics import wilson
from alignment.models.config import Qwen2Config
from alignment.models.qwen2 import hidden_states, logits
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, encode_prompts
from alignment.text.padding import pad_right


def option_log_probs(
    base: BaseModel, records: Sequence[Record], stack: Stack | None = None, batch_size: int = 32
) -> list[dict[str, float]]:
    """Return for each record the log-probability of every option's text as the beginning of the answer, by letter.

    Args:
      base: the base with its tokenizer and template.
      records: the questions.
      stack: adapters on top of the base; None is the base alone.
      batch_size: sequences (one an option) in a forward pass.
    """
    opening = _encode(base, base.template.literals[2])
    prompts = [[*prompt, *opening] for prompt in encode_prompts(base, records)]
    pairs = [
        (prompt, _encode(base, f" {text}"))
        for prompt, record in zip(prompts, records, strict=True)
        for text in record.options.values()
    ]
    batches = (pairs[start : start + batch_size] for start in range(0, len(pairs), batch_size))
    scores = iter([score for batch in batches for score in _scores(base, batch, stack or Stack(), batch_size)])
    return [{letter: next(scores) for letter in record.letters} for record in records]


def option_accuracy(scores: Sequence[dict[str, float]], records: Sequence[Record]) -> dict:
    """Return `accuracy`, its Wilson interval `accuracy_ci95` and `n` of the likeliest options; ties are wrong."""
    if not records:
        raise UserError("nothing to evaluate: there are no records")
    right = sum(
        all(row[record.gold] > score for letter, score in row.items() if letter != record.gold)
        for row, record in zip(scores, records, strict=True)
    )
    return {"accuracy": right / len(records), "accuracy_ci95": list(wilson(right, len(records))), "n": len(records)}


def _encode(base: BaseModel, text: str) -> list[int]:
    return base.tokenizer(text, add_special_tokens=False)["input_ids"]


def _scores(base: BaseModel, pairs: Sequence[tuple[list[int], list[int]]], stack: Stack, rows: int) -> list[float]:
    """Return the log-probability of every continuation after its prompt; the batch is filled up to one shape."""
    full = [*pairs, *[pairs[-1]] * (rows - len(pairs))]
    tokens, _ = pad_right([[*prompt, *text] for prompt, text in full], base.pad_id)
    starts = np.asarray([len(prompt) for prompt, _ in full])[:, None]
    ends = starts + np.asarray([len(text) for _, text in full])[:, None]
    positions = np.arange(1, tokens.shape[1])
    counted = (positions >= starts) & (positions < ends)
    log_probs = _continuation_log_probs(base.params, base.config, jnp.asarray(tokens), jnp.asarray(counted), stack)
    return np.asarray(log_probs)[: len(pairs)].tolist()


@functools.partial(jax.jit, static_argnames=("config",))
def _continuation_log_probs(
    params: dict, config: Qwen2Config, tokens: jax.Array, counted: jax.Array, stack: Stack
) -> jax.Array:
    """Sum in each row of tokens [B, T] the log-probabilities of those that `counted` [B, T-1] marks."""
    scores = jax.nn.log_softmax(logits(params, hidden_states(params, config, tokens[:, :-1], stack)), axis=-1)
    chosen = jnp.take_along_axis(scores, tokens[:, 1:, None], axis=-1)[..., 0]
    return jnp.where(counted, chosen, 0.0).sum(axis=-1)
