"""A scorer of responses, fitted to people's judgements on the frozen base's features: online feedback as a channel.

A response's features are the base's last hidden states, averaged over its tokens (the end token among them); no adapter
takes part, so that the scorer does not move with the policy it pays. The score is linear in the standardised features,

    s = w . (x - mean) / std + b        value of the channel: sigma(s)

fitted by Bradley-Terry with ties and thumbs (`objectives/preference.py`). Reconstruction: Quark (2602.11661) trains a
whole reward model; a linear head on frozen features is what a small log of judgements can carry.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from etils import epath
from ml_collections import ConfigDict

from alignment.adapters.tensorfiles import check_loaded, open_tensors, staged, write_tensors
from alignment.common.progress import each
from alignment.data.feedback import Judgement
from alignment.errors import UserError
from alignment.models.config import Qwen2Config
from alignment.models.qwen2 import group_hidden_states
from alignment.objectives.masking import masked_sum
from alignment.objectives.preference import preference_loss, thumb_loss, tie_loss
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rewards.presets import get_preset
from alignment.rollout.base_model import BaseModel
from alignment.rollout.scheduler import Group
from alignment.text.padding import bucket, pad_right
from alignment.text.tokenizer import encode_example

FILE = "scorer.safetensors"
STD_MIN = 1e-6
TOLERANCE, MOST_STEPS = 1e-5, 500  # of the fit: norm of the gradient, iterations


class Scorer(NamedTuple):
    """A linear scorer of pooled features, and what they must come from."""

    weight: np.ndarray  # [D] float32
    bias: np.ndarray  # [1] float32
    mean: np.ndarray  # [D] float32, of the features it was fitted on
    std: np.ndarray  # [D] float32
    base: np.ndarray  # [32] uint8: SHA-256 of base weights and prompt template


# ------------------------------------------------------------------------------------------------------------ features


@functools.partial(jax.jit, static_argnames=("config",))
def pooled_features(
    params: dict, config: Qwen2Config, prompts: jax.Array, prompt_mask: jax.Array, own: jax.Array, mask: jax.Array
) -> jax.Array:
    """Return [P, G, D] float32: last hidden states of completions `own` [P, G, Lc] averaged where `mask` is true."""
    _, hidden = group_hidden_states(params, config, prompts, prompt_mask, own)
    total = masked_sum(hidden.astype(jnp.float32), mask[..., None], axis=2)
    return total / jnp.maximum(mask[..., None].astype(jnp.float32).sum(axis=2), 1.0)


def group_features(base: BaseModel, devices: Devices, group: Group, chunks: int = 1) -> np.ndarray:
    """Return the features [P * G, D] of a rollout under the base alone, in `chunks` runs of prompts."""
    arrays = [np.asarray(part) for part in (group.prompts, group.prompt_mask, group.completions, group.mask)]
    parts = zip(*(np.split(array, chunks) for array in arrays), strict=True)
    found = [pooled_features(base.params, base.config, *devices.shard(part)) for part in parts]
    return np.concatenate([np.asarray(part) for part in found]).reshape(-1, base.config.hidden_size)


def text_features(
    base: BaseModel,
    devices: Devices,
    records: Sequence[Record],
    texts: Sequence[str],
    batch_size: int,
    label: str = "features",
) -> np.ndarray:
    """Return the features [N, D] of N responses given as text, each with the record it answers."""
    pairs = [_encode(base, record, text) for record, text in zip(records, texts, strict=True)]
    order = np.argsort([len(prompt) + len(own) for prompt, own in pairs], kind="stable")
    rows = -(-batch_size // len(devices.devices)) * len(devices.devices)
    features = np.zeros((len(pairs), base.config.hidden_size), np.float32)
    for start in each(range(0, len(order), rows), label, "batch"):
        chosen = order[start : start + rows]
        full = [pairs[index] for index in np.resize(chosen, rows)]  # the last batch is filled up to one shape
        prompts, prompt_mask = pad_right([prompt for prompt, _ in full], base.pad_id)
        own, mask = pad_right([own for _, own in full], base.pad_id, bucket(max(len(own) for _, own in full)))
        parts = devices.shard((prompts, prompt_mask, own[:, None], mask[:, None]))
        features[chosen] = np.asarray(pooled_features(base.params, base.config, *parts))[: len(chosen), 0]
    return features


def _encode(base: BaseModel, record: Record, text: str) -> tuple[list[int], list[int]]:
    ids, mask = encode_example(base.tokenizer, record, base.template, text)
    start = mask.index(1)
    if start > base.max_prompt_tokens:
        raise UserError(f"record {record.id!r}: its prompt has {start} tokens; raise --config.prompt.max_tokens")
    return ids[:start], [token for token, own in zip(ids, mask, strict=True) if own]


# ----------------------------------------------------------------------------------------------------------------- fit


class Pairs(NamedTuple):
    """Standardised features of judgements as a loss reads them."""

    better: jax.Array  # [A, D] and
    worse: jax.Array  # [A, D]
    tied: jax.Array  # [B, 2, D]
    thumbed: jax.Array  # [C, D]
    up: jax.Array  # [C]


def fit(judgements: Sequence[Judgement], features: np.ndarray, section: ConfigDict, base: np.ndarray) -> Scorer:
    """Return the scorer with the least loss on the judgements.

    Args:
      judgements: N of them.
      features: [M, D] of their responses, one after the other.
      section: `config.feedback`.
      base: what the features come from, as `base_digest` says.

    Raises:
      UserError: no judgement prefers anything, so that there is nothing to learn.
    """
    if all(judgement.is_tie for judgement in judgements):
        raise UserError("the feedback holds ties alone: no response is preferred; add preferences or thumbs")
    mean, std = features.mean(axis=0), features.std(axis=0)
    std = np.where(std > STD_MIN, std, 1.0)
    data = gather(judgements, (features - mean) / std)
    weight, bias = _minimise(data, section.weight_decay, section.tie_weight)
    return Scorer(np.asarray(weight), np.asarray(bias)[None], np.float32(mean), np.float32(std), base)


def gather(judgements: Sequence[Judgement], features: np.ndarray) -> Pairs:
    """Sort features [M, D], one row a response, by the kind of judgement."""
    width = features.shape[1]
    better, worse, tied, thumbed, up = [], [], [], [], []
    rows = iter(features)
    for judgement in judgements:
        own = [next(rows) for _ in judgement.responses]
        if not judgement.is_pair:
            thumbed, up = [*thumbed, own[0]], [*up, judgement.verdict]
        elif judgement.is_tie:
            tied.append(own)
        else:
            first, second = own if judgement.verdict else own[::-1]
            better.append(first)
            worse.append(second)
    shaped = [np.reshape(part, (-1, width)) for part in (better, worse)]
    ends = (np.reshape(tied, (-1, 2, width)), np.reshape(thumbed, (-1, width)), np.asarray(up))
    return Pairs(*(jnp.asarray(part, jnp.float32) for part in (*shaped, *ends)))


def feedback_loss(
    params: tuple[jax.Array, jax.Array], data: Pairs, weight_decay: float, tie_weight: float
) -> jax.Array:
    """Mean loss a judgement, ties times `tie_weight` (lambda), plus weight_decay / 2 |w|^2."""
    weight, bias = params
    losses = (
        preference_loss((data.better - data.worse) @ weight),
        tie_weight * tie_loss((data.tied[:, 0] - data.tied[:, 1]) @ weight),
        thumb_loss(data.thumbed @ weight + bias, data.up),
    )
    count = sum(part.size for part in losses)
    return sum(part.sum() for part in losses) / count + 0.5 * weight_decay * jnp.sum(weight**2)


@jax.jit
def _minimise(data: Pairs, weight_decay: float, tie_weight: float) -> tuple[jax.Array, jax.Array]:
    """L-BFGS to the minimum: the loss is convex, so that neither a rate nor a number of steps is to be chosen."""
    loss = functools.partial(feedback_loss, data=data, weight_decay=weight_decay, tie_weight=tie_weight)
    optimizer, value_and_grad = optax.lbfgs(), optax.value_and_grad_from_state(loss)
    start = (jnp.zeros(data.better.shape[1]), jnp.zeros(()))

    def unfinished(carry):
        _, _, gradient, step = carry
        return (optax.tree.norm(gradient) > TOLERANCE) & (step < MOST_STEPS)

    def descend(carry):
        params, state, _, step = carry
        value, gradient = value_and_grad(params, state=state)
        updates, state = optimizer.update(gradient, state, params, value=value, grad=gradient, value_fn=loss)
        return optax.apply_updates(params, updates), state, gradient, step + 1

    carry = (start, optimizer.init(start), jax.grad(loss)(start), 0)
    return jax.lax.while_loop(unfinished, descend, carry)[0]


def values(scorer: Scorer, features: np.ndarray) -> np.ndarray:
    """Return sigma(s) [N] float32 of features [N, D]: what the channel pays."""
    score = ((features - scorer.mean) / scorer.std) @ scorer.weight + scorer.bias
    return np.float32(0.5 * (1.0 + np.tanh(0.5 * score)))  # sigma without overflow


def agreement(judgements: Sequence[Judgement], found: np.ndarray) -> tuple[int, int]:
    """Return (judgements that the values [M] of their responses agree with, judgements that prefer something).

    Ties are left out; a thumb is agreed with above or below 1/2.
    """
    rows, right, total = iter(found), 0, 0
    for judgement in judgements:
        own = [next(rows) for _ in judgement.responses]
        if not judgement.is_tie:
            margin = own[0] - (own[1] if judgement.is_pair else 0.5)
            right, total = right + bool(margin > 0 if judgement.verdict else margin < 0), total + 1
    return right, total


# ---------------------------------------------------------------------------------------------------------------- file


def base_digest(base: BaseModel) -> np.ndarray:
    """Return the SHA-256 of the base's weights and the prompt template's name, [32] uint8."""
    said = f"{base.fingerprint} {base.template.name}"
    return np.frombuffer(hashlib.sha256(said.encode()).digest(), np.uint8).copy()


def save_scorer(folder: str, scorer: Scorer) -> str:
    """Write `scorer.safetensors` into `folder` and return its path."""
    with staged(folder) as scratch:
        write_tensors(scratch / FILE, scorer._asdict())
    return str(epath.Path(folder) / FILE)


def load_scorer(path: str, base: BaseModel) -> Scorer:
    """Return the scorer of a file.

    Raises:
      UserError: the file is missing, damaged or no scorer, holds values that are not finite or deviations that are
        not positive, or belongs to another base or prompt template.
    """
    with open_tensors(path) as tensors:
        if set(tensors.keys()) != set(Scorer._fields):
            raise UserError(f"{path}: no scorer; make one with python -m alignment.feedback")
        scorer = Scorer(**{name: tensors.get_tensor(name) for name in Scorer._fields})
    if not np.array_equal(scorer.base, base_digest(base)):
        raise UserError(
            f"{path}: fitted on another base or prompt template than --config.model and --config.prompt name; fit it "
            "again with python -m alignment.feedback"
        )
    again = "fit it again with python -m alignment.feedback"
    for name, tensor in scorer._asdict().items():
        shape = {"bias": (1,), "base": scorer.base.shape}.get(name, (base.config.hidden_size,))
        if tensor.shape != shape or (name != "base" and tensor.dtype != np.float32):
            raise UserError(
                f"{path}: tensor {name} is {tensor.dtype}{list(tensor.shape)}, not [{shape[0]}] float32; {again}"
            )
        check_loaded(tensor, name, path)
    if not (scorer.std > 0).all():
        raise UserError(f"{path}: tensor std holds {scorer.std.min()}, and must be positive; {again}")
    return scorer


def scorer_of(section: ConfigDict, base: BaseModel) -> Scorer | None:
    """Return the scorer that `config.grpo` names, None where no channel needs one.

    Raises:
      UserError: what `needs_scorer` and `load_scorer` raise.
    """
    return load_scorer(section.feedback, base) if needs_scorer(section) else None


def needs_scorer(section: ConfigDict) -> bool:
    """Whether a channel of `config.grpo` is a scorer's.

    Raises:
      UserError: a channel without its file, or a file that no channel pays for.
    """
    paid = "feedback" in get_preset(section.reward, tuple(section.channels))
    if paid and not section.feedback:
        raise UserError(
            "the reward channel feedback needs --config.grpo.feedback=FILE; make it with python -m alignment.feedback"
        )
    if section.feedback and not paid:
        raise UserError(
            f"--config.grpo.feedback={section.feedback}: no channel pays for it; add --config.grpo.channels=feedback=1"
        )
    return paid
