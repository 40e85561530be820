"""Checks of a stage's sizes and names before anything is loaded or compiled."""

from __future__ import annotations

from ml_collections import ConfigDict

from alignment.data.collate import check_batching
from alignment.errors import UserError
from alignment.objectives.family import get_loss
from alignment.objectives.policy import LossConfig
from alignment.training.state import make_schedule
from alignment.training.update import loss_constants


def check_sft(config: ConfigDict, devices: int) -> None:
    """Raise `UserError` where sizes in `config.sft` and the number of devices do not divide, or a name is unknown."""
    make_schedule(config, 1)
    check_batching(config.batching)
    parts = config.micro_batches * devices
    if config.batch_size < 1 or config.batch_size % parts:
        raise UserError(
            f"--config.sft.batch_size={config.batch_size} must be a multiple of micro_batches x devices "
            f"({config.micro_batches} x {devices})"
        )


def check_grpo(config: ConfigDict, devices: int) -> None:
    """Raise `UserError` where sizes in `config.grpo` do not divide, or its schedule, loss or a constant is wrong."""
    make_schedule(config, 1)
    LossConfig(**loss_constants(config))
    _check_controls(config)
    parts = config.minibatches * config.micro_batches * devices
    if config.prompts < 1 or config.prompts % parts:
        raise UserError(
            f"--config.grpo.prompts={config.prompts} must be a multiple of minibatches x micro_batches x devices "
            f"({config.minibatches} x {config.micro_batches} x {devices})"
        )
    halved = config.prompts // config.minibatches
    if config.power_every and halved % 2:
        raise UserError(
            f"--config.grpo.power_every={config.power_every} compares two halves of the prompts of an optimiser step, "
            f"which has {halved}: make --config.grpo.prompts / minibatches even, or set power_every to 0"
        )


def _check_controls(config: ConfigDict) -> None:
    if get_loss(config.loss).covariance == "kl" and config.epochs * config.minibatches == 1:
        raise UserError(
            f"--config.grpo.loss={config.loss} pulls back to the policy that sampled, which is the current one where a "
            "rollout serves one optimiser step; set --config.grpo.minibatches or --config.grpo.epochs above 1"
        )
    if config.covariance_low >= config.covariance_high:
        raise UserError(
            f"--config.grpo.covariance_low={config.covariance_low} must lie below --config.grpo.covariance_high="
            f"{config.covariance_high}"
        )
    if config.reference_reset and not config.beta:
        raise UserError(
            f"--config.grpo.reference_reset={config.reference_reset} resets the reference of a KL penalty, and "
            "--config.grpo.beta=0 has none; set a beta or leave it out"
        )


def check_questions(config: ConfigDict, questions: int) -> None:
    """Raise `UserError` where there are fewer questions than `config.grpo` samples in a rollout."""
    if questions < config.prompts:
        raise UserError(
            f"{questions} question(s) for --config.grpo.prompts={config.prompts}; lower it or give more data"
        )
