"""Running an experiment: every stage the arms need, once a seed, then every arm's answers; resumable at any point.

<workdir>/run.lock                       while a run works in the folder: whose it is
<workdir>/seed<k>/<stage>/stage.json     what the stage was run with; another setting is refused with a diff
<workdir>/seed<k>/<stage>/metrics.jsonl  one row a step
<workdir>/seed<k>/<stage>/checkpoints/   while it trains
<workdir>/seed<k>/<stage>/adapter/       the finished adapter as a PEFT folder, sealed by a hashed manifest
<workdir>/seed<k>/<stage>/MANIFEST.json  seals stage.json and metrics.jsonl of a finished stage
<workdir>/seed<k>/arms/<arm>/            settings and responses of a finished arm, sealed by a manifest
<workdir>/untrained/arms/base/           those of the base, which no seed changes

Nothing is taken over from an earlier run before its hash is compared. What is damaged is made again, and said.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from etils import epath
from ml_collections import ConfigDict

from alignment.adapters.compose import merge
from alignment.adapters.lora import Lora, init_lora
from alignment.adapters.peft import load_peft, save_peft
from alignment.adapters.stack import Stack, make_stack
from alignment.arms import SNAPSHOT, Arm, Stage, get_arm, rewarded_stage, stage_order
from alignment.common.files import check_file, read_text, write_json, write_text
from alignment.common.lock import NAME, Lock, locked
from alignment.common.manifest import MANIFEST, damage, digest_of, seal
from alignment.common.progress import say, warn
from alignment.config_checks import check_config
from alignment.data.load import Data, load_data
from alignment.errors import UserError
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.curves import read_curve
from alignment.evaluation.generate import answer, sampling_of
from alignment.evaluation.stability import stability
from alignment.parallel.data_parallel import Devices, choose_devices
from alignment.reward_model.model import make_reward_function, uses_reward_model
from alignment.rollout.base_model import BaseModel
from alignment.rollout.keys import stage_key
from alignment.rollout.sampler import Sampler, load_sampler
from alignment.text.parser import Response, parse
from alignment.training import grpo, sft
from alignment.training.calibration import reward_config_of
from alignment.training.checkpoint import environment, fingerprint
from alignment.training.loop import Session
from alignment.training.monitor import MonitorConfig, monitor_summary
from alignment.training.options import TrainingOptions, make_training_options
from alignment.training.state import Frozen
from alignment.training.usable import drop_unusable

Loras = dict[str, Lora]
RUN_FILES = ("results.json", "report.html", "matrix.json")
STAGE_FILES = (
    "stage.json",
    "metrics.jsonl",
    "wandb_id.txt",
    MANIFEST,
    f"adapter/{MANIFEST}",
    "checkpoints/1/state.json",
)
ARM_FILES = ("arm.json", "responses.jsonl", MANIFEST)


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What all stages and arms of a run share."""

    config: ConfigDict
    workdir: epath.Path
    sampler: Sampler
    options: TrainingOptions
    data: Data
    lock: Lock | None = None  # on the workdir; without one, `run_experiment` takes it for as long as it runs

    @property
    def base(self) -> BaseModel:
        """The base that is trained and sampled from."""
        return self.sampler.base


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One arm at one seed: its results row, its greedy responses and the curve of its rewarded stage."""

    row: dict[str, Any]
    responses: list[Response]
    curve: list[dict[str, float]]


def lock_workdir(workdir: str) -> contextlib.AbstractContextManager[Lock]:
    """Hold a workdir for one run, from before anything is loaded until everything is written.

    Raises:
      UserError: it cannot be written, or another run works in it.
    """
    return locked(epath.Path(workdir) / NAME, f"--workdir={workdir}", warn)


def open_experiment(config: ConfigDict, workdir: str, lock: Lock | None = None) -> Experiment:
    """Check the configuration, load the base and the data, and check that everything fits before the first step.

    Raises:
      UserError: an unknown name, a value out of its range, sizes that do not divide, too many unusable records, bad
        weights or data, a folder where a file of the run belongs or the reverse. What the configuration alone shows is
        raised before anything is loaded.
    """
    check_config(config)
    stages = stage_order(config.arms)
    reward_config_of(config.grpo)
    MonitorConfig(**config.watch)
    sampling_of(config.eval)
    check_places(config, epath.Path(workdir))
    devices = choose_devices(config.parallel.mode, config.parallel.devices)
    supervised = any(stage.objective != "grpo" for stage in stages)
    on_policy = any(stage.on_policy for stage in stages)
    if supervised:
        sft.check_sizes(config.sft, len(devices.devices))
    if on_policy:
        grpo.check_sizes(config.grpo, len(devices.devices))
        uses_reward_model(config.grpo)
    data = load_data(config.data, training=[role for role, used in (("rl", on_policy), ("sft", supervised)) if used])
    if on_policy:
        grpo.check_records(config.grpo, len(data.rl))
    options, sampler = make_training_options(config, devices), load_sampler(config, devices)
    if on_policy:
        make_reward_function(config.grpo, sampler.base)
    responses = {stage.objective.removeprefix("sft_") if stage.objective != "joint" else "cot" for stage in stages}
    data = drop_unusable(sampler.base, data, config, sorted(responses - {"grpo"}))
    if on_policy:
        grpo.check_records(config.grpo, len(data.rl))  # again, of those that are left
    return Experiment(config, epath.Path(workdir), sampler, options, data, lock)


def check_places(config: ConfigDict, workdir: epath.Path) -> None:
    """Raise `UserError` where a file that a run writes last has a folder's name, or a folder that of a file."""
    stages = {f"seed{seed}/{stage.name}" for seed in config.seeds for stage in stage_order(config.arms)}
    arms = {_arm_folder(get_arm(name), seed) for seed in config.seeds for name in config.arms}
    names = [*RUN_FILES, *(f"next_round/{name}.py" for name in config.arms)]
    names += [f"{stage}/{name}" for stage in sorted(stages) for name in STAGE_FILES]
    names += [f"{arm}/{name}" for arm in sorted(arms) for name in ARM_FILES]
    for name in names:
        check_file(workdir / name)


