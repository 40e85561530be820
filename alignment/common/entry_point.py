"""Run an entry point as a process: tolerant output, signal handling, error lines and exit statuses."""

from __future__ import annotations

import os
import select
import shlex
import signal
import sys
from collections.abc import Callable

from alignment.common.interrupts import handled, raise_if_wrapped
from alignment.common.surroundings import explain
from alignment.errors import UserError


def run_entry_point(run: Callable[[], None], after_interrupt: str) -> int:
    """Call `run` and return the exit status.

    It is 0 on success, 2 for a `UserError` and for errors that `surroundings.explain` knows (one line on stderr), 130
    for Ctrl-C and 143 for SIGTERM, with the line "interrupted; " and `after_interrupt`, and 141 where the reader of the
    output has closed it (`| head`). Any other exception is a defect and is raised.
    """
    make_output_tolerant()
    try:
        with handled():
            try:
                run()
            except Exception as error:
                raise_if_wrapped(error)
                raise
            finally:
                sys.stdout.flush()  # raises in this block if the reader has closed the pipe
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        if not _is_reader_closed():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # receives what is still in the buffer
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
    """Let stdout and stderr write characters that their encoding lacks as escapes, and discard output if closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="replace"))  # noqa: SIM115 - stays open until the process ends
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def own_command() -> str:
    """Return the command line of this process, quoted for a shell."""
    return shlex.join(sys.orig_argv)


def _is_reader_closed() -> bool:
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
