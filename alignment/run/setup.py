"""What every stage and arm of a run shares, checked and loaded once."""

from __future__ import annotations

import dataclasses
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from alignment.arms import stage_order
from alignment.common.fingerprint import environment
from alignment.common.lock import Lock
from alignment.config_checks import check_config
from alignment.data.load import Data, hold_out, load_data
from alignment.errors import UserError
from alignment.evaluation.generate import sampling_of
from alignment.objectives.kl import describe_penalty
from alignment.parallel.data_parallel import choose_devices
from alignment.record import Record
from alignment.reward_model.model import make_reward_function, uses_reward_model
from alignment.rollout.base_model import BaseModel, describe_base
from alignment.rollout.sampler import Sampler, load_sampler
from alignment.run.store import check_layout
from alignment.run.variants import stage_config
from alignment.training.checks import check_grpo, check_questions, check_sft
from alignment.training.monitor import MonitorConfig
from alignment.training.options import TrainingOptions, make_training_options
from alignment.training.retention import retention_examples
from alignment.training.rollout import reward_config_of
from alignment.training.sft import shuffle_chains
from alignment.training.usable import drop_unusable

# Which gold response an objective of SFT learns, a name in `training.sft.RESPONSES`, where it is not in its own name.
RESPONSE_OF = {"joint": "cot", "sft_shuffled": "cot"}


@dataclasses.dataclass(frozen=True)
class Run:
    """What all stages and arms of a run share."""

    config: ConfigDict
    workdir: epath.Path
    sampler: Sampler
    options: TrainingOptions
    data: Data
    lock: Lock | None = None  # on the workdir; without one, `execute` takes it for as long as it runs

    @property
    def base(self) -> BaseModel:
        """The base that is trained and sampled from."""
        return self.sampler.base


def open_run(config: ConfigDict, workdir: str, lock: Lock | None = None) -> Run:
    """Check the configuration, load the base and the data, and check that everything fits before the first step.

    Raises:
      UserError: an unknown name, a value out of its range, sizes that do not divide, too many unusable records, bad
        weights or data, a folder where a file of the run belongs or the reverse. What the configuration alone shows is
        raised before anything is loaded.
    """
    check_config(config)
    stages = stage_order(config.arms)
    grpo_configs = [stage_config(config, stage).grpo for stage in stages if stage.on_policy]  # variants differ
    for grpo_config in grpo_configs or [config.grpo]:
        reward_config_of(grpo_config)
    MonitorConfig(**config.watch)
    sampling_of(config.eval)
    check_layout(config, epath.Path(workdir))
    devices = choose_devices(config.parallel.mode, config.parallel.devices)
    supervised = any(stage.objective != "grpo" for stage in stages)
    on_policy = any(stage.on_policy for stage in stages)
    if any(stage.objective == "sft_derived" for stage in stages) and not config.data.sft.strategies:
        raise UserError(
            "--config.arms: sft_ceiling is the ceiling of planted strategies, and without --config.data.sft.strategies "
            "it equals sft_cot; plant two, such as careful=0.35,hasty=0.65, or leave the arm out"
        )
    if supervised:
        check_sft(config.sft, devices.count)
    for grpo_config in grpo_configs:
        check_grpo(grpo_config, devices.count)
        uses_reward_model(grpo_config)
    data = load_data(config.data, training=[role for role, used in (("rl", on_policy), ("sft", supervised)) if used])
    for grpo_config in grpo_configs:
        check_questions(grpo_config, len(data.rl))
    options, sampler = make_training_options(config, devices), load_sampler(config, devices)
    for grpo_config in grpo_configs:
        make_reward_function(grpo_config, sampler.base)
    responses = {RESPONSE_OF.get(stage.objective, stage.objective.removeprefix("sft_")) for stage in stages}
    responses |= {"cot"} if config.sft.holdout else set()
    data = drop_unusable(sampler.base, data, config, sorted(responses - {"grpo"}))
    data = hold_out(data, config.sft.holdout)
    if config.data.retention:
        retention_examples(sampler.base, config.model.path, config.data.retention)  # refused now, if at all
    if any(stage.objective == "sft_shuffled" for stage in stages):
        shuffled_records(sampler.base, data, config)  # refused now, if at all
    for grpo_config in grpo_configs:
        check_questions(grpo_config, len(data.rl))  # again, of those that are left
    return Run(config, epath.Path(workdir), sampler, options, data, lock)


def shuffled_records(base: BaseModel, data: Data, config: ConfigDict) -> tuple[Record, ...]:
    """Return the records of SFT with another's chain of thought each, without those that become too long.

    Raises:
      UserError: more of them than `data.max_bad_share` do.
    """
    shuffled = dataclasses.replace(data, sft=shuffle_chains(data.sft, config.data.seed), eval=(), dev=(), rl=())
    return drop_unusable(base, shuffled, config, ["cot"]).sft


def describe_run(run: Run) -> dict[str, Any]:
    """What was run, for the head of the report."""
    config = run.config
    stages = [stage for stage in stage_order(config.arms) if stage.on_policy]
    losses = [stage_config(config, stage).grpo for stage in stages]
    penalties = [describe_penalty(loss.beta, loss.kl_target, loss.kl, loss.kl_correction) for loss in losses]
    return {
        **describe_base(run.base, config.model.path),
        **({"KL penalty": "; ".join(dict.fromkeys(penalties))} if penalties else {}),
        "config": config.to_dict(),
        "versions": environment(),
    }