def describe_run(experiment: Experiment) -> dict[str, Any]:
    """What was run, for the head of the report."""
    base = experiment.base
    return {
        "model": experiment.config.model.path or "embedded nano base",
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(base.params)),
        "weights SHA-256": base.fingerprint,
        "config": experiment.config.to_dict(),
        "versions": environment(),
    }


def run_experiment(experiment: Experiment) -> list[Outcome]:
    """Run what is not yet done of every seed and arm; return the outcomes, seed by seed."""
    if experiment.lock is None:
        with lock_workdir(str(experiment.workdir)) as lock:
            return run_experiment(dataclasses.replace(experiment, lock=lock))
    config, outcomes = experiment.config, []
    tasks = _numbered(config)
    for seed in config.seeds:
        loras: Loras = {}
        for stage in stage_order(config.arms):
            loras[stage.name] = run_stage(experiment, stage, seed, loras, label=next(tasks))
        outcomes += [run_arm(experiment, get_arm(name), seed, loras, label=next(tasks)) for name in config.arms]
    return outcomes


def _numbered(config: ConfigDict) -> Iterator[str]:
    names = [*(stage.name for stage in stage_order(config.arms)), *(f"evaluate {arm}" for arm in config.arms)]
    tasks = [(seed, name) for seed in config.seeds for name in names]
    for index, (seed, name) in enumerate(tasks, start=1):
        yield f"[{index}/{len(tasks)}] seed {seed} {name}"


# ------------------------------------------------------------------------------------------------------------- stages


def stage_folder(experiment: Experiment, stage: Stage, seed: int) -> epath.Path:
    """Where a stage of a seed keeps its things."""
    return experiment.workdir / f"seed{seed}" / stage.name


def run_stage(experiment: Experiment, stage: Stage, seed: int, loras: Loras, label: str) -> Lora:
    """Return the adapter of `stage`, training it unless a finished one is there.

    Raises:
      UserError: the workdir holds this stage with other settings.
    """
    folder = stage_folder(experiment, stage, seed)
    settings = stage_settings(experiment, stage, loras)
    known = claim(folder / "stage.json", settings)
    adapter = folder / "adapter"
    if adapter.exists() or (folder / MANIFEST).exists():
        reason = damage_of(adapter) or damage_of(folder) if known else f"{folder / 'stage.json'} was damaged or missing"
        if reason is None:
            say(f"{label}: done before")
            return load_peft(str(adapter))
        warn(f"{reason}; going on from the last checkpoint")
    lora = train_stage(experiment, stage, seed, loras, session_of(experiment, folder, settings, seed, label))
    if adapter.exists():  # only now that its successor is there
        adapter.rmtree()
    save_peft(str(adapter), lora, experiment.config.model.path or "nano")
    seal(adapter)
    seal(folder, ("stage.json", "metrics.jsonl"))
    return load_peft(str(adapter))


