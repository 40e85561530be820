"""Which option a model finds most likely, whether or not it can write its answer in the right format.

Each option is scored by the log-probability of its text, directly after the rendered prompt and the opening of the
answer block ("<answer>" and a space): the sum over the tokens of the text and, length-normalised, that sum divided by
their number. The text and not the letter is scored, because a base model may know an answer without knowing how options
are lettered. The prediction is the option of the highest score.

A prompt is run once and its options on top of it. Questions of similar lengths form a batch of at most `BATCH_TOKENS`
tokens, and the logits of at most `BLOCK` tokens exist at a time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from alignment.adapters.stack import Stack
from alignment.common.progress import progress
from alignment.errors import UserError
from alignment.evaluation.memory import halving
from alignment.evaluation.statistics import wilson
from alignment.models.config import Qwen2Config
from alignment.models.qwen2 import group_hidden_states, logits
from alignment.record import Record
from alignment.rollout.base_model import BaseModel, encode_prompts
from alignment.text.padding import bucket, pad_right

BATCH_TOKENS = 8192  # prompts and continuations of a forward pass, padding included
BLOCK = 128  # tokens whose logits [BLOCK, V] exist at a time


class Score(NamedTuple):
    """A continuation of a prompt: the sum of its tokens' log-probabilities, their number, and greedy decoding."""

    log_prob: float
    tokens: int
    is_greedy: bool  # whether each token is the likeliest

    @property
    def per_token(self) -> float:
        """The length-normalised log-probability: the mean over the tokens."""
        return self.log_prob / self.tokens


class Continued(NamedTuple):
    """A prompt and the continuations to score after it, as token ids, none of them empty."""

    prompt: Sequence[int]
    continuations: Sequence[Sequence[int]]


class _Shape(NamedTuple):
    """The padded sizes of a question; sorting by them puts questions of one program side by side."""

    prompt: int
    group: int
    length: int


def score_continuations(
    base: BaseModel, stack: Stack, questions: Sequence[Continued], batch_tokens: int = BATCH_TOKENS
) -> Iterator[tuple[int, list[Score]]]:
    """Yield, for each question, its index and the scores of its continuations, as soon as its batch is computed.

    Where memory runs out the rest goes on with batches of half the size, which is printed.

    Args:
      base: the base; its whole vocabulary is normalised over, as torch does.
      stack: the adapters on it; the empty one is the base alone.
      questions: prompts with continuations.
      batch_tokens: the largest number of tokens in a forward pass, though never less than one question.
    """

    def compute(indices: Sequence[int], size: int) -> Iterator[tuple[int, list[Score]]]:
        for shape, members in _batches([questions[index] for index in indices], size):
            chosen = [indices[member] for member in members]
            rows = _rows(shape, size, len(members))
            scored = _score_batch(base, stack, [questions[index] for index in chosen], shape, rows)
            yield from zip(chosen, scored, strict=True)

    return halving(compute, len(questions), batch_tokens, "option likelihood", "tokens a batch")


def option_questions(base: BaseModel, records: Sequence[Record]) -> list[Continued]:
    """Return the prompts of records with the answer block opened, and the texts of their options.

    Raises:
      UserError: a prompt is too long, or a record has no options.
    """
    _, closing, opening_literal, _ = base.template.literals
    # A chat template may have opened the reasoning block, which must be closed before the answer's.
    opening = _encode(base, f"\n{closing}\n{opening_literal}" if base.opening else opening_literal)
    questions = []
    for record, prompt in zip(records, encode_prompts(base, records), strict=True):
        if not record.options:
            raise UserError(f"record {record.id!r} has no options whose likelihood could be compared")
        texts = [_encode(base, f" {text}") for text in record.options.values()]
        questions.append(Continued([*prompt, *opening], texts))
    return questions


def stream_option_scores(
    base: BaseModel,
    stack: Stack,
    records: Sequence[Record],
    batch_tokens: int = BATCH_TOKENS,
    *,
    label: str = "option likelihood",
) -> Iterator[tuple[int, dict[str, Score]]]:
    """Yield (index, {letter: score of the option's text}) for every record, in batches by length.

    Raises:
      UserError: a log-probability is not finite; what was yielded before it stands.
    """
    questions = option_questions(base, records)
    with progress(len(records), label, "question") as shown:
        for index, scores in score_continuations(base, stack, questions, batch_tokens):
            row = dict(zip(records[index].letters, scores, strict=True))
            _check_finite(row, records[index])
            shown.update()
            yield index, row


def _check_finite(scores: Mapping[str, Score], record: Record) -> None:
    for letter, score in scores.items():
        if not np.isfinite(score.log_prob):
            raise UserError(
                f"record {record.id!r}: the log-probability of option {letter} is {score.log_prob}; the weights of "
                "the base or of an adapter are damaged, or too large for --config.model.dtype: use float32"
            )


