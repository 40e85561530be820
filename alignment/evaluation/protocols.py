"""Protocols of evaluation: how a policy answers a question, and what is stored of it.

greedy       one answer, each token the likeliest
sample       k answers at a temperature, without filters
likelihood   no answer: the log-probability of each option's text (evaluation/option_likelihood.py)

An item is what a protocol stores of a question: what strict JSON can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.evaluation.generate import stream_answers
from alignment.evaluation.option_likelihood import Score, stream_option_scores
from alignment.record import Record
from alignment.rollout.base_model import BaseModel
from alignment.rollout.sampler import Sampler
from alignment.rollout.sampling import SamplingConfig
from alignment.text.parser import Response, parse

SAMPLES = 4  # answers a question where --config.eval.samples says nothing
Item = Mapping[str, Any]


class Draw(NamedTuple):
    """How answers are drawn: their number a question and the distribution of a token."""

    count: int
    sampling: SamplingConfig


def sample_draw(config: ConfigDict) -> Draw:
    """Return the draw of `sample`: --config.eval.samples answers at the temperature of samples, or of training."""
    temperature = config.eval.sample_temperature or config.grpo.temperature
    return Draw(config.eval.samples or SAMPLES, SamplingConfig(temperature))


# How each protocol draws answers; None draws none.
PROTOCOLS: dict[str, Callable[[ConfigDict], Draw] | None] = {
    "greedy": lambda config: Draw(1, SamplingConfig(0.0)),
    "sample": sample_draw,
    "likelihood": None,
}


def stream_items(
    protocol: str, sampler: Sampler, stack: Stack, records: Sequence[Record], config: ConfigDict, label: str
) -> Iterator[tuple[int, Item]]:
    """Yield (index, item) for records as they are done.

    Raises:
      UserError: a prompt is too long, or a log-probability is not finite.
    """
    draw = PROTOCOLS[protocol]
    if draw is None:
        for index, scores in stream_option_scores(sampler.base, stack, records, label=label):
            log_probs = {letter: score.log_prob for letter, score in scores.items()}
            yield index, {"log_probs": log_probs, "tokens": {letter: score.tokens for letter, score in scores.items()}}
        return
    for index, responses in stream_answers(sampler, stack, records, config.eval, *draw(config), label=label):
        answers = [{"text": response.text, "truncated": response.truncated} for response in responses]
        yield index, {"responses": answers}


def settings_of(protocol: str, config: ConfigDict) -> dict[str, Any]:
    """Return everything that decides a protocol's items beside policy and question, as JSON."""
    draw = PROTOCOLS[protocol]
    if draw is None:
        return {}
    count, sampling = draw(config)
    settings = {"max_new_tokens": config.eval.max_new_tokens, "stop": list(config.eval.stop)}
    if config.rollout.cache_dtype:
        settings["cache_dtype"] = config.rollout.cache_dtype
    if sampling.temperature:
        settings |= {"samples": count, "temperature": sampling.temperature, "seed": config.eval.seed}
    return settings


def read_responses(item: Item, record: Record, base: BaseModel) -> list[Response]:
    """Parse the stored answers of an item, so that new and stored ones are parsed by the same code."""
    return [
        parse(answer["text"], record.options, base.template, truncated=answer["truncated"])
        for answer in item["responses"]
    ]


def read_scores(item: Item) -> dict[str, Score]:
    """Return the stored scores of an item's options, by letter; greedy decoding is not stored."""
    return {letter: Score(value, item["tokens"][letter], False) for letter, value in item["log_probs"].items()}
