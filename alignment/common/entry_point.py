"""What every entry point does as a process: output that no encoding can break, signals, and exit statuses."""

from __future__ import annotations

import os
import select
import shlex
import signal
import sys
from collections.abc import Callable

from alignment.common.interrupts import handled
from alignment.common.surroundings import explain
from alignment.errors import UserError


def run_entry_point(run: Callable[[], None], after_interrupt: str) -> int:
    """Call `run` and return the exit status.

    0; 2 for a `UserError` and for what `surroundings.explain` knows (one line on stderr); 130 for Ctrl-C and 143 for
    SIGTERM, with the line "interrupted; " and `after_interrupt`; 141 where the reader of the output has gone
    (`| head`). Exceptions that are not the user's to mend pass through.
    """
    make_output_tolerant()
    try:
        with handled():
            try:
                run()
            finally:
                sys.stdout.flush()  # so that a reader who has gone is noticed here
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        if not _reader_has_gone():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is still in the buffer
        return 128 + signal.SIGPIPE
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"interrupted; {after_interrupt}", file=sys.stderr)
        return 128 + getattr(error, "signum", signal.SIGINT)
    return 0


def make_output_tolerant() -> None:
    """Let stdout and stderr write what their encoding lacks as escapes; one that is closed swallows everything."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="replace"))  # noqa: SIM115 - open as long as the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def own_command() -> str:
    """Return the command line of this process, quoted for a shell."""
    return shlex.join(sys.orig_argv)


def _reader_has_gone() -> bool:
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
