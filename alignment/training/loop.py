"""The thin loop around a step: resume, progress, metrics, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

from etils import epath

from alignment.common import interrupts
from alignment.common.progress import progress, warn
from alignment.errors import UserError
from alignment.training.checkpoint import restore_latest, save
from alignment.training.metrics import FILE, open_metrics
from alignment.training.profile import Profiler
from alignment.training.state import TrainState

LAYOUT = "2"  # of what a checkpoint holds beside the state; 2: the metrics themselves
Body = Callable[[TrainState, int], tuple[TrainState, dict[str, float]]]


@dataclasses.dataclass(frozen=True)
class Session:
    """Where a stage keeps its things, and what it stands on."""

    folder: epath.Path
    label: str  # of the progress bar
    hashes: Mapping[str, str]  # of base, frozen adapters, data and stage config
    every: int = 10  # steps between checkpoints
    keep: int = 2
    seed: int = 0  # of the data order
    cache: str = ""  # folder of tokenised records; "": the user's cache folder
    log: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # keyword arguments of `open_metrics`
    profile: int = 0  # steps to trace
    check: Callable[[], None] = lambda: None  # called before a save; raises where the folder is no longer this run's


def run_loop(session: Session, state: TrainState, steps: int, body: Body) -> TrainState:
    """Run `body` until `steps` steps are done, from the newest intact checkpoint or from the start.

    `body(state, step)` does step number `step` (0-based) and returns the new state with a row of metrics. All that a
    step depends on is in the state and its number, so a resumed run ends with the same bits. On Ctrl-C and SIGTERM the
    last whole step is saved; a body that consumes its state calls `interrupts.commit_step` first.

    Raises:
      UserError: the checkpoint was written on another base, adapter, data or configuration; or the disk is full.
      Interrupted: a signal asked the process to end.
    """
    state, start, content = _resume(session, state)
    profiler = Profiler(session.folder / "profile", session.profile)
    with (
        open_metrics(session.folder, content, **session.log) as metrics,
        contextlib.closing(profiler),
        progress(steps, session.label, "step", initial=start) as shown,
        interrupts.deferred(),
    ):
        done = saved = start
        try:
            while done < steps:
                began = time.perf_counter()
                with profiler.step(done), interrupts.step():
                    state, row = body(state, done)
                    done += 1
                row["time/step"] = time.perf_counter() - began
                metrics.write({"step": done} | row)
                shown.update(headline=_headline(row))
                if done % session.every == 0 or done == steps:
                    _save(session, state, done, metrics.content)
                    saved = done
                interrupts.raise_if_requested()
        except interrupts.Interrupted:
            if done > saved:
                _save(session, state, done, metrics.content)
                warn(f"{session.label}: step {done} is saved")
            raise
    return state


def _headline(row: Mapping[str, float]) -> dict[str, str]:
    names = {"nll": "nll", "reward": "reward/mean", "kl": "kl/mean", "length": "completion/length_mean"}
    return {short: f"{row[name]:.3g}" for short, name in names.items() if name in row}


def _resume(session: Session, state: TrainState) -> tuple[TrainState, int, bytes]:
    """Return the state to go on from, how many steps it has behind it and the metrics of those."""
    restored = restore_latest(session.folder / "checkpoints", state, log=warn)
    if restored is None:
        return state, 0, b""
    step, state, meta = restored
    hashes = _hashes(session)
    changed = [name for name, value in hashes.items() if meta["hashes"].get(name) != value]
    if changed:
        raise UserError(
            f"{session.folder}: the checkpoint of step {step} was written with another {' and '.join(changed)}; "
            "restore what it was written with or choose another --workdir"
        )
    content = meta["metrics"].encode()
    path = session.folder / FILE
    if not (path.exists() and path.read_bytes().startswith(content)):
        warn(f"{path}: damaged or missing; its {step} rows are restored from the checkpoint")
    return state, step, content


def _save(session: Session, state: TrainState, step: int, content: bytes) -> None:
    session.check()
    meta = {"hashes": _hashes(session), "metrics": content.decode(), "data_position": step}
    save(session.folder / "checkpoints", step, state, meta, session.keep)


def _hashes(session: Session) -> dict[str, str]:
    return {**session.hashes, "layout of checkpoints": LAYOUT}
