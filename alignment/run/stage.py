"""Training one stage, unless its finished adapter is in the workdir."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from alignment.adapters.compose import merge
from alignment.adapters.lora import Lora, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import make_stack
from alignment.arms import SNAPSHOT, Stage
from alignment.common.manifest import MANIFEST, digest_of, seal
from alignment.common.progress import say, warn
from alignment.parallel.data_parallel import Devices
from alignment.rollout.base_model import BaseModel
from alignment.rollout.keys import stage_key
from alignment.run.setup import Run
from alignment.run.store import claim, damage_of, stage_folder
from alignment.training import grpo, sft
from alignment.training.checkpoint import fingerprint
from alignment.training.loop import Session
from alignment.training.monitor import MonitorConfig
from alignment.training.state import Frozen

Loras = dict[str, Lora]


def run_stage(run: Run, stage: Stage, seed: int, loras: Loras, label: str) -> Lora:
    """Return the adapter of `stage`, training it unless a finished one is there.

    Raises:
      UserError: the workdir holds this stage with other settings.
    """
    folder = stage_folder(run.workdir, stage, seed)
    settings = stage_settings(run, stage, loras)
    known = claim(folder / "stage.json", settings)
    adapter = folder / "adapter"
    if adapter.exists() or (folder / MANIFEST).exists():
        reason = damage_of(adapter) or damage_of(folder) if known else f"{folder / 'stage.json'} was damaged or missing"
        if reason is None:
            say(f"{label}: done before")
            return load_peft(str(adapter))
        warn(f"{reason}; going on from the last checkpoint")
    lora = train_stage(run, stage, seed, loras, session_of(run, folder, settings, seed, label))
    if adapter.exists():  # only now that its successor is there
        adapter.rmtree()
    save_peft(str(adapter), lora, run.config.model.path or "nano")
    seal(adapter)
    seal(folder, ("stage.json", "metrics.jsonl"))
    return load_peft(str(adapter))


def train_stage(run: Run, stage: Stage, seed: int, loras: Loras, session: Session) -> Lora:
    """Train one stage from its start (or its newest checkpoint)."""
    config, base, data = run.config, run.base, run.data
    key = stage_key(seed, stage.name)
    lora = loras[stage.start] if stage.start else fresh_lora(run, stage.section, seed)
    frozen = frozen_under(base, run.sampler.devices, stage, loras, lora)
    if not stage.on_policy:
        response = stage.objective.removeprefix("sft_")
        return sft.train_sft(base, run.options, frozen, lora, data.sft, config.sft, session, key, response)
    monitor_config, joint = MonitorConfig(**config.watch), None
    if stage.objective == "joint":
        examples = sft.encode_examples(base, data.sft, "cot", config.sft.max_tokens, config.data.cache)
        joint = grpo.Joint(examples, config.sft, config.grpo.joint_weight, seed)
    models = run.sampler, run.options, frozen, lora
    return grpo.train_grpo(*models, data.rl, config.grpo, session, key, monitor_config, joint)


def frozen_under(base: BaseModel, devices: Devices, stage: Stage, loras: Loras, start: Lora) -> Frozen:
    """The base (with `merged` adapters folded in), the adapters under the trainable one, and the KL reference."""
    if stage.reference == SNAPSHOT:
        reference = make_stack({f"{stage.name} at its start": start})
    else:
        reference = make_stack({name: loras[name] for name in stage.reference})
    under = make_stack({name: loras[name] for name in stage.under})
    params = merged_params(base, devices, stage.merged, loras)
    return Frozen(params, *devices.replicate((under, reference)))


def merged_params(base: BaseModel, devices: Devices, names: Sequence[str], loras: Loras) -> dict:
    """The base parameters with the named adapters folded in, in float32; the base itself where none is named."""
    if not names:
        return base.params
    return devices.replicate(merge(base.params, make_stack({name: loras[name] for name in names})))


def fresh_lora(run: Run, section: str, seed: int) -> Lora:
    """A fresh adapter shaped by `config.adapters.<section>`; "both" adds the two ranks and alphas.

    The key depends on the seed and the section alone, so that arms which start an adapter of the same shape start the
    same one.
    """
    adapters, model = run.config.adapters, run.base.config
    shape = adapters.reasoning if section == "both" else adapters[section]
    extra = adapters.reward if section == "both" else None
    return init_lora(
        stage_key(seed, f"init {section}"),
        model.linear_shapes,
        model.num_hidden_layers,
        rank=shape.rank + (extra.rank if extra else 0),
        alpha=shape.alpha + (extra.alpha if extra else 0.0),
        targets=shape.targets,
        scaling=shape.scaling,
        init=shape.init,
        dropout=shape.dropout,
    )


def session_of(run: Run, folder: epath.Path, settings: Mapping[str, Any], seed: int, label: str) -> Session:
    """The stage's session: its folder, its label and the hashes its checkpoints must agree with."""
    config = run.config
    hashes = {"stage configuration": digest_of(settings), "base": run.base.fingerprint}
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
    """Everything that decides what a stage's adapter becomes, as JSON."""
    config, data = run.config, run.data
    splits = ("rl", "sft") if stage.objective == "joint" else ("rl",) if stage.on_policy else ("sft",)
    sections = ("reasoning", "reward") if stage.section == "both" else (stage.section,)
    settings = {
        "stage": dataclasses.asdict(stage),
        "base": run.base.fingerprint,
        "model": config.model.to_dict() | {"path": ""},  # the fingerprint says which weights; folders may move
        "prompt": config.prompt.to_dict(),
        "adapter": {name: config.adapters[name].to_dict() for name in sections},
        "adapters below": {name: fingerprint(loras[name].modules) for name in stage.needs},
        "data": {split: data.fingerprints[split] for split in splits},
    }
    if stage.on_policy:
        settings["grpo"] = config.grpo.to_dict() | {"feedback": _file_digest(config.grpo.feedback)}
    if "sft" in splits:
        settings["sft"] = config.sft.to_dict()
    return json.loads(json.dumps(settings))


def _file_digest(path: str) -> str:
    """The SHA-256 of a file, which may move; "" for none."""
    return hashlib.sha256(epath.Path(path).read_bytes()).hexdigest() if path else ""
