"""The losses of the stages as functions of the trainable adapter: forward pass, log-probabilities, objective."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from alignment.adapters.lora import Lora
from alignment.adapters.stack import Stack, push
from alignment.kernels.linear_logprob.api import linear_logprob
from alignment.kernels.linear_logprob.types import LogProb
from alignment.kernels.vocabulary import TokenRanges
from alignment.models import qwen2
from alignment.models.config import Qwen2Config
from alignment.models.packing import make_packing, pack, unpack
from alignment.objectives.family import get_loss
from alignment.objectives.masking import masked, masked_sum
from alignment.objectives.policy import LossConfig, Tokens, policy_loss
from alignment.objectives.sft import sft_loss
from alignment.training.batches import GrpoBatch, SftBatch
from alignment.training.mismatch import mismatch_sums
from alignment.training.state import Frozen
from alignment.training.step import LossFn, Tally

TRAINABLE = "trainable"  # the name under which the adapter in training lies on the stack


def make_sft_loss(config: Qwen2Config, remat: bool, logprob: str = "xla") -> LossFn:
    """Return the negative log-likelihood of the response tokens of a `SftBatch`.

    In a batch with segments, `loss_mask` must be false at the first token of each example, which nothing of its example
    precedes. The softmax runs over every row of the head, also over those without a token, as in transformers.
    """

    def loss(lora: Lora, frozen: Frozen, batch: SftBatch, key: jax.Array) -> tuple[jax.Array, Tally]:
        stack = push(frozen.under, TRAINABLE, lora)
        tokens, mask = batch.tokens, batch.loss_mask[:, 1:]
        dropout_key = key if lora.dropout else None
        segments = None if batch.segments is None else batch.segments[:, :-1]
        hidden = qwen2.hidden_states(
            frozen.params, config, tokens[:, :-1], stack, segments=segments, remat=remat, dropout_key=dropout_key
        )
        out = _log_probs(frozen.params, hidden, tokens[:, 1:], 1.0, logprob)
        total, count = sft_loss(out.log_prob, mask)
        return total, Tally(count, {"tokens": count, "nll": total}, {})

    return loss


def make_grpo_loss(
    config: Qwen2Config,
    *,
    temperature: float,
    remat: bool,
    loss: str = "grpo",
    logprob: str = "xla",
    token_ranges: TokenRanges | None = None,
    **constants: Any,
) -> LossFn:
    """Return a loss of the GRPO family over a `GrpoBatch`; `constants` are the fields of `LossConfig`.

    Where the batch has no `old_log_prob`, the policy that sampled is the current one, and its log-probability is the
    stop-gradient of the current one. `logprob` names the implementation of `kernels.linear_logprob`. The current, old
    and reference policies are distributions over the ids in `token_ranges`, those that the sampler draws from.

    Raises:
      UserError: an unknown loss or KL estimator, or a constant out of its range.
    """
    loss_parts, loss_config = get_loss(loss), LossConfig(**constants)
    kwargs = {"config": config, "temperature": temperature, "logprob": logprob, "token_ranges": token_ranges}

    def objective(lora: Lora, frozen: Frozen, batch: GrpoBatch, key: jax.Array) -> tuple[jax.Array, Tally]:
        stack = push(frozen.under, TRAINABLE, lora.replace(dropout=0.0))
        now = completion_log_probs(frozen.params, stack, batch, remat=remat, **kwargs)
        ref = None
        if loss_config.beta:
            ref = completion_log_probs(frozen.params, frozen.reference, batch, **kwargs)
            ref = _rows(jax.lax.stop_gradient(ref.log_prob))
        log_prob, mask = _rows(now.log_prob), _rows(batch.mask)
        old = jax.lax.stop_gradient(log_prob) if batch.old_log_prob is None else _rows(batch.old_log_prob)
        sampled, entropy = _rows(batch.log_prob), _rows(now.entropy)
        # The gradient of the entropy costs another pass over the head, so it is computed only where it is used.
        entropy = entropy if loss_config.needs_entropy else jax.lax.stop_gradient(entropy)
        tokens = Tokens(log_prob, old, batch.advantages.reshape(-1), mask, ref, entropy, sampled)
        if batch.chosen is not None:
            tokens = tokens._replace(chosen=_rows(batch.chosen))
        if batch.entropy_weight is not None:
            tokens = tokens._replace(entropy_weight=jnp.repeat(batch.entropy_weight, batch.mask.shape[1]))
        out = policy_loss(tokens, loss_parts, loss_config)
        sums = out.sums | {"entropy/mean": masked_sum(jax.lax.stop_gradient(entropy), mask)}
        sums |= mismatch_sums(old, sampled, mask)
        gap = jnp.abs(masked(old - sampled, mask))
        return out.total, Tally(out.count, sums, out.maxima | {"sampler/logp_diff_max": gap.max()})

    return objective


def completion_log_probs(
    params: dict,
    stack: Stack,
    batch: GrpoBatch,
    *,
    config: Qwen2Config,
    temperature: float,
    remat: bool = False,
    logprob: str = "xla",
    token_ranges: TokenRanges | None = None,
) -> LogProb:
    """Log-probability, log-sum-exp and entropy [P, G, Lc] of a group's completions under a policy.

    The prompt is computed once a group, and the head is applied to completion positions only: token t is predicted
    by the state at t - 1, the first by the prompt's last token. With `cells` [P, N] (`pack_cells`) only
    those tokens are computed, and positions that follow no computed token are 0. The distribution is that over
    `token_ranges` (None: all rows of the head).
    """
    completions, grid = batch.completions, batch.completions.shape
    packing = None if batch.cells is None else make_packing(batch.cells, math.prod(grid[1:]))
    last, states = qwen2.group_hidden_states(
        params, config, batch.prompts, batch.prompt_mask, completions, stack, packing=packing, remat=remat
    )
    first = jnp.broadcast_to(last[:, None], (*grid[:2], last.shape[-1]))
    if packing is None:
        hidden = jnp.concatenate([first[:, :, None], states[:, :, :-1]], axis=2)
        return _log_probs(params, hidden, completions, temperature, logprob, token_ranges)
    following = pack(jnp.roll(completions, -1, axis=2).reshape(grid[0], -1), packing)
    hidden = jnp.concatenate([first, states], axis=1)
    targets = jnp.concatenate([completions[:, :, 0], following], axis=1)
    packed = _log_probs(params, hidden, targets, temperature, logprob, token_ranges)

    def to_grid(values: jax.Array) -> jax.Array:  # [P, G + N]: the first tokens, then those after each packed token
        rest = unpack(values[:, grid[1] :], packing).reshape(grid)
        return jnp.concatenate([values[:, : grid[1], None], rest[:, :, :-1]], axis=2)

    return LogProb(*map(to_grid, packed))


def _log_probs(
    params: dict,
    hidden: jax.Array,
    targets: jax.Array,
    temperature: float,
    logprob: str,
    token_ranges: TokenRanges | None = None,
) -> LogProb:
    states, head = hidden.reshape(-1, hidden.shape[-1]), qwen2.head_weights(params)
    flat = linear_logprob(states, head, targets.reshape(-1), temperature, logprob, token_ranges=token_ranges)
    return LogProb(*(leaf.reshape(targets.shape) for leaf in flat))


def _rows(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])