def damage_of(folder: epath.Path) -> str | None:
    """Return what is wrong with a sealed folder, beginning with its name; None where nothing is."""
    reason = damage(folder)
    return reason and f"{folder}: {reason}"


def train_stage(experiment: Experiment, stage: Stage, seed: int, loras: Loras, session: Session) -> Lora:
    """Train one stage from its start (or its newest checkpoint)."""
    config, base, data = experiment.config, experiment.base, experiment.data
    key = stage_key(seed, stage.name)
    lora = loras[stage.start] if stage.start else fresh_lora(experiment, stage.section, seed)
    frozen = frozen_under(base, experiment.sampler.devices, stage, loras, lora)
    if not stage.on_policy:
        response = stage.objective.removeprefix("sft_")
        return sft.train_sft(base, experiment.options, frozen, lora, data.sft, config.sft, session, key, response)
    monitor_config, joint = MonitorConfig(**config.watch), None
    if stage.objective == "joint":
        examples = sft.encode_examples(base, data.sft, "cot", config.sft.max_tokens, config.data.cache)
        joint = grpo.Joint(examples, config.sft, config.grpo.joint_weight, seed)
    models = experiment.sampler, experiment.options, frozen, lora
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


def fresh_lora(experiment: Experiment, section: str, seed: int) -> Lora:
    """A fresh adapter shaped by `config.adapters.<section>`; "both" adds the two ranks and alphas.

    The key depends on the seed and the section alone, so that arms which start an adapter of the same shape start the
    same one.
    """
    adapters, model = experiment.config.adapters, experiment.base.config
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


def session_of(
    experiment: Experiment, folder: epath.Path, settings: Mapping[str, Any], seed: int, label: str
) -> Session:
    """The stage's session: its folder, its label and the hashes its checkpoints must agree with."""
    config = experiment.config
    hashes = {"stage configuration": digest_of(settings), "base": experiment.base.fingerprint}
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
        **({"check": experiment.lock.check} if experiment.lock else {}),
    )


def stage_settings(experiment: Experiment, stage: Stage, loras: Loras) -> dict[str, Any]:
    """Everything that decides what a stage's adapter becomes, as JSON."""
    config, data = experiment.config, experiment.data
    splits = ("rl", "sft") if stage.objective == "joint" else ("rl",) if stage.on_policy else ("sft",)
    sections = ("reasoning", "reward") if stage.section == "both" else (stage.section,)
    settings = {
        "stage": dataclasses.asdict(stage),
        "base": experiment.base.fingerprint,
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


def claim(path: epath.Path, settings: Mapping[str, Any]) -> bool:
    """Write `settings` to `path`, or check that they are what is written there; return whether they were.

    Where the file is missing or damaged (its hash is in it), nothing tells whether what lies beside it was made with
    these settings.

    Raises:
      UserError: they differ; the message lists what changed, old value and new.
    """
    written = read_claim(path)
    if written is None:
        if path.exists():
            warn(f"{path}: damaged; written again")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**settings, "sha256": digest_of(settings)})
        return False
    old, new = _flat(written), _flat(settings)
    names = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if names:
        diff = "; ".join(f"{name}: {_short(old.get(name))} -> {_short(new.get(name))}" for name in names)
        raise UserError(f"{path.parent} was run with other settings ({diff}); restore them or choose another --workdir")
    return True


