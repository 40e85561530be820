from __future__ import annotations

import threading
import types

import pytest

from alignment.data import prefetch
from alignment.data.prefetch import AHEAD, prefetched


def test_batches_come_in_order_from_any_start_and_none_beyond_the_end():
    made = []
    with prefetched(lambda step: made.append(step) or step * step, steps=8) as take:
        assert [take(step)[0] for step in range(3, 8)] == [9, 16, 25, 36, 49]
    assert made == [3, 4, 5, 6, 7]


def test_the_next_batches_are_made_while_a_step_runs():
    ready = threading.Event()

    def make(step):
        if step == AHEAD:
            ready.set()
        return step

    with prefetched(make, steps=10) as take:
        take(0)
        assert ready.wait(10)


def test_the_wait_is_what_a_slow_batch_costs_and_nothing_when_it_is_ready(monkeypatch):
    clock, wanted, made = [0.0], threading.Event(), threading.Event()
    monkeypatch.setattr(prefetch, "time", types.SimpleNamespace(perf_counter=lambda: clock[0]))

    def make(step):
        if step == 1:
            wanted.wait(10)
        clock[0] += 0.25
        if step == 1:
            made.set()
        return step

    with prefetched(make, steps=2) as take:
        assert take(0) == (0, 0.25)
        wanted.set()
        assert made.wait(10)
        assert take(1) == (1, 0.0)


def test_an_error_is_raised_at_its_step_and_not_before():
    def make(step):
        if step == 2:
            raise ZeroDivisionError
        return step

    with prefetched(make, steps=5) as take:
        assert (take(0)[0], take(1)[0]) == (0, 1)
        with pytest.raises(ZeroDivisionError):
            take(2)


def test_leaving_stops_the_thread():
    before = threading.active_count()
    with prefetched(lambda step: step, steps=100) as take:
        take(0)
    assert threading.active_count() <= before
