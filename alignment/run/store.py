"""The layout of a workdir, and what is written there: claims, seals and responses.

<workdir>/run.lock                       held while a run works in the folder; names its process
<workdir>/seed<k>/<stage>/stage.json     the settings of the stage; others are refused with a diff
<workdir>/seed<k>/<stage>/metrics.jsonl  one row per step
<workdir>/seed<k>/<stage>/checkpoints/   while it trains
<workdir>/seed<k>/<stage>/adapter/       the finished adapter as a PEFT folder, sealed by a hashed manifest
<workdir>/seed<k>/<stage>/MANIFEST.json  seals stage.json and metrics.jsonl of a finished stage
<workdir>/seed<k>/arms/<arm>/            settings and responses of a finished arm, sealed by a manifest
<workdir>/seed<k>/arms/<arm>/samples/    the same of its sampled responses (config.eval.samples)
<workdir>/seed<k>/arms/<arm>/dev/        the same of its responses to data.dev; dev_samples/: of the sampled ones
<workdir>/seed<k>/arms/<arm>/likelihood/ the same of its option likelihoods (config.eval.likelihood)
<workdir>/untrained/arms/base/           the same of the base, which no seed changes
<workdir>/recipe.py                      every leaf of the configuration of the last `ablate`; `--config=` reads it
<workdir>/results.json, report.html      the rows of all arms and seeds, and the report
<workdir>/preregistration.json           the file of hypotheses as the first run in the folder had it
<workdir>/hypotheses.json                the answers to them
<workdir>/ledger.json                    what each reward stage gained and cost, by measured step
<workdir>/verdicts.json                  whether each rewarded arm learned, by decoding and seed
<workdir>/matrix.json, next_round/       the alignment matrix, and the configurations that it proposes

Nothing of an earlier run is used before its hash is compared. What is damaged is made again, with a warning.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from alignment.arms import Arm, Stage, get_arm, stage_order
from alignment.common.declaration import flatten
from alignment.common.fields import shorten
from alignment.common.files import check_file, read_text, write_json, write_text
from alignment.common.lock import NAME, Lock, locked
from alignment.common.manifest import MANIFEST, digest_of, find_corruption, read_claim
from alignment.common.progress import warn
from alignment.common.recipe import RECIPE, recipe_file
from alignment.config import LEAVES, RENAMED
from alignment.errors import UserError
from alignment.evaluation.preregistration import Registration, compare_with_record, parse_registration
from alignment.evaluation.results import plain
from alignment.record import Record
from alignment.text.parser import Response, parse
from alignment.text.templates import Template

REGISTERED = "preregistration.json"
RUN_FILES = (
    "results.json",
    "verdicts.json",
    "hypotheses.json",
    "ledger.json",
    "report.html",
    "matrix.json",
    RECIPE,
    REGISTERED,
)
STAGE_FILES = (
    "stage.json",
    "metrics.jsonl",
    "wandb_id.txt",
    MANIFEST,
    f"adapter/{MANIFEST}",
    "checkpoints/1/state.json",
)
ARM_FILES = ("arm.json", "responses.jsonl", MANIFEST)
ARM_FILES += tuple(f"{folder}/{name}" for folder in ("samples", "dev", "dev_samples") for name in ARM_FILES)
ARM_FILES += tuple(f"likelihood/{name}" for name in ("arm.json", "options.jsonl", MANIFEST))
# Recorded settings under the names that they had when earlier versions wrote stage.json and arm.json.
RENAMED_SETTINGS = RENAMED | {"stage.section": "stage.adapter"}
DESCRIPTIONS = {"stage.about", "arm.about"}  # recorded for people to read: they decide nothing


def lock_workdir(workdir: str) -> contextlib.AbstractContextManager[Lock]:
    """Hold a workdir for one run, from before anything is loaded until everything is written.

    Raises:
      UserError: it cannot be written, or another run works in it.
    """
    return locked(epath.Path(workdir) / NAME, f"--workdir={workdir}", warn)


def check_layout(config: ConfigDict, workdir: epath.Path) -> None:
    """Raise `UserError` where a folder has the name of a file that the run will write, or a file that of a folder."""
    stages = {f"seed{seed}/{stage.name}" for seed in config.seeds for stage in stage_order(config.arms)}
    arms = {arm_folder(get_arm(name), seed) for seed in config.seeds for name in config.arms}
    names = [*RUN_FILES, *(f"next_round/{name}.py" for name in config.arms)]
    names += [f"{stage}/{name}" for stage in sorted(stages) for name in STAGE_FILES]
    names += [f"{arm}/{name}" for arm in sorted(arms) for name in ARM_FILES]
    for name in names:
        check_file(workdir / name)


def write_recipe(workdir: epath.Path, config: ConfigDict) -> None:
    """Write every leaf of the configuration as run, as a file that `--config=` reads."""
    about = "The configuration of the run in this folder, with every leaf."
    write_text(workdir / RECIPE, recipe_file(about, flatten(config)))


def record_registration(workdir: epath.Path, registration: Registration, arms: Collection[str]) -> Registration:
    """Record a file of hypotheses before the run, unless one is on record, and return it compared with the record.

    Args:
      workdir: of the run; registration: the file as it is now; arms: the names that it may use.
    """
    path = workdir / REGISTERED
    recorded = read_claim(path)
    if recorded is None:
        if path.exists():
            warn(f"{path}: damaged; written again, and no hypothesis counts as registered before the run")
        after = path.exists() or any(workdir.glob("*/arms/*/responses.jsonl"))
        recorded = {"path": registration.path, "text": registration.text, "after_answers": after}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**recorded, "sha256": digest_of(recorded)})
    earlier = parse_registration(recorded["text"], str(path), arms)
    return compare_with_record(registration, earlier, recorded["after_answers"])


def stage_folder(workdir: epath.Path, stage: Stage, seed: int) -> epath.Path:
    """Return the folder of a stage of a seed."""
    return workdir / f"seed{seed}" / stage.name


def arm_folder(arm: Arm, seed: int) -> str:
    """Return the folder of an arm's responses, relative to the workdir."""
    return f"{f'seed{seed}' if arm.serves or arm.merged else 'untrained'}/arms/{arm.name}"


