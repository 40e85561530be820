"""Ctrl-C and SIGTERM: a loop that saves ends after a whole step, everything else ends at once; exit status 130 or 143.

A loop that can save runs inside `deferred()` and looks at `requested()` between its steps. The first signal then only
asks it to stop; a step that is not over after `GRACE` seconds is given up, unless it has called `commit_step`. A second
signal ends the process where it stands, even while it compiles, which is as safe as kill -9.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator

GRACE = 30.0  # seconds that a step may take to end; with the save after it this stays below a minute
_APART = 1.0  # seconds between two signals that count as two: some supervisors send one to the group and one to us
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end; `signum` says which."""

    def __init__(self, signum: int):
        super().__init__(signum)
        self.signum = signum


class _State:
    """Signals belong to the process, and so does this."""

    signum = 0  # of the first signal
    deferred = 0  # depth of `deferred()`
    in_step = False
    committed = False


def requested() -> int:
    """Return the number of the signal that asked the process to end, or 0."""
    return _State.signum


def raise_if_requested() -> None:
    """Raise `Interrupted` if a signal asked the process to end."""
    if _State.signum:
        raise Interrupted(_State.signum)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Let the first signal wait for the loop inside, which must look at `requested()` between its steps."""
    _State.deferred += 1
    try:
        yield
    finally:
        _State.deferred -= 1


@contextlib.contextmanager
def step() -> Iterator[None]:
    """Mark one step of a deferred loop, which is given up if it outlasts a signal by `GRACE` seconds."""
    _State.in_step = True
    try:
        yield
    finally:
        _State.in_step = _State.committed = False


def commit_step() -> None:
    """Let the step run to its end from here on, because its update consumes the state from before it."""
    _State.committed = True


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Handle SIGINT and SIGTERM inside; in another thread than the main one, and when nested, change nothing."""
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
    # The handlers of Python wait while the main thread compiles; this thread sees a second signal at once.
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
