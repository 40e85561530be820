"""Stage 1: supervised fine-tuning of an adapter on responses, chains of thought or bare answers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.common.interrupts import commit_step
from alignment.data.batches import steps_in
from alignment.data.collate import Host, collate
from alignment.data.prefetch import prefetched
from alignment.data.tokens import Examples, encoding_key, tokenise
from alignment.data.vignettes.strategies import unplanted
from alignment.errors import UserError
from alignment.parallel.data_parallel import compile_step, place_frozen
from alignment.record import Record
from alignment.rollout.base_model import BaseModel
from alignment.text.templates import Template, answer_response, cot_response
from alignment.text.tokenizer import encode_example
from alignment.training.batches import SftBatch
from alignment.training.loop import Session, run_loop
from alignment.training.losses import make_sft_loss
from alignment.training.options import TrainingOptions
from alignment.training.state import Frozen, StageState, init_state, make_optimizer, make_schedule
from alignment.training.step import Term, make_step


def derived_response(record: Record, template: Template) -> str:
    """Return the gold completion with the derived chain of thought, whichever strategy was planted in the record."""
    return cot_response(unplanted(record), template)


def shuffle_chains(records: Sequence[Record], seed: int) -> tuple[Record, ...]:
    """Return the records with the chain of thought of another record each, and their own answer.

    Each takes the chain of the next one in an order drawn of `seed`, so that every chain is used once: what SFT on them
    teaches beside the answers is the form of reasoning, and not its content.

    Raises:
      UserError: there is no other record.
    """
    if len(records) < 2:
        raise UserError("shuffled chains of thought need two records of SFT or more; raise --config.data.sft.count")
    order = np.random.default_rng(seed).permutation(len(records))
    chains = {int(index): records[other].cot for index, other in zip(order, np.roll(order, -1), strict=True)}
    return tuple(dataclasses.replace(record, cot=chains[index]) for index, record in enumerate(records))


RESPONSES = {"cot": cot_response, "answer": answer_response, "derived": derived_response}


def train_sft(
    base: BaseModel,
    options: TrainingOptions,
    frozen: Frozen,
    lora: Lora,
    examples: Examples,
    config: ConfigDict,
    session: Session,
    key: jax.Array,
) -> Lora:
    """Train `lora` on the gold responses of `examples` and return it.

    Args:
      base: the model below the adapters; options: devices, recomputation and log-prob implementation.
      frozen: the base parameters and the adapters below the trainable one.
      lora: the adapter to train.
      examples: of `encode_examples`.
      config: `config.sft`.
      session: where checkpoints and metrics go.
      key: of the stage; the keys of dropout are derived from it.
    """
    steps = steps_in(len(examples), config.batch_size, config.epochs)
    optimizer, schedule = make_optimizer(config, steps), make_schedule(config, steps)
    loss = make_sft_loss(base.config, options.remat, options.logprob)
    term = Term("sft", loss, micro_batches=config.micro_batches)
    update = compile_step(lambda axis: make_step((term,), optimizer, axis), options.devices)
    placed = place_frozen(frozen, options.devices)

    def one_step(state: StageState, step: int) -> tuple[StageState, dict[str, float]]:
        start = time.perf_counter()
        batch, data_wait = take(step)
        commit_step()
        train, metrics = update(state.train, placed, {"sft": batch})
        row = {name: float(value) for name, value in jax.device_get(metrics).items()}
        tokens = row.pop("tokens/sft")
        del row["count/sft"]
        row |= {"tokens": tokens, "learning_rate": float(schedule(step)), "time/data_wait": data_wait}
        return StageState(train), row | {"tokens_per_s": tokens / (time.perf_counter() - start)}

    sizes = base.pad_id, options.devices.count
    with prefetched(lambda step: sft_batch(*sizes, examples, config, step, session.seed), steps) as take:
        return run_loop(session, StageState(init_state(lora, optimizer, key)), steps, one_step).train.lora


def encode_examples(
    base: BaseModel, records: Sequence[Record], response: str, max_tokens: int, cache: str = ""
) -> Examples:
    """Encode every record with its gold response, or read it from `cache`, the folder of earlier encodings.

    Args:
      base: names tokenizer and prompt template.
      records: with a chain of thought each, if `response` is "cot".
      response: a name in `RESPONSES`: "cot" (reasoning and answer blocks), "answer" (answer block alone) or "derived"
        (as "cot", but of the derived chain of thought where a strategy was planted).
      max_tokens: limit on prompt and response together.
      cache: "" is the user's cache folder.

    Raises:
      UserError: an example is longer than `max_tokens`, which would cut off its answer.
    """

    def encode(record: Record) -> tuple[list[int], list[int]]:
        text = RESPONSES[response](record, base.template)
        return encode_example(base.tokenizer, record, base.template, text)

    what = encoding_key(base.tokenizer, template=base.template, response=response)
    examples = tokenise(records, encode, what, cache)
    for index in np.flatnonzero(examples.lengths > max_tokens):
        check_length(records[index], examples.lengths[index], max_tokens)
    return examples


def check_length(record: Record, length: int, max_tokens: int) -> None:
    """Raise `UserError` where an example is longer than `max_tokens`."""
    if length > max_tokens:
        raise UserError(
            f"record {record.id!r}: prompt and response have {length} tokens, over the limit of {max_tokens}; raise "
            "--config.sft.max_tokens or leave the record out"
        )


def sft_batch(pad_id: int, devices: int, examples: Examples, config: ConfigDict, step: int, seed: int) -> SftBatch:
    """Return this process's batch of step `step`, a function of (seed, step) alone (`data.collate`)."""
    arrays = collate(
        examples,
        config.batch_size,
        step,
        seed,
        batching=config.batching,
        filler=pad_id,
        parts=config.micro_batches * devices,
        host=Host(jax.process_index(), jax.process_count()),
    )
    return SftBatch(**{name: jnp.asarray(array) for name, array in arrays.items()})
