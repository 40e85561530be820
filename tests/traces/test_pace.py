from __future__ import annotations

import asyncio
import email.utils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.traces.pace import Pace, retry_after


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when()) + 1e-9  # no clock stands still
        super()._run_once()


def admissions(pace_of, requests: list[int], pauses: dict[int, float] | None = None) -> list[float]:
    """When each of `requests`, which use so many tokens, is let through if all come at once."""

    async def run():
        pace, times = pace_of(), []

        async def one(number, tokens):
            await pace.admit(tokens)
            times.append(asyncio.get_running_loop().time())
            if number in (pauses or {}):
                pace.pause(pauses[number])

        await asyncio.gather(*(one(number, tokens) for number, tokens in enumerate(requests)))
        return times

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return sorted(runner.run(run()))


def test_requests_go_out_evenly():
    assert admissions(lambda: Pace(30, 0, 100), [10] * 5) == pytest.approx([0, 2, 4, 6, 8], abs=1e-6)


def test_without_limits_nothing_waits():
    assert admissions(lambda: Pace(0, 0, 100), [10] * 50) == pytest.approx([0] * 50, abs=1e-6)


@given(st.integers(1, 300), st.integers(1, 150))
def test_no_minute_holds_more_requests_than_the_limit_and_one(limit, count):
    times = admissions(lambda: Pace(limit, 0, 100), [1] * count)
    assert max(sum(start <= other < start + 59.999 for other in times) for start in times) <= limit + 1
    assert times[-1] == pytest.approx((count - 1) * 60 / limit, rel=1e-6, abs=1e-6)  # and no time is wasted


@given(st.integers(100, 5000), st.lists(st.integers(1, 100), min_size=1, max_size=60))
def test_no_minute_holds_more_tokens_than_the_limit_and_one_request(limit, uses):
    uses = [max(uses)] * len(uses)  # so that the order in which they are let through does not matter
    times = admissions(lambda: Pace(0, limit, 100), uses)
    most = max(sum(uses[0] for other in times if start <= other < start + 59.999) for start in times)
    assert most <= limit + 100


def test_a_pause_holds_back_everyone_and_the_longer_of_two_counts():
    times = admissions(lambda: Pace(60, 0, 10), [1] * 5, pauses={0: 30.0, 1: 5.0})
    assert times[0] < 1e-6 and all(time >= 30 for time in times[1:])


@pytest.mark.parametrize(
    "header, seconds",
    [(None, 0), ("", 0), ("2", 2), ("0.5", 0.5), ("-3", 0), ("nan", 0), ("inf", 0), ("soon", 0), ("Mon, 99 Foo", 0)],
)
def test_retry_after_in_seconds(header, seconds):
    assert retry_after(header) == seconds


def test_retry_after_as_a_date(monkeypatch):
    monkeypatch.setattr("alignment.traces.pace.time.time", lambda: 1e9)
    assert retry_after(email.utils.formatdate(1e9 + 60, usegmt=True)) == 60
    assert retry_after(email.utils.formatdate(1e9 - 60, usegmt=True)) == 0
