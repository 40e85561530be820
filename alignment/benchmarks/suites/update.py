"""One GRPO update: forward pass, objective, gradient of the LoRA adapter, clipped AdamW step, as one compiled program.

Ours is what training runs. The others do the same work without one or both of two optimisations:

    plain      every sample is a separate sequence of prompt and completion; all [T, V] logits and their log-softmax
    unshared   every sample is a separate sequence; the head is fused as in ours
    unfused    the prompt runs once for its group as in ours; all [T, V] logits

All of them apply the head to completion tokens only, T = P G Lc. With `--implementation=NAME` ours computes its
log-probabilities by that implementation of `kernels.linear_logprob`; "auto" is the first that serves the machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from alignment.adapters.lora import LoraConfig, init_lora
from alignment.adapters.stack import Stack, push
from alignment.benchmarks.flops import update_work
from alignment.benchmarks.measure import one_program
from alignment.benchmarks.registry import Suite, check_against
from alignment.benchmarks.setting import RANK, Setting
from alignment.kernels.linear_logprob.api import linear_logprob
from alignment.kernels.linear_logprob.types import LogProb
from alignment.models import qwen2
from alignment.models.config import Qwen2Config
from alignment.models.packing import pack_cells
from alignment.objectives.family import LOSSES
from alignment.objectives.policy import LossConfig, Tokens, policy_loss
from alignment.training.batches import GrpoBatch
from alignment.training.losses import TRAINABLE, make_grpo_loss
from alignment.training.state import Frozen, TrainState, init_state, make_optimizer
from alignment.training.step import LossFn, Tally, Term, make_step

CLIP = {"clip_low": 0.2, "clip_high": 0.2, "beta": 0.0}
OPTIMIZER = SimpleNamespace(learning_rate=1e-4, schedule="constant", warmup=0.0, clip_norm=1.0, weight_decay=0.0)
AGAINST = {"plain": (False, "reference"), "unshared": (False, "auto"), "unfused": (True, "reference")}


def build(setting: Setting, against: tuple[str, ...] = ()) -> Suite:
    """Return the suite: the update at `setting`, beside the cases of `against`."""
    check_against(setting, against, tuple(AGAINST))
    losses = {"ours": our_loss(setting)} | {name: simple_loss(setting.config, *AGAINST[name]) for name in against}
    state, frozen, batch = make_inputs(setting)
    cases = (
        one_program(name, "update_s", update_step(loss), state, frozen, {"grpo": batch})
        for name, loss in losses.items()
    )
    return Suite(tuple(cases), "update_s", update_work(setting).total)


def our_loss(setting: Setting) -> LossFn:
    """Return the loss that training runs."""
    options = {"remat": setting.remat, "logprob": setting.implementation}
    return make_grpo_loss(setting.config, temperature=1.0, **options, **CLIP)


def simple_loss(config: Qwen2Config, shared: bool, head: str | Callable[..., LogProb], remat: bool = False) -> LossFn:
    """Return the GRPO objective with or without the prompt shared, for prompts and completions of full length.

    `head` is an implementation of `linear_logprob` by its name, or a function of hidden states, head and targets.
    """
    states = functools.partial(_shared_states if shared else _separate_states, remat=remat)
    log_probs = functools.partial(linear_logprob, implementation=head) if isinstance(head, str) else head

    def loss(lora, frozen: Frozen, batch: GrpoBatch, key: jax.Array) -> tuple[jax.Array, Tally]:
        stack = push(frozen.under, TRAINABLE, lora)
        hidden = states(frozen.params, config, batch, stack)
        flat = hidden.reshape(-1, hidden.shape[-1]), qwen2.head_weights(frozen.params), batch.completions.reshape(-1)
        length = batch.completions.shape[-1]
        log_prob = log_probs(*flat).log_prob.reshape(-1, length)
        old, mask = jax.lax.stop_gradient(log_prob), batch.mask.reshape(-1, length)
        tokens = Tokens(log_prob, old, batch.advantages.reshape(-1), mask)
        out = policy_loss(tokens, LOSSES["grpo"], LossConfig(**CLIP))
        return out.total, Tally(out.count, out.sums, out.maxima)

    return loss


def _separate_states(params: dict, config: Qwen2Config, batch: GrpoBatch, stack: Stack, remat: bool) -> jax.Array:
    """Return the states [P, G, Lc, D] that predict the completions, each sample run as a sequence of Lp + Lc tokens."""
    completions = batch.completions
    prompts = jnp.broadcast_to(batch.prompts[:, None], (*completions.shape[:2], batch.prompts.shape[1]))
    tokens = jnp.concatenate([prompts, completions], axis=2)
    hidden = qwen2.hidden_states(params, config, tokens.reshape(-1, tokens.shape[2]), stack, remat=remat)
    hidden = hidden[:, prompts.shape[2] - 1 : -1]
    return hidden.reshape(*completions.shape, hidden.shape[-1])


def _shared_states(params: dict, config: Qwen2Config, batch: GrpoBatch, stack: Stack, remat: bool) -> jax.Array:
    """Return the same states with each prompt run once."""
    completions = batch.completions
    arguments = params, config, batch.prompts, batch.prompt_mask, completions, stack
    last, states = qwen2.group_hidden_states(*arguments, remat=remat)
    first = jnp.broadcast_to(last[:, None, None], (*completions.shape[:2], 1, last.shape[-1]))
    return jnp.concatenate([first, states[:, :, :-1]], axis=2)


def make_inputs(setting: Setting) -> tuple[TrainState, Frozen, GrpoBatch]:
    """Return a random model, a new adapter on all seven projections with its optimiser, and a full batch."""
    config, keys = setting.config, jax.random.split(jax.random.key(0), 3)
    params = qwen2.init_params(config, keys[0], jnp.dtype(setting.dtype))
    shapes = config.linear_shapes
    lora = init_lora(keys[1], shapes, config.num_hidden_layers, LoraConfig(RANK, 2 * RANK, tuple(shapes)))
    state = init_state(lora, make_optimizer(OPTIMIZER, 1), keys[2])
    return state, Frozen(params, Stack(), Stack()), make_batch(setting)


def make_batch(setting: Setting) -> GrpoBatch:
    """Return the batch of a rollout of random tokens in which everything has full length."""
    rng = np.random.default_rng(0)
    shape = setting.prompts, setting.group, setting.new_tokens
    prompts = rng.integers(0, setting.size.vocab, (setting.prompts, setting.prompt_len), np.int32)
    mask = np.ones(shape, bool)
    batch = GrpoBatch(
        prompts=prompts,
        prompt_mask=np.ones(prompts.shape, bool),
        completions=rng.integers(0, setting.size.vocab, shape, np.int32),
        mask=mask,
        cells=pack_cells(mask, shape[1] * shape[2]),
        log_prob=np.zeros(shape, np.float32),
        advantages=rng.standard_normal(shape[:2], np.float32),
    )
    return jax.tree.map(jnp.asarray, batch)


def update_step(loss: LossFn) -> Callable:
    """Return the step `(state, frozen, {"grpo": batch}) -> (state, metrics)` of one update with `loss`."""
    return make_step((Term("grpo", loss),), make_optimizer(OPTIMIZER, 1))
