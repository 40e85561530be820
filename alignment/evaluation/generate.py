"""Answers of a policy to a set of records: one each as `config.eval` says (greedy by default), or k sampled ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import jax
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.stack import Stack
from alignment.common.progress import progress
from alignment.errors import UserError
from alignment.evaluation.memory import halving
from alignment.record import Record
from alignment.rollout.base_model import encode_prompts, parse_completions
from alignment.rollout.keys import completion_keys, prompt_hash
from alignment.rollout.sampler import Sampler, stream
from alignment.rollout.sampling import SamplingConfig
from alignment.text.padding import bucket
from alignment.text.parser import Response


def answer(
    sampler: Sampler,
    stack: Stack,
    records: Sequence[Record],
    section: ConfigDict,
    *,
    label: str = "evaluate",
) -> list[Response]:
    """Return one response a record, in the records' order, sampled as `sampling_of(section)`.

    The arguments are those of `answer_samples`.
    """
    sampling = sampling_of(section)
    return [single for (single,) in answer_samples(sampler, stack, records, section, 1, sampling, label=label)]


def answer_samples(
    sampler: Sampler,
    stack: Stack,
    records: Sequence[Record],
    section: ConfigDict,
    count: int,
    sampling: SamplingConfig,
    *,
    label: str = "evaluate",
) -> list[list[Response]]:
    """Return `count` responses to each record, in the records' order; the arguments are those of `stream_answers`."""
    responses = dict(stream_answers(sampler, stack, records, section, count, sampling, label=label))
    return [responses[index] for index in range(len(records))]


def stream_answers(
    sampler: Sampler,
    stack: Stack,
    records: Sequence[Record],
    section: ConfigDict,
    count: int,
    sampling: SamplingConfig,
    *,
    label: str = "evaluate",
) -> Iterator[tuple[int, list[Response]]]:
    """Yield (index of a record, its `count` responses) as soon as they are complete.

    Records whose prompts fill the same bucket are answered together, so that little padding is computed; in float32 an
    answer does not depend on what it is answered with, and the first answers are the same for a larger `count`. Where
    memory runs out, the rest is answered with half as many sequences at a time, which is printed.

    Args:
      sampler: the base, with merged adapters where there are any; stack: the unmerged adapters.
      records: the questions.
      section: `config.eval`: the seed, and when a completion ends.
      count: responses a record, which share a prompt in one rollout.
      sampling: the distribution of a token.
      label: of the progress bar.
    """
    prompts = encode_prompts(sampler.base, records)
    key = jax.random.key(section.seed)
    options = {"max_new_tokens": section.max_new_tokens, "sampling": sampling, "stop": section.stop}

    layout = sampler.layout
    most = layout.sequences or max(len(records), layout.min_groups) * count

    def compute(indices: Sequence[int], sequences: int) -> Iterator[tuple[int, list[Response]]]:
        fitting = sampler if sequences == most else sampler.with_sequences(sequences)
        for members in _by_bucket([len(prompts[index]) for index in indices], fitting.layout.sequences // count):
            chosen = [indices[member] for member in members]
            chosen_prompts = [prompts[index] for index in chosen]
            keys = completion_keys(key, 0, [prompt_hash(prompt) for prompt in chosen_prompts], group_size=count)
            for position, group in stream(fitting, stack, chosen_prompts, keys, **options):
                yield chosen[position], parse_completions(sampler.base, group, [records[chosen[position]]])

    with progress(len(records), label, "answer") as shown:
        for result in halving(compute, len(records), most, label, "sequences"):
            shown.update()
            yield result


def sampling_of(section: ConfigDict) -> SamplingConfig:
    """The distribution that `config.eval` describes.

    Raises:
      UserError: a value out of its range, a filter with a temperature of 0, or a temperature of samples without
        samples, which would have no effect.
    """
    if section.sample_temperature and not section.samples:
        raise UserError(
            f"--config.eval.sample_temperature={section.sample_temperature} is that of samples, of which there are "
            "none; set --config.eval.samples, or leave it out"
        )
    try:
        sampling = SamplingConfig(section.temperature, section.top_k, section.top_p, section.min_p)
    except UserError as error:
        raise UserError(f"--config.eval.{error}") from error
    idle = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}
    if filters := [name for name, value in idle.items() if not section.temperature and section[name] != value]:
        raise UserError(
            f"--config.eval.{filters[0]}={section[filters[0]]} filters nothing at --config.eval.temperature=0, which "
            "takes the most likely token; set a temperature or leave the filter out"
        )
    return sampling


def _by_bucket(lengths: Sequence[int], least: int) -> list[list[int]]:
    """Return indices by the bucket of their length, the longest first; fewer than `least` join a neighbour."""
    order = np.argsort([-length for length in lengths], kind="stable").tolist()
    parts: list[list[int]] = []
    for _, members in groupby(order, lambda index: bucket(lengths[index])):
        if parts and len(parts[-1]) < least:
            parts[-1] += members
        else:
            parts.append(list(members))
    if len(parts) > 1 and len(parts[-1]) < least:
        parts[-2:] = [parts[-2] + parts[-1]]
    return parts