def describe_corruption(folder: epath.Path) -> str | None:
    """Return what is wrong with a sealed folder, after the folder's name; None where nothing is."""
    reason = find_corruption(folder)
    return reason and f"{folder}: {reason}"


def claim(path: epath.Path, settings: Mapping[str, Any]) -> bool:
    """Write `settings` to `path`, or check that they are what is recorded there; return whether they were.

    Settings recorded under names that have changed since count as the present ones, and a leaf of the configuration
    that was not recorded, because it is newer, as its default, which does what was done before it. A missing or damaged
    file (its hash is in it) is written, and what lies beside it must then be made again.

    Raises:
      UserError: they differ; the message lists what changed, old value and new.
    """
    recorded = read_claim(path)
    if recorded is None:
        if path.exists():
            warn(f"{path}: damaged; written again")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**settings, "sha256": digest_of(settings)})
        return False
    old = {RENAMED_SETTINGS.get(name, name): value for name, value in flatten(recorded).items()}
    new = flatten(settings)
    old |= {name: plain(LEAVES[name].default) for name in (new.keys() - old.keys()) & LEAVES.keys()}
    names = sorted((old.keys() | new.keys()) - DESCRIPTIONS)
    if changed := [name for name in names if old.get(name) != new.get(name)]:
        values = [(name, *(shorten(side.get(name), 60) for side in (old, new))) for name in changed]
        diff = "; ".join(f"{name}: {before} -> {now}" for name, before, now in values)
        raise UserError(f"{path.parent} was run with other settings ({diff}); restore them or choose another --workdir")
    return True


def write_responses(path: epath.Path, records: Sequence[Record], responses: Sequence[Sequence[Response]]) -> None:
    """Write the responses [N][k] to N records atomically, one JSON object per line, record by record."""
    rows = [
        {
            "id": record.id,
            "gold": record.gold,
            "letter": response.letter,
            "truncated": response.truncated,
            "text": response.text,
        }
        for record, group in zip(records, responses, strict=True)
        for response in group
    ]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_responses(path: epath.Path, records: Sequence[Record], template: Template) -> list[list[Response]]:
    """Parse stored responses again, [N][k], so that new and stored ones are parsed by the same code."""
    rows = [json.loads(line) for line in read_text(path).splitlines()]
    count = len(rows) // len(records)
    groups = [rows[start : start + count] for start in range(0, len(rows), count)]
    return [
        [parse(row["text"], record.options, template, truncated=row["truncated"]) for row in group]
        for group, record in zip(groups, records, strict=True)
    ]