def read_claim(path: epath.Path) -> dict[str, Any] | None:
    """Return the settings that `claim` wrote to `path`; None where there are none or they are damaged."""
    try:
        settings = json.loads(read_text(path))
        digest = settings.pop("sha256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return settings if digest == digest_of(settings) else None


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, Mapping):
        return {prefix: tree}
    return {
        key: value for name, child in tree.items() for key, value in _flat(child, f"{prefix}.{name}".strip(".")).items()
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _file_digest(path: str) -> str:
    """The SHA-256 of a file, which may move; "" for none."""
    return hashlib.sha256(epath.Path(path).read_bytes()).hexdigest() if path else ""


# --------------------------------------------------------------------------------------------------------------- arms


def served_stack(arm: Arm, loras: Loras) -> Stack:
    """The adapters attached when an arm answers."""
    return make_stack({name: loras[name] for name in arm.serves})


def run_arm(experiment: Experiment, arm: Arm, seed: int, loras: Loras, label: str) -> Outcome:
    """Return an arm's outcome, answering the evaluation records unless that was done before."""
    folder = experiment.workdir / _arm_folder(arm, seed)
    known = claim(folder / "arm.json", arm_settings(experiment, arm, loras))
    stored = folder / "responses.jsonl"
    reason = damage_of(folder) if known else f"{folder / 'arm.json'} was damaged or missing"
    if reason is None:
        say(f"{label}: done before")
    else:
        if stored.exists() or (folder / MANIFEST).exists():
            warn(f"{reason}; answering again")
        write_responses(stored, experiment, generate(experiment, arm, loras, label))
        seal(folder, ("arm.json", "responses.jsonl"))
    responses = read_responses(stored, experiment)
    stage = rewarded_stage(arm)
    curve = read_curve(stage_folder(experiment, stage, seed) / "metrics.jsonl") if stage else []
    return Outcome(make_row(experiment, arm, seed, responses, curve), responses, curve)


def _arm_folder(arm: Arm, seed: int) -> str:
    return f"{f'seed{seed}' if arm.serves or arm.merged else 'untrained'}/arms/{arm.name}"


def generate(experiment: Experiment, arm: Arm, loras: Loras, label: str) -> list[Response]:
    """Answer the evaluation records greedily with the arm's policy."""
    sampler = experiment.sampler
    sampler = sampler.with_params(merged_params(sampler.base, sampler.devices, arm.merged, loras))
    return answer(sampler, served_stack(arm, loras), experiment.data.eval, experiment.config.eval, label=label)


def arm_settings(experiment: Experiment, arm: Arm, loras: Loras) -> dict[str, Any]:
    """Everything that decides an arm's answers, as JSON."""
    config = experiment.config
    served = dict.fromkeys((*arm.merged, *arm.serves))
    return json.loads(
        json.dumps(
            {
                "arm": dataclasses.asdict(arm),
                "base": experiment.base.fingerprint,
                "model": {"dtype": config.model.dtype},
                "prompt": config.prompt.to_dict(),
                "eval": config.eval.to_dict(),
                "data": experiment.data.fingerprints["eval"],
                "adapters": {name: fingerprint(loras[name].modules) for name in served},
            }
        )
    )


def make_row(
    experiment: Experiment, arm: Arm, seed: int, responses: Sequence[Response], curve: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """One row of results.json: accuracy, auditability and stability of an arm at a seed."""
    records, stage = experiment.data.eval, rewarded_stage(arm)
    rewarded = reward_config_of(experiment.config.grpo).weights if stage else ()
    left_out = {role: list(ids) for role, ids in experiment.data.left_out.items()}
    row = {"arm": arm.name, "seed": seed, "about": arm.about, "left_out": left_out}
    row |= summarise(responses, records)
    row |= audit(responses, records, rewarded=tuple(rewarded))
    return row | stability(curve) | monitor_summary(curve, MonitorConfig(**experiment.config.watch))


def write_responses(path: epath.Path, experiment: Experiment, responses: Sequence[Response]) -> None:
    """Write the responses, one JSON object a line, in one go."""
    rows = [
        {
            "id": record.id,
            "gold": record.gold,
            "letter": response.letter,
            "truncated": response.truncated,
            "text": response.text,
        }
        for record, response in zip(experiment.data.eval, responses, strict=True)
    ]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_responses(path: epath.Path, experiment: Experiment) -> list[Response]:
    """Parse stored responses again, so that fresh and stored ones are read alike."""
    rows = [json.loads(line) for line in read_text(path).splitlines()]
    return [
        parse(row["text"], record.options, experiment.base.template, truncated=row["truncated"])
        for row, record in zip(rows, experiment.data.eval, strict=True)
    ]
