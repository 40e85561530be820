"""Admit one run at a time to a folder, by a lock file that names its owner.

On the owner's machine the lock is valid while that process runs, identified by its id and start time. Elsewhere
(another machine on a shared disk, `gs://`) it is valid while its heartbeat, which the owner renews every 30 seconds, is
less than 5 minutes old. A run that takes over the lock of an owner that has ended logs it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from etils import epath

from alignment.common.files import check_file, is_remote, make_folder, read_text, write_json
from alignment.errors import UserError

HEARTBEAT = 30.0  # seconds between two renewals of the lock
STALE = 300.0  # seconds after which an owner on another machine counts as ended
SETTLE = 5.0  # seconds until two runs that wrote at once both read the later lock, where the file system has no locks
PROC = pathlib.Path("/proc")
NAME = "run.lock"


@dataclasses.dataclass(frozen=True)
class Owner:
    """The process that holds a lock: the content of the lock file."""

    token: str  # unique to this acquisition
    host: str
    machine: str  # host name, boot and process namespace, in which `pid` is unique
    pid: int
    started: str  # when the process began, see `process_start`
    since: str  # UTC, for messages
    command: str
    heartbeat: float  # seconds since 1970


@dataclasses.dataclass(frozen=True)
class Lock:
    """A lock that this process holds."""

    path: epath.Path
    token: str

    def check(self) -> None:
        """Raise `UserError` where another run has taken over the lock, as after a long suspension of this one.

        Call it before writing anything that another run would read.
        """
        owner = _read(self.path)
        if owner is not None and owner.token != self.token:
            raise UserError(
                f"{self.path.parent}: process {owner.pid} on {owner.host} took this folder over at {owner.since}, as "
                "this run gave no sign of life; this run stops, that one goes on"
            )


@contextlib.contextmanager
def locked(path: epath.PathLike, flag: str, log: Callable[[str], Any] = print) -> Iterator[Lock]:
    """Hold the lock file `path` during the block, and release it however the block ends.

    Args:
      path: the lock file, local or `gs://`. Its folder is made, and removed again if it is still empty.
      flag: the flag that chose the folder, such as "--workdir=runs/demo".
      log: receives a line where the lock of an owner that has ended is taken over.

    Raises:
      UserError: the folder cannot be written, a running process holds the lock (the message names it), or a folder has
        the name of the lock file.
    """
    path = epath.Path(path)
    is_new = not path.parent.exists()
    make_folder(path.parent, flag)
    check_file(path)
    lock = Lock(path, _acquire(path, flag, log))
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(lock, stop), daemon=True, name=f"heartbeat of {path}")
    beats.start()
    try:
        yield lock
    finally:
        stop.set()
        beats.join()
        with contextlib.suppress(Exception):  # an error of the block must not be hidden by one of the release
            _release(lock, is_new)


def _acquire(path: epath.Path, flag: str, log: Callable[[str], Any]) -> str:
    mine = _myself()
    with _exclusive(path.parent) as exclusive:
        owner = _read(path)
        if owner is not None and is_alive(owner):
            raise UserError(_refusal(owner, path, flag))
        if path.exists():
            gone = f"process {owner.pid} on {owner.host}, since {owner.since}" if owner else "an unreadable lock file"
            log(f"{path}: its owner is gone ({gone}); this run takes the folder over")
        write_json(path, dataclasses.asdict(mine))
    if not exclusive:
        time.sleep(SETTLE)
        owner = _read(path)
        if owner is None or owner.token != mine.token:
            raise UserError(_refusal(owner or mine, path, flag))
    return mine.token


@contextlib.contextmanager
def _exclusive(folder: epath.Path) -> Iterator[bool]:
    """Exclude other processes from the same block; yield False where the file system has no locks."""
    if is_remote(folder):
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # released by the system however the process ends
        except OSError:  # some network file systems
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _beat(lock: Lock, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        # A disk or network may fail for a while; the lock is valid for ten heartbeats.
        with contextlib.suppress(Exception), _exclusive(lock.path.parent):
            owner = _read(lock.path)
            if owner is not None and owner.token == lock.token:
                write_json(lock.path, dataclasses.asdict(dataclasses.replace(owner, heartbeat=time.time())))


def _release(lock: Lock, remove_folder: bool) -> None:
    with _exclusive(lock.path.parent):
        owner = _read(lock.path)
        if owner is not None and owner.token == lock.token:
            lock.path.unlink()
    if remove_folder and not is_remote(lock.path):
        lock.path.parent.rmdir()  # raises, suppressed by the caller, where the folder is not empty


def _refusal(owner: Owner, path: epath.Path, flag: str) -> str:
    command = " ".join(str(owner.command).split())  # an argument may hold a new line
    text = f"{flag}: in use by process {owner.pid} on {owner.host} since {owner.since} ({command})"
    if owner.machine == machine():
        return f"{text}; wait for it, end it, or choose another folder"
    age = max(0, round(time.time() - owner.heartbeat))
    return (
        f"{text}, last sign of life {age} s ago; wait for it or choose another folder (where it has ended, the lock "
        f"{path} ends {STALE / 60:g} minutes after its last sign)"
    )


def is_alive(owner: Owner) -> bool:
    """Return whether the owner's process runs; on another machine, whether its heartbeat is recent."""
    if owner.machine == machine():
        return process_start(owner.pid) == owner.started != ""
    return time.time() - owner.heartbeat < STALE


def _myself() -> Owner:
    now = time.time()
    return Owner(
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        machine=machine(),
        pid=os.getpid(),
        started=process_start(os.getpid()),
        since=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        command=shlex.join(sys.argv)[:200],
        heartbeat=now,
    )


def _read(path: epath.Path) -> Owner | None:
    """Return the owner that the file names; None where there is no file or no run wrote it."""
    try:
        owner = Owner(**json.loads(read_text(path)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    is_number = isinstance(owner.heartbeat, int | float) and math.isfinite(owner.heartbeat)
    return owner if isinstance(owner.pid, int) and is_number else None


def machine() -> str:
    """Return a name that is unique to this machine, its present boot and this process namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append((PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
    with contextlib.suppress(OSError):
        parts.append(os.readlink(PROC / "self/ns/pid"))
    return " ".join(parts)


def process_start(pid: int) -> str:
    """Return when process `pid` of this machine began, as the system writes it; "" where no such process runs.

    It is read from /proc, else from `ps`; where there is neither it is "unknown" for any process that exists.
    """
    if (PROC / "self" / "stat").exists():
        return _start_from_proc(pid)
    return _start_from_ps(pid) if shutil.which("ps") else _start_from_signal(pid)


def _start_from_proc(pid: int) -> str:
    try:
        # The program's name, in brackets, may contain anything; the state follows it, the start time 19 fields later.
        state, *fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else fields[18]


def _start_from_ps(pid: int) -> str:
    command, env = ["ps", "-o", "stat=,lstart=", "-p", str(pid)], os.environ | {"LC_ALL": "C"}
    shown = subprocess.run(command, env=env, capture_output=True, text=True)
    state, _, started = shown.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()


def _start_from_signal(pid: int) -> str:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:  # the process of another user
        pass
    return "unknown"
