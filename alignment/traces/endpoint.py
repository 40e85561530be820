"""A teacher behind an OpenAI-compatible endpoint, asked by many requests at once."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
from ml_collections import ConfigDict
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from alignment.common import interrupts
from alignment.errors import UserError
from alignment.record import Record
from alignment.text.templates import Template, messages, user_message
from alignment.traces.collection import Collection
from alignment.traces.journal import Answer
from alignment.traces.pace import Pace, retry_after
from alignment.traces.reply import BadReply, error_code, error_words, read_reply

MOST_BYTES = 8 << 20  # of a reply: a server that never stops is not read to the end
FIRST_REFUSALS = 3  # so many requests refused before any was answered: it is the request that is wrong
_FLAG = "--config.traces.endpoint"
# Capitals, and an underscore where it is long: what could be a key itself is neither looked up nor shown.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]{0,15}|(?=[A-Z0-9]+_)[A-Z][A-Z0-9_]{0,63}")
_MILLION = 1e6


class Passing(Exception):
    """A failure that another request may not meet: a time-out, a broken line, status 429 or 5xx, a spoilt reply."""

    def __init__(self, message: str, wait: float = 0.0):
        super().__init__(message)
        self.wait = wait  # seconds that the server asks for


class Refused(Exception):
    """The endpoint will not take this one request (status 400, 413 or 422)."""


# ------------------------------------------------------------------------------------------------------------ settings


def check_endpoint(settings: ConfigDict) -> None:
    """Check what of `config.traces` needs no network; raises `UserError` naming the flag, and never a key."""
    endpoint = settings.endpoint
    url = urlsplit(endpoint.base_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise UserError(
            f"{_FLAG}.base_url: give the address up to /v1, as in https://HOST/v1 or http://127.0.0.1:8000/v1"
        )
    if url.username or url.password or url.query:
        raise UserError(f"{_FLAG}.base_url holds a name, password or query; the key comes from the environment alone")
    if not endpoint.model:
        raise UserError(f"{_FLAG}.model is empty; name the model to ask for")
    if endpoint.max_cost and not endpoint.price_in + endpoint.price_out:
        raise UserError(
            f"{_FLAG}.max_cost={endpoint.max_cost} needs {_FLAG}.price_in and .price_out, per million tokens"
        )


def read_key(variable: str) -> str:
    """Return the key in the environment variable called `variable`, or "" where no variable is named.

    Raises:
      UserError: no such variable, or what it holds cannot be sent. The message never shows a value: who types a key in
        place of a name is told so without it.
    """
    if not variable:
        return ""
    if not _VARIABLE.fullmatch(variable):
        raise UserError(
            f"{_FLAG}.key_variable must be the name of an environment variable in capitals, not the key itself"
        )
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(
            f"the environment variable {variable} is empty; put the key of the endpoint there, or write "
            f"{_FLAG}.key_variable= for one that needs none"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise UserError(f"the environment variable {variable} holds characters that no key has; set it again")
    return key


def sampling_of(settings: ConfigDict) -> dict[str, Any]:
    """What shapes an answer beside the messages: the fields of the request that are part of its identity."""
    top_p = settings.endpoint.top_p
    sampling = {"temperature": settings.temperature, settings.endpoint.tokens_field: settings.max_tokens}
    return sampling if top_p == 1 else sampling | {"top_p": top_p}  # some endpoints refuse what they do not know


# -------------------------------------------------------------------------------------------------------------- asking


def ask_endpoint(collection: Collection, settings: ConfigDict, template: Template, key: str) -> str:
    """Ask until nothing is left; return why it stopped early, or "".

    At most `concurrency` requests are in flight. A question that fails for good is left for the next run.

    Raises:
      UserError: the endpoint takes no request of ours, or does not answer at all.
    """
    if not collection.pending():
        return ""
    logging.getLogger("httpcore2").setLevel(
        logging.WARNING
    )  # its debug lines hold headers, and a server may echo the key
    try:
        with interrupts.deferred():
            return asyncio.run(_Endpoint(collection, settings, template, key).run())
    except ExceptionGroup as group:
        raise _first(group) from None
    except asyncio.CancelledError:
        interrupts.raise_if_requested()
        raise


async def _cancel_on_signal(task: asyncio.Task) -> None:
    # A handler that raised inside a task would have asyncio print a traceback for it.
    while not interrupts.requested():
        await asyncio.sleep(0.1)
    task.cancel()


def _first(group: ExceptionGroup) -> Exception:
    """The one failure that made the others stop."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


