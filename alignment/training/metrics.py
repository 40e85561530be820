"""Writes the metrics of a stage: always as JSON lines, and by flag to TensorBoard and Weights & Biases.

    {"step": 3, "loss": 0.71, "kl/mean": 0.002, "time/step": 1.4}

`alignment/metric_schema.py` declares the names. The lines are strict JSON. A value that is NaN or infinite becomes
null, and its name is added to the list `nonfinite` of that line, so that a diverged step differs from a missing value.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import pathlib
import re
import socket
import time
import uuid
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from etils import epath

from alignment.common.files import is_remote, naming, read_text, write_bytes, write_text
from alignment.common.progress import warn
from alignment.errors import UserError

FILE = "metrics.jsonl"
_RUN_ID = re.compile("[0-9a-f]{32}")
_UPLOAD_SECONDS = 10.0  # an object store takes whole files only, and few of them a minute


def open_metrics(
    folder: epath.PathLike,
    content: bytes = b"",
    *,
    tensorboard: bool = False,
    wandb: bool = False,
    wandb_project: str = "clinical-alignment",
) -> Metrics:
    """Return the writer of a folder's metrics, a context manager, with `content` as all that `metrics.jsonl` holds.

    On a fresh start `content` is empty. On a resume it is the `Metrics.content` that the checkpoint holds, so that
    steps done after the checkpoint are not listed twice, and changes to the file in between have no effect. TensorBoard
    and Weights & Biases receive the rows of `content` again, because what an interrupted process logged there may be
    cut short, or reach beyond the checkpoint. Each step is there once.

    Raises:
        UserError: a logger's package is not installed, or Weights & Biases cannot start.
    """
    folder = epath.Path(folder)
    writers = {"tensorboardX": tensorboard, "wandb": wandb}
    modules = {name: _import_logger(name) for name, wanted in writers.items() if wanted}
    folder.mkdir(parents=True, exist_ok=True)
    lines = _RemoteLines if is_remote(folder) else _LocalLines
    sinks: list[Any] = [lines(folder / FILE, content)]
    if tensorboard:
        sinks.append(_TensorBoard(folder))
    if wandb:
        sinks.append(_WeightsAndBiases(modules["wandb"], folder, wandb_project))
    for line in content.splitlines() if len(sinks) > 1 else ():
        for sink in sinks[1:]:
            sink.write(json.loads(line))
    return Metrics(sinks)


class Metrics:
    """Writes rows to every sink; the first one is the JSONL file."""

    def __init__(self, sinks: list[Any]):
        self._sinks = sinks

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row: `step` (1-based), then numbers by name (Python, numpy or jax scalars)."""
        plain = strict(row)
        for sink in self._sinks:
            sink.write(plain)

    @property
    def content(self) -> bytes:
        """All rows written so far, as `metrics.jsonl` holds them; after this call they are on disk."""
        return self._sinks[0].sync()

    def close(self, failed: bool = False) -> None:
        """Flush and close every sink; `failed` marks the Weights & Biases run as crashed."""
        for sink in self._sinks:
            sink.close(failed)

    def __enter__(self) -> Metrics:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self.close(failed=kind is not None)


