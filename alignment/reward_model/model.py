"""The reward model: a linear head on pooled features of the frozen base, its rewards and its file.

The features (`alignment/reward_model/features.py`) are computed without any adapter, so that the reward model does not
move with the policy it rewards. The score is linear in the standardised features,

    s = w . (x - mean) / std + b        reward: sigma(s)

and fitted by `alignment/reward_model/fit.py`. Reconstruction: Quark (2602.11661) trains a whole language model as its
reward model; a linear head on frozen features is what a small log of judgements can determine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from etils import epath
from ml_collections import ConfigDict

from alignment.adapters.tensorfiles import check_loaded, open_tensors, staged, write_tensors
from alignment.errors import UserError
from alignment.rewards.presets import get_preset
from alignment.rollout.base_model import BaseModel

FILE = "scorer.safetensors"


class RewardModel(NamedTuple):
    """A linear head on pooled features, and the base that they must come from; the fields are the tensors of a file."""

    weight: np.ndarray  # [D] float32
    bias: np.ndarray  # [1] float32
    mean: np.ndarray  # [D] float32, of the features it was fitted on
    std: np.ndarray  # [D] float32
    base: np.ndarray  # [32] uint8: SHA-256 of base weights and prompt template


def predict_rewards(model: RewardModel, features: np.ndarray) -> np.ndarray:
    """Return the rewards sigma(s) [N] float32 of features [N, D]."""
    score = ((features - model.mean) / model.std) @ model.weight + model.bias
    return np.float32(0.5 * (1.0 + np.tanh(0.5 * score)))  # sigma without overflow


def base_digest(base: BaseModel) -> np.ndarray:
    """Return the SHA-256 of the base's weights and the prompt template's name, [32] uint8."""
    text = f"{base.fingerprint} {base.template.name}"
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8).copy()


def save_reward_model(folder: str, model: RewardModel) -> str:
    """Write `scorer.safetensors` into `folder` and return its path."""
    with staged(folder) as scratch:
        write_tensors(scratch / FILE, model._asdict())
    return str(epath.Path(folder) / FILE)


def load_reward_model(path: str, base: BaseModel) -> RewardModel:
    """Return the reward model of a file.

    Raises:
      UserError: the file is missing, damaged or no reward model, holds values that are not finite or deviations that
        are not positive, or belongs to another base or prompt template.
    """
    again = "fit it again with python -m alignment.feedback"
    with open_tensors(path) as tensors:
        if set(tensors.keys()) != set(RewardModel._fields):
            raise UserError(f"{path}: no reward model; make one with python -m alignment.feedback")
        model = RewardModel(**{name: tensors.get_tensor(name) for name in RewardModel._fields})
    if not np.array_equal(model.base, base_digest(base)):
        raise UserError(
            f"{path}: fitted on another base or prompt template than --config.model and --config.prompt name; {again}"
        )
    for name, tensor in model._asdict().items():
        shape = {"bias": (1,), "base": model.base.shape}.get(name, (base.config.hidden_size,))
        if tensor.shape != shape or (name != "base" and tensor.dtype != np.float32):
            raise UserError(
                f"{path}: tensor {name} is {tensor.dtype}{list(tensor.shape)}, not [{shape[0]}] float32; {again}"
            )
        check_loaded(tensor, name, path)
    if not (model.std > 0).all():
        raise UserError(f"{path}: tensor std holds {model.std.min()}, and must be positive; {again}")
    return model


def make_reward_function(config: ConfigDict, base: BaseModel) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return features [N, D] -> rewards [N] of the model that `config.grpo` names; None where no channel reads one.

    Raises:
      UserError: what `uses_reward_model` and `load_reward_model` raise.
    """
    if not uses_reward_model(config):
        return None
    return partial(predict_rewards, load_reward_model(config.feedback, base))


def uses_reward_model(config: ConfigDict) -> bool:
    """Whether the reward of `config.grpo` has the channel `feedback`.

    Raises:
      UserError: the channel without its file, or a file without the channel.
    """
    has_channel = "feedback" in get_preset(config.reward, tuple(config.channels))
    if has_channel and not config.feedback:
        raise UserError(
            "the reward channel feedback needs --config.grpo.feedback=FILE; make it with python -m alignment.feedback"
        )
    if config.feedback and not has_channel:
        raise UserError(
            f"--config.grpo.feedback={config.feedback}: no channel reads it; add --config.grpo.channels=feedback=1"
        )
    return has_channel
