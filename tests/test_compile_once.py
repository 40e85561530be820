"""Shapes are bucketed and steps are built once: more steps mean no more compilations."""

from __future__ import annotations

import jax
import pytest
from tiny import experiment_config

from alignment.parallel.compilation import COMPILED
from alignment.run.plan import execute
from alignment.run.setup import open_run


@pytest.fixture
def compilations():
    """A list that grows by one with every program handed to the compiler."""
    events: list[str] = []

    def listen(name: str, *args, **kwargs) -> None:
        if name == COMPILED:
            events.append(name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


def count(events, folder, workdir, steps, epochs):
    config = experiment_config(folder)
    config.arms = ("modular",)
    config.grpo.steps, config.sft.epochs = steps, epochs
    before = len(events)
    execute(open_run(config, str(workdir)))
    return len(events) - before


@pytest.mark.ci
def test_more_steps_compile_nothing_more(tmp_path, compilations):
    count(compilations, tmp_path / "tiny", tmp_path / "warm", 2, 2)
    few = count(compilations, tmp_path / "tiny", tmp_path / "few", 2, 2)
    many = count(compilations, tmp_path / "tiny", tmp_path / "many", 8, 4)
    assert many == few
    # What is compiled anew for a stage is its optimiser step; everything else is shared by all stages of a process.
    assert 2 <= few <= 12