def strict(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return `row` as plain JSON values, with non-finite numbers as null and their names under `nonfinite`.

    Example: {"step": 1, "loss": nan} -> {"step": 1, "loss": None, "nonfinite": ["loss"]}.
    """
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
    nonfinite = [name for name, value in plain.items() if isinstance(value, float) and not math.isfinite(value)]
    plain |= dict.fromkeys(nonfinite)
    return plain | {"nonfinite": nonfinite} if nonfinite else plain


# --- the JSONL file ---------------------------------------------------------------------------------------------------


def _line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row, allow_nan=False) + "\n").encode()


class _LocalLines:
    """A file of whole lines. Each is passed to the system at once, so that a kill loses none."""

    def __init__(self, path: epath.Path, content: bytes):
        write_bytes(path, content)
        self._path = path
        self._content = bytearray(content)  # the file itself may have been damaged since
        self._file = open(path, "ab")  # noqa: SIM115 (closed by close)

    def write(self, row: Mapping[str, Any]) -> None:
        line = _line(row)
        self._content += line
        with naming(self._path):
            self._file.write(line)
            self._file.flush()

    def sync(self) -> bytes:
        with naming(self._path):
            os.fsync(self._file.fileno())
        return bytes(self._content)

    def close(self, failed: bool) -> None:
        # After a failed write, closing fails once more with the error that is being raised already.
        with contextlib.suppress(OSError) if failed else naming(self._path):
            self._file.close()


class _RemoteLines:
    """An object store cannot append, so the whole file is sent every few seconds, and whenever `content` is read."""

    def __init__(self, path: epath.Path, content: bytes):
        self._path, self._content = path, bytearray(content)
        self.sync()

    def write(self, row: Mapping[str, Any]) -> None:
        self._content += _line(row)
        if time.monotonic() - self._sent > _UPLOAD_SECONDS:
            self.sync()

    def sync(self) -> bytes:
        content = bytes(self._content)
        write_bytes(self._path, content)
        self._sent = time.monotonic()
        return content

    def close(self, failed: bool) -> None:
        self.sync()


# --- loggers ----------------------------------------------------------------------------------------------------------


def _import_logger(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        flag = "--config.log.wandb" if name == "wandb" else "--config.log.tensorboard"
        raise UserError(f"{flag}=true needs the package {name}; pip install -e '.[log]' or drop the flag") from None


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step" and isinstance(value, int | float)}


class _TensorBoard:
    """Writes events in this thread: on a full disk that of a `SummaryWriter` ends, and its `close` never returns."""

    def __init__(self, folder: epath.Path):
        self._events = importlib.import_module("tensorboardX.proto.event_pb2")
        self._summaries = importlib.import_module("tensorboardX.summary")
        records = importlib.import_module("tensorboardX.record_writer")
        self._folder = folder / "tensorboard"
        with naming(self._folder):
            self._folder.mkdir(exist_ok=True)
            for old in self._folder.glob("events.out.tfevents.*"):
                old.unlink()
            name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
            self._writer = records.RecordWriter(str(self._folder / name))
            self._put(file_version="brain.Event:2")

    def _put(self, **fields: Any) -> None:
        self._writer.write(self._events.Event(wall_time=time.time(), **fields).SerializeToString())

    def write(self, row: Mapping[str, Any]) -> None:
        with naming(self._folder):
            for name, value in _numbers(row).items():
                self._put(step=row["step"], summary=self._summaries.scalar(name, value))
            if not is_remote(self._folder):  # an object store receives the whole file on close
                self._writer.flush()

    def close(self, failed: bool) -> None:
        with contextlib.suppress(OSError) if failed else naming(self._folder):
            self._writer.close()


class _WeightsAndBiases:
    def __init__(self, wandb: ModuleType, folder: epath.Path, project: str):
        name = "/".join(folder.parts[-3:])  # <workdir>/seed<k>/<stage>
        try:
            self._run = wandb.init(project=project, name=name, id=_run_id(folder), resume="allow")
        except Exception as error:  # of wandb.errors, whose names differ between versions
            reason = " ".join(str(error).split())
            raise UserError(
                f"--config.log.wandb=true: Weights & Biases cannot start ({reason}); run `wandb login`, set "
                "WANDB_API_KEY, or set WANDB_MODE=offline"
            ) from error
        if getattr(self._run, "offline", False):  # this folder holds all rows of the run, so a sync must take it alone
            current = pathlib.Path(self._run.dir).parent
            for older in current.parent.glob(f"offline-run-*-{self._run.id}"):
                if older != current:
                    older.rename(older.with_name(f"superseded-{older.name}"))
        # The server's next step where a run is resumed online; earlier rows are not sent again.
        self._next = getattr(self._run, "step", 0)

    def write(self, row: Mapping[str, Any]) -> None:
        if row["step"] >= self._next:
            self._run.log(_numbers(row), step=row["step"])

    def close(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))


def _run_id(folder: epath.Path) -> str:
    """The id of the run in the folder's file, or a new one where the file is missing or damaged."""
    path = folder / "wandb_id.txt"
    with contextlib.suppress(OSError, ValueError):
        if _RUN_ID.fullmatch(known := read_text(path)):
            return known
    new = uuid.uuid4().hex
    if path.exists():
        warn(f"{path}: damaged; Weights & Biases continues as the new run {new}")
    write_text(path, new)
    return new
