"""Ctrl-C and SIGTERM: a loop that saves ends after a whole step, all other code at once; exit status 130 or 143.

A loop that can save runs inside `deferred()` and reads `requested()` between its steps. The first signal then only
requests a stop; a step that has not ended after `GRACE` seconds is aborted, unless it has called `commit_step`. A
second signal ends the process at once, even while it compiles, which is as safe as kill -9.

Python runs a handler between any two instructions of the main thread, also inside a destructor, a callback of the
garbage collector (jax registers one) or a library that catches everything. An exception raised there is lost, so it is
raised again every `RETRY` seconds until it is being handled on its way out.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

GRACE = 30.0  # seconds that a step may take to end; with the save after it this is less than a minute
RETRY = 0.5  # seconds after which an `Interrupted` that was lost is raised again
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


def raise_if_wrapped(error: BaseException) -> None:
    """Raise `Interrupted` if `error` is what a library has made of one: its cause or its text says so.

    A failure while an interrupted loop saves has an `Interrupted` as its context only, and is an error of its own.
    """
    cause: BaseException | None = error
    while cause is not None and _State.signum:
        if isinstance(cause, Interrupted) or Interrupted.__name__ in str(cause):
            raise Interrupted(_State.signum) from error
        cause = cause.__cause__


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
    unraisable, sys.unraisablehook = sys.unraisablehook, _drop_interrupted
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = unraisable
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()


def _on_signal(signum: int, frame: object) -> None:
    if _State.signum:
        return
    _State.signum = signum
    if not _State.deferred:
        signal.setitimer(signal.ITIMER_REAL, RETRY, RETRY)
        raise Interrupted(signum)
    os.write(2, b"stopping: what is whole is saved first; a second Ctrl-C or SIGTERM ends this at once\n")
    signal.setitimer(signal.ITIMER_REAL, GRACE, RETRY)


def _on_alarm(signum: int, frame: object) -> None:
    may_wait = _State.deferred and (not _State.in_step or _State.committed)
    if not may_wait and not _is_unwinding():
        raise Interrupted(_State.signum)


def _is_unwinding() -> bool:
    """Whether the main thread is in an `except`, `finally` or `with` that handles an `Interrupted`."""
    error = sys.exception()
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None


def _drop_interrupted(unraisable: Any) -> None:
    if isinstance(unraisable.exc_value, Interrupted):
        # Soon, since where most of the time is spent in the collector, every other one is lost there too.
        signal.setitimer(signal.ITIMER_REAL, min(RETRY, 0.01), RETRY)
    else:
        sys.__unraisablehook__(unraisable)


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
