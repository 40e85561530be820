"""A trace of a few steps that one can open: the host's work and the device's on one timeline.

https://ui.perfetto.dev opens `perfetto_trace.json.gz`; TensorBoard with its profile plugin opens the folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
from etils import epath

SKIPPED = 2  # steps before the trace begins: they compile


class Profiler:
    """Traces `steps` steps of a stage into `folder`, from the third step of this process on; 0 steps: nothing."""

    def __init__(self, folder: epath.PathLike, steps: int) -> None:
        self.folder, self.left, self.waiting = str(folder), steps, SKIPPED
        self.running = False

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Surrounds one step."""
        if self.left and not self.waiting and not self.running:
            jax.profiler.start_trace(self.folder, create_perfetto_trace=True)
            self.running = True
        with jax.profiler.StepTraceAnnotation("step", step_num=number):
            yield
        self.waiting = max(0, self.waiting - 1)
        if self.running:
            self.left -= 1
            if not self.left:
                self.close()

    def close(self) -> None:
        """Write what is there, where a stage ends before its trace does."""
        if self.running:
            jax.profiler.stop_trace()
            self.running, self.left = False, 0
