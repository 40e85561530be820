"""The layout of a workdir, and what is written there: claims, seals and responses.

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
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from alignment.arms import Arm, Stage, get_arm, stage_order
from alignment.common.files import check_file, read_text, write_json, write_text
from alignment.common.lock import NAME, Lock, locked
from alignment.common.manifest import MANIFEST, damage, digest_of
from alignment.common.progress import warn
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.parser import Response, parse
from alignment.text.templates import Template

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


def lock_workdir(workdir: str) -> contextlib.AbstractContextManager[Lock]:
    """Hold a workdir for one run, from before anything is loaded until everything is written.

    Raises:
      UserError: it cannot be written, or another run works in it.
    """
    return locked(epath.Path(workdir) / NAME, f"--workdir={workdir}", warn)


def check_places(config: ConfigDict, workdir: epath.Path) -> None:
    """Raise `UserError` where a file that a run writes last has a folder's name, or a folder that of a file."""
    stages = {f"seed{seed}/{stage.name}" for seed in config.seeds for stage in stage_order(config.arms)}
    arms = {arm_folder(get_arm(name), seed) for seed in config.seeds for name in config.arms}
    names = [*RUN_FILES, *(f"next_round/{name}.py" for name in config.arms)]
    names += [f"{stage}/{name}" for stage in sorted(stages) for name in STAGE_FILES]
    names += [f"{arm}/{name}" for arm in sorted(arms) for name in ARM_FILES]
    for name in names:
        check_file(workdir / name)


def stage_folder(workdir: epath.Path, stage: Stage, seed: int) -> epath.Path:
    """Where a stage of a seed keeps its things."""
    return workdir / f"seed{seed}" / stage.name


def arm_folder(arm: Arm, seed: int) -> str:
    """The folder of an arm's responses, below the workdir."""
    return f"{f'seed{seed}' if arm.serves or arm.merged else 'untrained'}/arms/{arm.name}"


def damage_of(folder: epath.Path) -> str | None:
    """Return what is wrong with a sealed folder, beginning with its name; None where nothing is."""
    reason = damage(folder)
    return reason and f"{folder}: {reason}"


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


def write_responses(path: epath.Path, records: Sequence[Record], responses: Sequence[Response]) -> None:
    """Write the responses, one JSON object a line, in one go."""
    rows = [
        {
            "id": record.id,
            "gold": record.gold,
            "letter": response.letter,
            "truncated": response.truncated,
            "text": response.text,
        }
        for record, response in zip(records, responses, strict=True)
    ]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def read_responses(path: epath.Path, records: Sequence[Record], template: Template) -> list[Response]:
    """Parse stored responses again, so that fresh and stored ones are read alike."""
    rows = [json.loads(line) for line in read_text(path).splitlines()]
    return [
        parse(row["text"], record.options, template, truncated=row["truncated"])
        for row, record in zip(rows, records, strict=True)
    ]