def option_log_probs(
    base: BaseModel, records: Sequence[Record], stack: Stack | None = None, batch_tokens: int = BATCH_TOKENS
) -> list[dict[str, float]]:
    """Return for each record the log-probability of every option's text as the beginning of the answer, by letter.

    Args:
      base: the base with its tokenizer and template.
      records: the questions.
      stack: adapters on top of the base; None is the base alone.
      batch_tokens: as in `score_continuations`.
    """
    rows = dict(stream_option_scores(base, stack or Stack(), records, batch_tokens))
    return [{letter: score.log_prob for letter, score in rows[index].items()} for index in range(len(records))]


def likeliest(scores: Mapping[str, float]) -> str:
    """Return the letter of the highest score; of equal ones the first, as `argmax` takes it."""
    return max(scores, key=scores.__getitem__)


def option_accuracy(scores: Sequence[Mapping[str, float]], records: Sequence[Record]) -> dict:
    """Return `accuracy`, its Wilson interval `accuracy_ci95` and `n` of the likeliest options; ties are wrong."""
    if not records:
        raise UserError("nothing to evaluate: there are no records")
    right = sum(map(is_likeliest, scores, records))
    return {"accuracy": right / len(records), "accuracy_ci95": list(wilson(right, len(records))), "n": len(records)}


def is_likeliest(scores: Mapping[str, float], record: Record) -> bool:
    """Whether the gold option has a higher score than every other one."""
    return all(scores[record.gold] > score for letter, score in scores.items() if letter != record.gold)


def _encode(base: BaseModel, text: str) -> list[int]:
    return base.tokenizer(text, add_special_tokens=False)["input_ids"]


def _batches(questions: Sequence[Continued], tokens: int) -> Iterator[tuple[_Shape, list[int]]]:
    """Yield batches of questions by index, longest first, each with the sizes of its first and longest member.

    Questions with prompts of one bucket and equally many continuations share batches, so that there are few shapes.
    """
    shapes = [
        _Shape(
            bucket(len(question.prompt)),
            len(question.continuations),
            bucket(max(map(len, question.continuations)), per_octave=1, least=8),
        )
        for question in questions
    ]
    order = sorted(range(len(questions)), key=lambda index: shapes[index], reverse=True)
    for _, group in itertools.groupby(order, lambda index: shapes[index][:2]):
        members = list(group)
        while members:
            shape = shapes[members[0]]
            count = _rows(shape, tokens, len(members))
            yield shape, members[:count]
            members = members[count:]


def _rows(shape: _Shape, tokens: int, members: int) -> int:
    """Return how many questions form a batch: a power of two that holds `tokens` or all members, at least 1."""
    fitting = max(tokens // (shape.prompt + shape.group * shape.length), 1)
    return min(1 << fitting.bit_length() - 1, 1 << (members - 1).bit_length())


def _score_batch(
    base: BaseModel, stack: Stack, questions: Sequence[Continued], shape: _Shape, rows: int
) -> list[list[Score]]:
    """Score up to `rows` questions; the batch is filled up to one shape with copies of the last one."""
    full = [*questions, *[questions[-1]] * (rows - len(questions))]
    prompts, prompt_mask = pad_right([question.prompt for question in full], base.pad_id, shape.prompt)
    flat = [ids for question in full for ids in question.continuations]
    tokens, mask = (array.reshape(rows, shape.group, -1) for array in pad_right(flat, base.pad_id, shape.length))
    arrays = _token_scores(base.params, base.config, stack, prompts, prompt_mask, tokens)
    log_probs, is_top = (np.asarray(array) for array in arrays)
    sums = np.where(mask, log_probs, 0.0).sum(axis=-1, dtype=np.float64)
    counts, greedy = mask.sum(axis=-1), np.where(mask, is_top, True).all(axis=-1)
    return [
        [Score(*row) for row in zip(*(each[index].tolist() for each in (sums, counts, greedy)), strict=True)]
        for index in range(len(questions))
    ]


@functools.partial(jax.jit, static_argnames=("config",))
def _token_scores(
    params: dict,
    config: Qwen2Config,
    stack: Stack,
    prompts: jax.Array,
    prompt_mask: jax.Array,
    continuations: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Return the log-probability of every token [P, G, Lc] and whether it is the likeliest one."""
    last, states = group_hidden_states(params, config, prompts, prompt_mask, continuations, stack)
    first = jnp.broadcast_to(last[:, None, None], (*continuations.shape[:2], 1, last.shape[-1]))
    predicting = jnp.concatenate([first, states[:, :, :-1]], axis=2)

    def score(row: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        hidden, token = row
        scores = jax.nn.log_softmax(logits(params, hidden))
        return scores[token], scores.argmax() == token

    flat = predicting.reshape(-1, predicting.shape[-1]), continuations.reshape(-1)
    return jax.tree.map(lambda each: each.reshape(continuations.shape), jax.lax.map(score, flat, batch_size=BLOCK))
