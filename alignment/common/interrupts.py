"""Ctrl-C and SIGTERM: a loop that saves ends after a whole step, all other code at once; exit status 130 or 143.

A loop that can save runs inside `deferred()` and reads `requested()` between its steps. The first signal then only
requests a stop; a step that has not ended after `GRACE` seconds is aborted, unless it has called `commit_step`. A
second signal ends the process at once, even while it compiles, which is as safe as kill -9.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

GRACE = 30.0  # seconds that a step may take to end; with the save after it this is less than a minute
_APART = 1.0  # seconds between two distinct signals: some supervisors signal the group and the process at once
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal requested that the process end; `signum` is its number."""

    def __init__(self, signum: int):
        super().__init__(signum)
        self.signum = signum


class _State:
    """State of the process, since signals concern the whole process."""

    signum = 0  # of the first signal
    deferred = 0  # depth of `deferred()`
    in_step = False
    committed = False


def requested() -> int:
    """Return the number of the signal that requested a stop, or 0."""
    return _State.signum


def raise_if_requested() -> None:
    """Raise `Interrupted` if a signal requested a stop."""
    if _State.signum:
        raise Interrupted(_State.signum)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the first signal wait for the loop inside, which must read `requested()` between its steps."""
    _State.deferred += 1
    try:
        yield
    finally:
        _State.deferred -= 1


@contextlib.contextmanager
def step() -> Iterator[None]:
    """Mark one step of a deferred loop, which is aborted if it runs `GRACE` seconds longer than a signal."""
    _State.in_step = True
    try:
        yield
    finally:
        _State.in_step = _State.committed = False


def commit_step() -> None:
    """Let the present step run to its end, because its update consumes the state from before it."""
    _State.committed = True


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Handle SIGINT and SIGTERM inside; do nothing outside the main thread or when nested."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is _on_signal:
        yield
        return
    _State.signum = _State.deferred = 0
    handlers = {**dict.fromkeys(_SIGNALS, _on_signal), signal.SIGALRM: _on_alarm}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    # Python's handlers wait while the main thread compiles; this thread reads a second signal at once.
    threading.Thread(target=_watch, args=(reader,), daemon=True, name="signals").start()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()


def _on_signal(signum: int, frame: object) -> None:
    if _State.signum:
        return
    _State.signum = signum
    if not _State.deferred:
        raise Interrupted(signum)
    os.write(2, b"stopping: what is whole is saved first; a second Ctrl-C or SIGTERM ends this at once\n")
    signal.setitimer(signal.ITIMER_REAL, GRACE, GRACE)


def _on_alarm(signum: int, frame: object) -> None:
    if _State.in_step and not _State.committed:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Interrupted(_State.signum)


def _watch(reader: socket.socket) -> None:
    first = None
    while number := reader.recv(1):
        if number[0] not in _SIGNALS:
            continue
        now = time.monotonic()
        if first is not None and now - first > _APART:
            os._exit(128 + number[0])
        first = now if first is None else first
    reader.close()
