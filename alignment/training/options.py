"""How gradients are computed, whatever the loss: devices, recomputation and the implementation of the log-probs."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from alignment.errors import UserError
from alignment.kernels.linear_logprob.api import linear_logprob
from alignment.models.config import read_config
from alignment.models.hf import resolve_folder
from alignment.parallel.data_parallel import Devices
from alignment.rollout.base_model import DTYPES


class TrainingOptions(NamedTuple):
    """What every training stage of a run shares beside the base model."""

    devices: Devices
    remat: bool = False  # recompute the layers' activations in the backward pass
    logprob: str = "xla"  # implementation of `kernels.linear_logprob`


def make_training_options(config: ConfigDict, devices: Devices) -> TrainingOptions:
    """The options that `config.model` describes, checked against the model's shapes before its weights are loaded.

    Raises:
      UserError: `kernels.linear_logprob` has no such implementation, or it cannot serve these shapes on this device.
    """
    model, name = read_config(resolve_folder(config.model.path)), config.model.logprob
    dtype = DTYPES[config.model.dtype]
    hidden = jax.ShapeDtypeStruct((1, model.hidden_size), dtype)
    head = jax.ShapeDtypeStruct((model.vocab_size, model.hidden_size), dtype)
    target = jax.ShapeDtypeStruct((1,), jnp.int32)
    try:
        jax.eval_shape(partial(linear_logprob, implementation=name), hidden, head, target)
    except UserError as error:
        raise UserError(f"--config.model.logprob={name}: {error}") from error
    return TrainingOptions(devices, config.model.remat, name)
