"""Compile cases and run them in turns, with time, compile count and peak memory of each.

Compilation and one warm-up run come first. Then every round runs each case once, so that other load on the machine
affects all of them alike and ratios within a round are comparable.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax

from alignment.benchmarks import memory
from alignment.parallel.compilation import COMPILED


class Ready(NamedTuple):
    """A case that is compiled."""

    run: Callable[[], Mapping[str, float]]  # does the work once, waits for it, and returns figures (seconds by name)
    temp_bytes: int | None = None  # beside arguments and results, as the compiler counts


class Case(NamedTuple):
    """One way to do a suite's work; `prepare` traces and compiles it."""

    name: str
    prepare: Callable[[], Ready]


class Measured(NamedTuple):
    """The figures of one case."""

    rounds: tuple[Mapping[str, float], ...]  # what each run returned, in order
    compile_s: float
    compiles: int  # programs compiled, the rounds included
    peak_rss_mb: float  # of the process, compilation included
    peak_device_mb: float | None  # of the accelerator, up to the end of the case's warm-up; None on a CPU
    temp_mb: float | None

    def median(self, name: str) -> float:
        """Return the median of a figure over the rounds."""
        return statistics.median(row[name] for row in self.rounds)

    def least(self, name: str) -> float:
        """Return the least of a figure over the rounds."""
        return min(row[name] for row in self.rounds)


def one_program(name: str, time_field: str, function: Callable, *arguments: Any) -> Case:
    """Return the case of one jitted call `function(*arguments)`, which reports its seconds as `time_field`."""

    def prepare() -> Ready:
        compiled = jax.jit(function).lower(*arguments).compile()

        def run() -> dict[str, float]:
            started = time.perf_counter()
            jax.block_until_ready(compiled(*arguments))
            return {time_field: time.perf_counter() - started}

        return Ready(run, getattr(compiled.memory_analysis(), "temp_size_in_bytes", None))

    return Case(name, prepare)


def measure(cases: Sequence[Case], repeats: int) -> dict[str, Measured]:
    """Compile and warm up every case, then run all of them in turns, `repeats` rounds."""
    started = {case.name: _Running(case) for case in cases}
    for _ in range(repeats):
        for running in started.values():
            running.run_once()
    return {name: running.measured() for name, running in started.items()}


class _Running:
    """A case between its compilation and its last round."""

    def __init__(self, case: Case) -> None:
        self.rounds: list[Mapping[str, float]] = []
        self.peaks: list[float] = []
        self.compiles = 0
        with self._watched():
            begin = time.perf_counter()
            self.ready = case.prepare()
            self.compile_s = time.perf_counter() - begin
            self.ready.run()
        self.peak_device_mb = memory.peak_device_mb()

    def run_once(self) -> None:
        with self._watched():
            self.rounds.append(self.ready.run())

    def measured(self) -> Measured:
        temp = self.ready.temp_bytes
        temp_mb = None if temp is None else temp / 1e6
        rounds = tuple(self.rounds)
        return Measured(rounds, self.compile_s, self.compiles, max(self.peaks), self.peak_device_mb, temp_mb)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        memory.reset_peak()
        with counted_compiles() as seen:
            yield
        self.peaks.append(memory.peak_rss_mb())
        self.compiles += len(seen)


@contextlib.contextmanager
def no_kept_programs() -> Iterator[None]:
    """Compile every program inside the block, also where JAX's persistent compilation cache is on."""
    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)


@contextlib.contextmanager
def counted_compiles() -> Iterator[list[float]]:
    """Yield a list that grows by one duration, in seconds, for every program compiled inside the block."""
    seen: list[float] = []

    def listen(event: str, duration: float, **_: Any) -> None:
        if event == COMPILED:
            seen.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def round_ratio(left: Measured, right: Measured, name: str) -> float:
    """Return the median over rounds of left's figure divided by right's in the same round."""
    return statistics.median(a[name] / b[name] for a, b in zip(left.rounds, right.rounds, strict=True))