class _Endpoint:
    """One run: a client, a gate and the workers that share them."""

    def __init__(self, collection: Collection, settings: ConfigDict, template: Template, key: str):
        self.collection, self.settings, self.template, self.key = collection, settings, template, key
        self.endpoint = endpoint = settings.endpoint
        self.url = endpoint.base_url.rstrip("/") + "/chat/completions"
        longest = max(_prompt_tokens(record, template) for record in collection.pending())
        self.pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute, longest + settings.max_tokens)
        self.reserved = 0.0  # the most that the requests in flight may cost
        self.failures = 0  # questions given up in a row
        self.refusals = 0
        self.stopped = ""

    async def run(self) -> str:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        limits = httpx2.Limits(max_connections=self.endpoint.concurrency)
        questions = iter(self.collection.pending())
        # One time limit for the whole request, kept by `_post`: a server that drips bytes meets it as well.
        self.client = httpx2.AsyncClient(headers=headers, limits=limits, timeout=None)
        watch = asyncio.create_task(_cancel_on_signal(asyncio.current_task()))
        try:
            async with self.client, asyncio.TaskGroup() as workers:
                for _ in range(self.endpoint.concurrency):
                    workers.create_task(self._work(questions))
        finally:
            watch.cancel()
        return self.stopped

    async def _work(self, questions: Iterator[Record]) -> None:
        for record in questions:
            while (attempt := self.collection.next_try(record)) is not None:
                most = _cost(self.endpoint, _prompt_tokens(record, self.template), self.settings.max_tokens)
                if self._over_budget(most):
                    self.stopped = "max_cost"
                    return
                self.reserved += most
                try:
                    await self._ask(record, attempt)
                finally:
                    self.reserved -= most

    def _over_budget(self, most: float) -> bool:
        """Whether one more request of at most this cost, beside those in flight, could pass `max_cost`."""
        limit = self.endpoint.max_cost
        return bool(limit) and self.collection.journal.spent + self.reserved + most > limit

    async def _ask(self, record: Record, attempt: int) -> None:
        """Get one answer into the collection, or give the question up."""
        try:
            self.collection.add(await self._answer(record, attempt))
            self.failures = 0
        except Passing as error:
            self.failures += 1
            self.collection.give_up(record)
            if self.failures >= max(self.endpoint.concurrency, FIRST_REFUSALS):
                raise UserError(
                    f"{self.url} failed {self.failures} questions in a row, the last with: {error}; nothing is lost, "
                    "the same command goes on when it answers again"
                ) from None
        except Refused as error:
            self._refuse(record, attempt, error)

    def _refuse(self, record: Record, attempt: int, error: Refused) -> None:
        """Once others were answered, a refusal is about this question; before that, it is about every request."""
        if any(verdict.reason != "refused" for verdict in self.collection.answers):
            self.collection.add(self._filed(record, attempt, text=str(error), finish="refused", counted=False))
            return
        self.refusals += 1
        self.collection.give_up(record)
        if self.refusals >= min(FIRST_REFUSALS, len(self.collection.records)):
            raise UserError(
                f"{self.url} takes no request of ours ({error}); check {_FLAG}.model={self.endpoint.model}, "
                f".tokens_field={self.endpoint.tokens_field}, --config.traces.max_tokens and .temperature"
            )

    async def _answer(self, record: Record, attempt: int) -> Answer:
        began = time.monotonic()
        prompt_tokens = _prompt_tokens(record, self.template)
        body = {"model": self.endpoint.model, "messages": messages(record, self.template), **sampling_of(self.settings)}
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Passing),
            stop=stop_after_attempt(self.endpoint.requests),
            wait=self._wait,
            reraise=True,
        )
        async for requests in retrying:
            with requests:
                await self.pace.admit(prompt_tokens + self.settings.max_tokens)
                raw = await self._post(body)
                try:
                    # Generous, since an endpoint may count a preamble, or reasoning it does not show.
                    reply = read_reply(raw, self.template, (4 * prompt_tokens + 4096, 4 * self.settings.max_tokens))
                except BadReply as error:
                    raise Passing(self._safe(str(error))) from error
        counted = reply.usage or (prompt_tokens, _estimate(reply.text))
        return self._filed(
            record,
            attempt,
            text=self._safe(reply.text),
            finish=reply.finish,
            model=self._safe(reply.model),
            prompt_tokens=counted[0],
            completion_tokens=counted[1],
            counted=reply.usage is not None,
            cost=_cost(self.endpoint, *counted),
            seconds=round(time.monotonic() - began, 3),
            requests=requests.retry_state.attempt_number,
        )

    def _filed(self, record: Record, attempt: int, **fields: Any) -> Answer:
        return Answer(**self.collection.key(record, attempt)._asdict(), **fields)

    def _wait(self, state: RetryCallState) -> float:
        """Seconds before the next request: exponential with jitter, and no less than the server asks for."""
        backoff = wait_random_exponential(multiplier=self.endpoint.first_wait, max=self.endpoint.longest_wait)(state)
        return min(max(backoff, state.outcome.exception().wait), self.endpoint.longest_wait)

    async def _post(self, body: dict[str, Any]) -> bytes:
        """Return the body of a reply with status 200; whatever else happens is `Passing`, `Refused` or `UserError`."""
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                async with self.client.stream("POST", self.url, json=body) as response:
                    raw = bytearray()
                    async for piece in response.aiter_bytes():
                        raw += piece
                        if len(raw) > MOST_BYTES:
                            raise Passing(f"a reply of more than {MOST_BYTES >> 20} MiB")
        except TimeoutError:
            raise Passing(f"no whole answer within {self.endpoint.timeout:g} s") from None
        except httpx2.RequestError as error:
            raise Passing(self._safe(f"{type(error).__name__}: {error}")) from None
        if response.status_code != 200:
            self._fail(response, bytes(raw))
        return bytes(raw)

    def _fail(self, response: httpx2.Response, raw: bytes) -> None:
        status, message = response.status_code, self._safe(f"status {response.status_code}: {error_words(raw)}")
        spent = error_code(raw) == "insufficient_quota"
        if status in (408, 409, 425, 429) and not spent or status >= 500:
            wait = min(retry_after(response.headers.get("retry-after")), self.endpoint.longest_wait)
            if wait:
                self.pace.pause(wait)
            raise Passing(message, wait)
        if status in (400, 413, 422):
            raise Refused(message)
        remedy = f"check {_FLAG}.base_url"
        if status in (401, 403):
            variable = self.endpoint.key_variable or "none is named"
            remedy = f"the key is not accepted: check the environment variable of {_FLAG}.key_variable ({variable})"
        elif status == 404:
            remedy += f", which ends before /chat/completions, and {_FLAG}.model={self.endpoint.model}"
        elif status in (402, 429):
            remedy = "the account has no credit left; the same command goes on when it has"
        elif status < 400:
            remedy = f"it sends us elsewhere: give the final address as {_FLAG}.base_url"
        raise UserError(f"{self.url}: {message}; {remedy}")

    def _safe(self, text: str) -> str:
        """`text` without the key, should a server send it back."""
        return text.replace(self.key, "[key]") if self.key else text


def _prompt_tokens(record: Record, template: Template) -> int:
    return _estimate(template.system + user_message(record, template)) + 16  # the chat's own tokens


def _estimate(text: str) -> int:
    """Tokens of a text whose tokenizer is not known: English has about four characters a token, so this is high."""
    return len(text) // 3 + 1


def _cost(endpoint: ConfigDict, prompt_tokens: int, completion_tokens: int) -> float:
    return (prompt_tokens * endpoint.price_in + completion_tokens * endpoint.price_out) / _MILLION
