"""Whether a reward stage can change accuracy at all: not where its start answers everything right, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import jax
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.record import Record
from alignment.rollout.sampler import Sampler
from alignment.training.loop import Session
from alignment.training.rollout import draw_questions, make_context, sample_and_score
from alignment.training.state import Frozen, TrainState


def describe_missing_headroom(
    sampler: Sampler,
    frozen: Frozen,
    start: Lora,
    questions: Sequence[Record],
    grpo: ConfigDict,
    session: Session,
    key: jax.Array,
) -> str:
    """Return in words that the completions of the first step are all right or all wrong; "" where they are neither.

    They are sampled as the first step will sample them. The arguments are those of `train_grpo`, with `config.grpo`.
    """
    context = make_context(sampler, frozen, grpo, questions, session.cache, session.seed)
    drawn = draw_questions(questions, grpo.prompts, 0, session.seed)
    rollout = sample_and_score(context, TrainState(start, (), 0, key), drawn, 0)
    records = [record for record in rollout.questions for _ in range(grpo.group_size)]
    right = [answer.letter == record.gold for answer, record in zip(rollout.responses, records, strict=True)]
    if len(set(right)) > 1:
        return ""
    return f"all {len(right)} completions of its first step are {'right' if right[0] else 'wrong'}: no headroom"
