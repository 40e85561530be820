"""Training one stage, unless its finished adapter is in the workdir."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from alignment.adapters.compose import merge
from alignment.adapters.lora import Lora, LoraConfig, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.arms import SNAPSHOT, Stage
from alignment.common.files import write_text
from alignment.common.fingerprint import fingerprint
from alignment.common.manifest import MANIFEST, digest_of, seal, sha256
from alignment.common.progress import say, warn
from alignment.data.tokens import Examples
from alignment.parallel.data_parallel import Devices
from alignment.record import Record
from alignment.rollout.base_model import BaseModel
from alignment.rollout.keys import stage_key
from alignment.run.setup import RESPONSE_OF, Run, shuffled_records
from alignment.run.store import claim, describe_corruption, stage_folder
from alignment.run.variants import stage_config
from alignment.training import grpo, sft
from alignment.training.drift import Texts
from alignment.training.headroom import describe_missing_headroom
from alignment.training.loop import Session
from alignment.training.retention import retention_examples
from alignment.training.state import Frozen
from alignment.training.update import GrpoData

Loras = dict[str, Lora]
MEASUREMENTS = ("power_every",)  # leaves of `config.grpo` that leave the trained adapter as it is


def run_stage(run: Run, stage: Stage, seed: int, loras: Loras, label: str) -> Lora:
    """Return the adapter of `stage`, trained now unless the workdir holds a finished one.

    Raises:
      UserError: the workdir holds this stage with other settings.
    """
    folder = stage_folder(run.workdir, stage, seed)
    settings = stage_settings(run, stage, loras)
    known = claim(folder / "stage.json", settings)
    adapter = folder / "adapter"
    if adapter.exists() or (folder / MANIFEST).exists():
        reason = f"{folder / 'stage.json'} was damaged or missing"
        if known:
            reason = describe_corruption(adapter) or describe_corruption(folder)
        if reason is None:
            say(f"{label}: done before")
            return load_peft(str(adapter))
        warn(f"{reason}; resuming from the last checkpoint")
    lora = train_stage(run, stage, seed, loras, session_of(run, folder, settings, seed, label))
    if adapter.exists():  # not before its successor is trained
        adapter.rmtree()
    save_peft(str(adapter), lora, run.config.model.path or "nano")
    seal(adapter)
    seal(folder, ("stage.json", "metrics.jsonl"))
    return load_peft(str(adapter))


def train_stage(run: Run, stage: Stage, seed: int, loras: Loras, session: Session) -> Lora:
    """Train one stage, from its newest checkpoint where there is one."""
    config, base, data = stage_config(run.config, stage), run.base, run.data
    key = stage_key(seed, stage.name.partition("@")[0])  # variants draw the same numbers, which pairs them
    lora = loras[stage.start] if stage.start else fresh_lora(run, stage, seed)
    frozen = frozen_under(base, run.sampler.devices, stage, loras, lora)

    def encode(records: Sequence[Record], response: str) -> Examples | None:
        limit, cache = config.sft.max_tokens, config.data.cache
        return sft.encode_examples(base, records, response, limit, cache) if records else None

    if not stage.on_policy:
        shuffled = stage.objective == "sft_shuffled"
        records = shuffled_records(base, data, config) if shuffled else data.sft
        examples = encode(records, RESPONSE_OF.get(stage.objective, stage.objective.removeprefix("sft_")))
        return sft.train_sft(base, run.options, frozen, lora, examples, config.sft, session, key)
    if config.grpo.steps == 0:  # the control of an adapter that does nothing
        write_text(session.folder / "metrics.jsonl", "")
        return lora
    if config.grpo.skip_without_headroom:
        arguments = run.sampler, frozen, lora, data.rl, config.grpo, session, key
        if reason := describe_missing_headroom(*arguments):
            warn(f"{session.label}: skipped, {reason} (--config.grpo.skip_without_headroom)")
            write_text(session.folder / "metrics.jsonl", "")
            return lora
    examples = encode(data.sft, "cot") if stage.objective == "joint" else None
    unseen = retention_examples(base, config.model.path, config.data.retention) if config.grpo.power_every else None
    grpo_data = GrpoData(data.rl, examples, Texts(encode(data.holdout, "cot"), unseen))
    return grpo.train_grpo(run.sampler, run.options, frozen, lora, grpo_data, config, session, key)


def frozen_under(base: BaseModel, devices: Devices, stage: Stage, loras: Loras, start: Lora) -> Frozen:
    """Return the base (with `merged` adapters), the adapters under the trainable one and the KL reference."""
    if stage.reference == SNAPSHOT:
        reference = make_stack({f"{stage.name} at its start": start})
    else:
        reference = make_stack({name: loras[name] for name in stage.reference})
    under = make_stack({name: loras[name] for name in stage.under})
    params = merged_params(base, devices, stage.merged, loras)
    return Frozen(params, *devices.replicate((under, reference)))


def merged_params(base: BaseModel, devices: Devices, names: Sequence[str], loras: Loras) -> dict:
    """Return the base parameters with the named adapters merged in, in float32; the base itself where none is named."""
    if not names:
        return base.params
    return devices.replicate(merge(base.params, make_stack({name: loras[name] for name in names})))


def fresh_lora(run: Run, stage: Stage, seed: int) -> Lora:
    """Return a new adapter of the shape that `config.adapters` gives the stage.

    Its key depends on the seed and `stage.adapter` alone, so arms whose first adapters have one shape start from the
    same one.
    """
    configs, model = [run.config.adapters[name] for name in stage.adapter_configs], run.base.config
    total = {name: sum(each[name] for each in configs) for name in ("rank", "alpha")}
    config = LoraConfig(**{**configs[0], **total})
    key = stage_key(seed, f"init {stage.adapter}")
    return init_lora(key, model.linear_shapes, model.num_hidden_layers, config)


def session_of(run: Run, folder: epath.Path, settings: Mapping[str, Any], seed: int, label: str) -> Session:
    """Return the session of a stage: its folder, its label and the hashes that its checkpoints must agree with."""
    config = run.config
    # Without the description, which may be reworded while a stage is half-trained.
    deciding = settings | {"stage": {name: value for name, value in settings["stage"].items() if name != "about"}}
    hashes = {"stage configuration": digest_of(deciding), "base": run.base.fingerprint}
    hashes |= {f"{name} adapter": value for name, value in settings["adapters below"].items()}
    hashes |= {f"{split} data": value for split, value in settings["data"].items()}
    return Session(
        folder,
        label,
        hashes,
        every=config.checkpoint.every,
        keep=config.checkpoint.keep,
        max_skipped=config.train.max_skipped,
        seed=seed,
        log={name: value for name, value in config.log.items() if name != "profile"},
        profile=config.log.profile,
        cache=config.data.cache,
        **({"check": run.lock.check} if run.lock else {}),
    )


def stage_settings(run: Run, stage: Stage, loras: Loras) -> dict[str, Any]:
    """Return everything that decides what a stage's adapter becomes, as JSON."""
    config, data = stage_config(run.config, stage), run.data
    splits = ("rl", "sft") if stage.objective == "joint" else ("rl",) if stage.on_policy else ("sft",)
    settings = {
        "stage": {name: value for name, value in dataclasses.asdict(stage).items() if name != "variant"},  # in "grpo"
        "base": run.base.fingerprint,
        "model": config.model.to_dict() | {"path": ""},  # `base` identifies the weights; their folder may move
        "prompt": config.prompt.to_dict(),
        "adapter": {name: config.adapters[name].to_dict() for name in stage.adapter_configs},
        "adapters below": {name: fingerprint(loras[name].modules) for name in stage.needs},
        "data": {split: data.fingerprints[split] for split in splits},
    }
    if stage.on_policy:
        path = config.grpo.feedback  # a file, which may move
        settings["grpo"] = config.grpo.to_dict() | {"feedback": sha256(path) if path else ""}
        for name in MEASUREMENTS:
            del settings["grpo"][name]
    if "sft" in splits:
        settings["sft"] = config.sft.to_dict()
    return json.loads(json.dumps(settings))
