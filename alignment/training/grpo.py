"""Stage 2: group-relative policy optimisation (GRPO, Shao et al. 2024, 2402.03300) of an adapter.

`one_step` below is the whole step, from the questions to the new adapter:

    questions -> rollout with responses and channel rewards -> combined rewards -> advantages -> batch -> update

To change the loss, see `objectives/family.py`; the rewards, `rewards/`; the sampling, `rollout/`.
"""

from __future__ import annotations

import time
from functools import partial

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from alignment.adapters.lora import Lora
from alignment.objectives.family import get_advantage
from alignment.rewards.combine import combine
from alignment.rollout.sampler import Sampler
from alignment.training.calibration import make_calibration
from alignment.training.loop import Session, run_loop
from alignment.training.options import TrainingOptions
from alignment.training.rollout import draw_questions, make_context, replace_zero_variance_groups, sample_and_score
from alignment.training.rollout_metrics import describe, init_host_state, monitor_rollout
from alignment.training.state import Frozen, HostState, StageState, init_state, make_optimizer, make_schedule
from alignment.training.update import GrpoData, make_update
from alignment.training.widths import largest_widths, padded_batch


def train_grpo(
    sampler: Sampler,
    options: TrainingOptions,
    frozen: Frozen,
    lora: Lora,
    data: GrpoData,
    config: ConfigDict,
    session: Session,
    key: jax.Array,
) -> Lora:
    """Train `lora` on verifiable rewards and return it.

    Args:
      sampler: the base model and how it samples.
      options: devices, recomputation and implementation of the log-probs.
      frozen: the base parameters, the adapters under the trainable one, and those of the KL reference on that base.
      lora: the adapter to train.
      data: the questions; examples whose loss is measured; for a joint stage, which adds an SFT loss to that of GRPO,
        also its examples.
      config: the whole configuration; `grpo`, `watch` and, for a joint stage, `sft` are read.
      session: where checkpoints and metrics go, and the seed of the data order.
      key: the stage's key; every sampling key descends from it.
    """
    grpo = config.grpo
    context = make_context(sampler, frozen, grpo, data.questions, session.cache, session.seed)
    compute_advantages = get_advantage(grpo.loss, context.reward_config.normaliser.advantage)
    calibrate = make_calibration(context, lora, data.questions, session)
    updates = grpo.steps * grpo.epochs * grpo.minibatches
    optimizer, schedule = make_optimizer(grpo, updates), make_schedule(grpo, updates)
    largest = largest_widths(max(map(len, context.prompts.values())), grpo.group_size, grpo.max_new_tokens)
    update = make_update(sampler.base, options, frozen, data, config, optimizer, lora, session.seed)

    def one_step(state: StageState, step: int) -> tuple[StageState, dict[str, float]]:
        # state.train lives on the device (adapter, optimiser, step, key), state.host in numpy (rewards, monitor).
        train, reward_state = state.train, calibrate(state, step)  # step 0 takes the statistics of the normaliser
        start = time.perf_counter()

        questions = draw_questions(data.questions, grpo.prompts, step, session.seed)
        # G completions a question: tokens [P, G, Lc], parsed responses [P * G], and the rewards of every channel.
        rollout = sample_and_score(context, train, questions, step)
        combine_rewards = partial(
            combine, context.reward_config, state=reward_state, step=step + 1, progress=step / grpo.steps
        )
        rewards, reward_state = combine_rewards(rollout.channels, len(questions))  # {channel: [P * G]} -> [P, G]
        if grpo.refill:  # so many attempts; a group that stays without variance has advantages of 0
            rollout, rewards, reward_state = replace_zero_variance_groups(
                context, train, rollout, (rewards, reward_state), combine_rewards, data.questions, (session.seed, step)
            )
        advantages = compute_advantages(jnp.asarray(rewards.combined), context.reward_config.std_floor)  # [P, G]
        monitored, monitor = monitor_rollout(rollout, state.host.monitor, config.watch, session.label, step)

        drop = grpo.mask_truncated
        batch, narrow = padded_batch(rollout.group, advantages, drop, largest, state.host.widths)
        learning_rate, update_start = float(schedule(train.step)), time.perf_counter()
        train, metrics = update(train, batch, step)

        end = time.perf_counter()
        row = metrics | describe(rollout, rewards, advantages) | monitored
        row |= {"time/update": end - update_start - metrics.get("time/measure", 0.0), "learning_rate": learning_rate}
        row |= {"tokens_per_s": float(rollout.group.mask.sum()) / (end - start)}
        return StageState(train, HostState(reward_state, monitor, narrow)), row

    state = StageState(init_state(lora, optimizer, key, grpo), init_host_state(context.reward_config))
    return run_loop(session, state, grpo.steps, one_step).train.lora
