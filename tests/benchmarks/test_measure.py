"""Turns, counts and ratios of the measuring itself; never how long anything took."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from alignment.benchmarks.measure import (
    Case,
    Measured,
    Ready,
    counted_compiles,
    measure,
    no_kept_programs,
    one_program,
    round_ratio,
)


def fake(name: str, log: list[str], rows) -> Case:
    rows = iter(rows)

    def prepare():
        log.append(f"prepare {name}")
        return Ready(lambda: log.append(name) or {"step_s": next(rows)}, temp_bytes=3_000_000)

    return Case(name, prepare)


@pytest.mark.ci
def test_cases_are_compiled_and_warmed_up_first_and_then_run_in_turns():
    log = []
    measured = measure([fake("a", log, [9, 1, 2]), fake("b", log, [9, 4, 2])], repeats=2)
    assert log == ["prepare a", "a", "prepare b", "b", "a", "b", "a", "b"]
    assert measured["a"].rounds == ({"step_s": 1}, {"step_s": 2})  # the warm-up does not count
    assert (measured["b"].median("step_s"), measured["b"].least("step_s"), measured["b"].temp_mb) == (3, 2, 3.0)


def test_the_ratio_is_taken_within_rounds():
    def rounds(*seconds):
        return Measured(tuple({"step_s": s} for s in seconds), 0.0, 1, 0.0, None, None)

    # A machine that slows down tenfold between rounds changes no ratio.
    assert round_ratio(rounds(1, 10, 100), rounds(4, 40, 400), "step_s") == pytest.approx(0.25)


@pytest.mark.ci
def test_a_program_is_compiled_once_and_its_temporaries_are_known():
    x = jnp.ones((32, 32))
    measured = measure([one_program("ours", "step_s", lambda x: jnp.sum((x @ x) @ x), x)], repeats=3)["ours"]
    assert measured.compiles == 1 and measured.temp_mb >= 32 * 32 * 4 / 1e6


@pytest.mark.ci
def test_a_case_that_compiles_in_its_rounds_is_found_out():
    sizes = iter(range(3, 9))
    case = Case("ours", lambda: Ready(lambda: {"step_s": float(jax.jit(lambda x: x * 3)(jnp.ones(next(sizes)))[0])}))
    assert measure([case], repeats=3)["ours"].compiles >= 4


def test_compiles_outside_the_block_are_not_counted():
    with counted_compiles() as seen:
        pass
    jax.jit(lambda x: x + 41)(1.0)
    assert seen == []


def test_programs_kept_from_earlier_runs_are_not_used():
    before = jax.config.jax_enable_compilation_cache
    with no_kept_programs():
        assert not jax.config.jax_enable_compilation_cache
    assert jax.config.jax_enable_compilation_cache == before
