"""A traced run leaves a timeline that one can open, of the steps it was asked for and no others."""

from __future__ import annotations

import gzip

import pytest
from tiny import experiment_config

from alignment import ablate, cli
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training.profile import SKIPPED, Profiler


@pytest.mark.ci
def test_a_stage_with_profile_leaves_a_trace_with_host_and_device(tmp_path):
    config = experiment_config(tmp_path / "base")
    config.arms = ("grpo_only",)
    config.grpo.steps, config.log.profile = 4, 1
    execute(open_run(config, str(tmp_path / "run")))
    (trace,) = (tmp_path / "run").rglob("perfetto_trace.json.gz")
    text = gzip.decompress(trace.read_bytes()).decode()
    assert "score a group" in text and "wait for the device" in text


@pytest.fixture
def calls(monkeypatch):
    seen = []
    monkeypatch.setattr("jax.profiler.start_trace", lambda *_, **__: seen.append("start"))
    monkeypatch.setattr("jax.profiler.stop_trace", lambda: seen.append("stop"))
    return seen


@pytest.mark.parametrize(("requested", "steps", "traced"), [(2, 9, 2), (5, 4, 2), (0, 9, 0), (3, 2, 0)])
def test_the_steps_asked_for_are_traced_after_those_that_compile(calls, tmp_path, requested, steps, traced):
    profiler, inside = Profiler(tmp_path, requested), []
    for number in range(steps):
        with profiler.step(number):
            inside.append(calls[-1:] == ["start"])
    profiler.close()
    assert sum(inside) == traced and not any(inside[:SKIPPED])
    assert calls == (["start", "stop"] if traced else [])


@pytest.mark.parametrize(
    ("flags", "steps"), [([], 0), (["--profile"], 3), (["--profile", "--config.log.profile=7"], 7)]
)
def test_the_flag_is_three_steps(flags, steps, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(ablate, "open_run", lambda config, *_: seen.append(config.log.profile) or 1 / 0)
    args = cli.parse([f"--workdir={tmp_path}", *flags], description="", add_flags=ablate.add_flags)
    with pytest.raises(ZeroDivisionError):
        ablate.ablate(args)
    assert seen == [steps]
