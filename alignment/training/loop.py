"""The loop around the steps of a stage: resume, progress, metrics, checkpoints."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from etils import epath

from alignment.common import interrupts
from alignment.common.progress import progress, warn
from alignment.common.surroundings import pretend_shortage
from alignment.errors import UserError
from alignment.parallel.compilation import watch_compilations
from alignment.training.checkpoint import restore_latest, save
from alignment.training.metrics import FILE, open_metrics
from alignment.training.profile import Profiler
from alignment.training.state import StageState, TrainState

# The metrics that the progress bar shows, and what it calls them.
HEADLINE = {"nll": "nll", "reward": "reward/mean", "kl": "kl/mean", "length": "completion/length_mean"}
Body = Callable[[StageState, int], tuple[StageState, dict[str, float]]]


@dataclasses.dataclass(frozen=True)
class Session:
    """How the loop runs a stage: its folder and label, what it depends on, checkpoints and logging."""

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
    max_skipped: int = 5  # optimiser steps in a row skipped for numbers that are not finite before a stop; 0: never


def run_loop(session: Session, state: StageState, steps: int, body: Body) -> StageState:
    """Run `body` until `steps` steps are done, from the newest intact checkpoint or from the start.

    `body(state, step)` does step number `step` (0-based) and returns the new state with a row of metrics. A step
    depends on the state and its number alone, so a resumed run ends with the same bits. On Ctrl-C and SIGTERM the last
    whole step is saved; a body that donates its state calls `interrupts.commit_step` first.

    Raises:
      UserError: the checkpoint was written on another base, adapter, data or configuration; the disk is full; or
        `max_skipped` optimiser steps in a row, or the last of the stage, had numbers that are not finite.
      Interrupted: a signal asked the process to end.
    """
    state, start, content = _resume(session, state)
    profiler, compiled = Profiler(session.folder / "profile", session.profile), watch_compilations()
    with (
        open_metrics(session.folder, content, **session.log) as metrics,
        contextlib.closing(profiler),
        progress(steps, session.label, "step", initial=start) as shown,
        interrupts.deferred(),
    ):
        done = saved = start
        try:
            while done < steps:
                began, compiled_before = time.perf_counter(), compiled()
                pretend_shortage(done)
                with profiler.step(done), interrupts.step():
                    state, row = body(state, done)
                    done += 1
                row["time/step"] = time.perf_counter() - began
                row["compilations"], row["time/compile"] = np.subtract(compiled(), compiled_before).tolist()
                metrics.write({"step": done} | row)
                shown.update(headline={key: f"{row[name]:.3g}" for key, name in HEADLINE.items() if name in row})
                _check_skipped(session, state.train, row, done, last=done == steps)
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


# The metrics of a row in the order in which one is computed from another: the first that is not finite is the cause.
_CAUSAL = (
    *("reward/", "normalised/", "weight/", "advantage/", "sampler/", "entropy/", "kl/", "ratio/", "nll"),
    *("loss/", "loss", "grad_norm", "update_norm"),
)


def _check_skipped(session: Session, state: TrainState, row: Mapping[str, float], step: int, last: bool) -> None:
    """Raise `UserError` with a diagnosis where too many steps in a row, or the last one of the stage, were skipped.

    The last step must not be skipped, so that the finished adapter is known to give finite numbers.
    """
    skipped = int(state.skipped)
    if not session.max_skipped or not skipped or (skipped < session.max_skipped and not last):
        return
    bad = [name for name, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    ranked = sorted(bad, key=lambda name: next((k for k, part in enumerate(_CAUSAL) if name.startswith(part)), 99))
    first = ranked[0] if ranked else "the loss"
    group = "grpo" if "reward/mean" in row else "sft"
    rate = f"--config.{group}.learning_rate (now {row.get('learning_rate', math.nan):.3g})"
    if first.startswith(("reward/", "normalised/", "weight/", "advantage/")):
        cause = "a reward channel or its weight: check --config.grpo.reward and --config.grpo.channels"
    elif first != "update_norm" and int(state.step) == skipped:
        cause = "base weights, frozen adapters or data, since no step was ever taken: check --config.model.path"
    else:
        cause = f"the learning rate: lower {rate} and start in another --workdir"
    raise UserError(
        f"{session.label}: stopped at step {step}, after {skipped} optimiser step(s) in a row that were skipped since "
        f"{first} was not finite; likely cause: {cause} "
        f"(--config.train.max_skipped={session.max_skipped}; 0 never stops)"
    )


def _resume(session: Session, state: StageState) -> tuple[StageState, int, bytes]:
    """Return the state to resume from, the number of steps done before it and the metrics of those steps."""
    restored = restore_latest(session.folder / "checkpoints", state, log=warn)
    if restored is None:
        return state, 0, b""
    step, state, meta = restored
    changed = [name for name, value in session.hashes.items() if meta["hashes"].get(name) != value]
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


def _save(session: Session, state: StageState, step: int, content: bytes) -> None:
    session.check()
    meta = {"hashes": dict(session.hashes), "metrics": content.decode(), "data_position": step}
    save(session.folder / "checkpoints", step, state, meta, session.keep)
