"""How fast an endpoint may be asked: requests and tokens a minute, and a pause when it asks for one."""

from __future__ import annotations

import asyncio
import email.utils
import math
import time

from aiolimiter import AsyncLimiter

MINUTE = 60.0


class Pace:
    """One gate for all requests in flight.

    No minute holds more than `requests_per_minute` + 1 requests, since they are let through evenly, nor more than
    `tokens_per_minute` + `largest` tokens, where `largest` is what one request may use; 0 sets no limit.
    """

    def __init__(self, requests_per_minute: int, tokens_per_minute: int, largest: int):
        self._requests = AsyncLimiter(1, MINUTE / requests_per_minute) if requests_per_minute else None
        # A bucket that holds one request and drains at the rate: no burst at the start.
        self._tokens = AsyncLimiter(largest, MINUTE * largest / tokens_per_minute) if tokens_per_minute else None
        self._not_before = 0.0

    async def admit(self, tokens: int) -> None:
        """Return when a request of at most `tokens` tokens may be made."""
        if self._tokens:
            await self._tokens.acquire(tokens)
        if self._requests:
            await self._requests.acquire()
        while (wait := self._not_before - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Let nothing through for `seconds`."""
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)


def retry_after(header: str | None) -> float:
    """Return the seconds that a Retry-After header asks for, as a number or a date (RFC 9110, 10.2.3); else 0."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0
