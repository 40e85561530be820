"""Progress of a loop: a bar with the time left on a terminal, otherwise a plain line every half minute.

A log file contains no carriage returns. With `--quiet` only results and warnings are printed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import TypeVar

from tqdm import tqdm

SECONDS = 30.0  # between two plain lines; the tests shorten it
SECONDS_VARIABLE = "CLINICAL_ALIGNMENT_PROGRESS_SECONDS"

Item = TypeVar("Item")
_quiet = False


def set_quiet(quiet: bool) -> None:
    """Turn progress and notices off or on."""
    global _quiet
    _quiet = quiet


def shows_bars() -> bool:
    """Return whether bars are shown: on a terminal, unless the run is quiet. Bars of libraries follow it."""
    return not _quiet and sys.stderr.isatty()


def say(text: str) -> None:
    """Print a notice, unless the run is quiet."""
    if not _quiet:
        warn(text)


def warn(text: str) -> None:
    """Print a warning, on a separate line where a bar is shown."""
    # A closed pipe must end the printing of results but not an hour of training.
    with contextlib.suppress(BrokenPipeError):
        tqdm.write(text)
        sys.stdout.flush()


class Progress:
    """The progress of one loop, which calls `update` for every step."""

    def __init__(self, total: int, label: str, unit: str, initial: int = 0):
        self._total, self._label, self._unit = total, label, unit
        self._initial = self._done = initial
        self._began = self._shown = time.monotonic()
        self._seconds = float(os.environ.get(SECONDS_VARIABLE, SECONDS))
        self._headline = ""
        self._bar = None
        if shows_bars():
            size = shutil.get_terminal_size()  # tqdm shows nothing where a terminal says that it has 0 lines
            shape = {"ncols": size.columns, "nrows": size.lines}
            self._bar = tqdm(total=total, desc=label, unit=unit, initial=initial, mininterval=1.0, **shape)

    def update(self, steps: int = 1, headline: str | Mapping[str, str] = "") -> None:
        """Count `steps` more as done; `headline` is shown beside the rate, such as {"nll": "0.71"}."""
        self._done += steps
        if headline:
            self._headline = (
                headline
                if isinstance(headline, str)
                else ", ".join(f"{name} {value}" for name, value in headline.items())
            )
        if self._bar is not None:
            self._bar.set_postfix_str(self._headline, refresh=False)
            self._bar.update(steps)
        elif not _quiet and time.monotonic() - self._shown >= self._seconds:
            self._shown = time.monotonic()
            self._print(f"{self._rate()}, {self._time_left()} left")

    def close(self, finished: bool = True) -> None:
        """Close the bar, or print the last line of a loop that is `finished`."""
        if self._bar is not None:
            self._bar.close()
        elif finished and not _quiet and self._done > self._initial:
            self._print(f"{self._rate()}, {tqdm.format_interval(time.monotonic() - self._began)} in all")

    def _rate(self) -> str:
        rate = (self._done - self._initial) / max(time.monotonic() - self._began, 1e-9)
        return f"{rate:.3g} {self._unit}/s" if rate >= 1 or not rate else f"{1 / rate:.3g} s/{self._unit}"

    def _time_left(self) -> str:
        done = self._done - self._initial
        elapsed = time.monotonic() - self._began
        return tqdm.format_interval(elapsed / done * (self._total - self._done)) if done else "?"

    def _print(self, text: str) -> None:
        tail = f"; {self._headline}" if self._headline else ""
        with contextlib.suppress(BrokenPipeError):
            line = f"{self._label}: {self._unit} {self._done}/{self._total}, {text}{tail}"
            print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress(total: int, label: str, unit: str, initial: int = 0) -> Iterator[Progress]:
    """Show the progress of the block inside, which calls `update`: `total` steps, `initial` of them done before."""
    shown = Progress(total, label, unit, initial)
    try:
        yield shown
    except BaseException:  # no summary after the line that says why the loop ended
        shown.close(finished=False)
        raise
    shown.close()


def each(items: Iterable[Item], label: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items` and show the progress over them; `total` is needed where they have no length."""
    if total is None:
        assert isinstance(items, Sized)
        total = len(items)
    with progress(total, label, unit) as shown:
        for item in items:
            yield item
            shown.update()
