"""A teacher on loopback: an HTTP server that answers as it is told and stores every request."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from made_data import write_records
from ml_collections import ConfigDict
from tiny import SIGNS, records

from alignment.config import default_data_set
from alignment.record import Record

MODEL = "teacher-1"
VARIABLE = "LOOPBACK_TEACHER_KEY"
KEY = "sk-loopback-7f3a9c0d51e24b68"
QUESTION = re.compile(r"Patient (\d+) has")


@dataclasses.dataclass
class Act:
    """What the server does with one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None  # send so many bytes of the body and close
    reset: bool = False  # reset the connection without a word


def good(record: Record, letter: str = "", reasoning: str = "") -> str:
    """A strict, grounded answer to a record of `tiny.records`."""
    sign, letter = SIGNS[record.options[record.gold]], letter or record.gold
    reasoning = reasoning or (
        f"{record.question.split('.')[0]}. Of the conditions that are listed it is the one which would most often show "
        f"with {sign}, and the others do not fit with that finding."
    )
    return (
        f"<think>\n{reasoning}\n</think>\n<answer>\n{letter}. {record.options[letter]} \\boxed{{{letter}}}\n</answer>"
    )


def completion(text: str | None, finish: str = "stop", model: str = MODEL, usage: object = (50, 60), **message) -> Act:
    """A reply in the layout of chat completions; `usage` None leaves it out."""
    tree = {
        "id": "c",
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": finish}],
    }
    if isinstance(usage, tuple):
        usage = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    if usage is not None:
        tree["usage"] = usage
    return Act(json.dumps(tree).encode(), headers={"Content-Type": "application/json"})


def failure(status: int, message: str = "no", code: str = "", **headers: str) -> Act:
    """An error in the usual layout."""
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return Act(body, status, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclasses.dataclass
class ReceivedRequest:
    """One request as the server saw it."""

    index: int  # of the record
    nth: int  # 0 for the first request about it
    body: dict
    key: str | None
    status: int = 0
    delivered: bool = False  # the whole reply was handed to the network


class Loopback:
    """The server, in threads of this process; `behave(record, nth)` says what to do."""

    def __init__(self, behave: Callable[[Record, int], Act]):
        self.behave = behave
        self.requests: list[ReceivedRequest] = []
        self.most_in_flight = self._in_flight = 0
        self._lock = threading.Lock()
        self._counts: Counter = Counter()
        self._records = records(400)
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                loopback._serve(self)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *args: None  # a client that hangs up is no news

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Loopback:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *exc) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        index = int(QUESTION.search(body["messages"][-1]["content"])[1])
        with self._lock:
            key = handler.headers.get("Authorization")
            request = ReceivedRequest(index, self._counts[index], body, key)
            self._counts[index] += 1
            self.requests.append(request)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            assert handler.path == "/v1/chat/completions"
            self._act(handler, request, self.behave(self._records[index], request.nth))
        except OSError:
            pass  # the other side is gone
        finally:
            with self._lock:
                self._in_flight -= 1

    def _act(self, handler: BaseHTTPRequestHandler, request: ReceivedRequest, act: Act) -> None:
        time.sleep(act.delay)
        request.status = act.status
        if act.reset:  # linger 0: the system sends RST
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            os.close(handler.connection.detach())
            return
        handler.send_response(act.status)
        for name, value in act.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(act.body)))
        handler.end_headers()
        handler.wfile.write(act.body[: act.cut])
        handler.wfile.flush()
        if act.cut is not None:
            handler.close_connection = True
        request.delivered = act.cut is None


def traces_config(folder: Path, url: str, count: int = 6) -> ConfigDict:
    """A build of traces for `count` of `tiny.records` by the teacher at `url`, with waits of milliseconds."""
    data = folder / "questions.jsonl"
    if not data.exists():
        write_records(str(data), records(count))
    config = default_data_set()
    config.builder = "traces"
    config.out = str(folder / "set")
    config.traces.update(sources=(f"records:{data}",), count=0, tries=3)
    config.traces.endpoint.update(base_url=url, model=MODEL, key_variable=VARIABLE, concurrency=4)
    config.traces.endpoint.update(first_wait=0.01, longest_wait=0.2, timeout=5.0, requests=3)
    return config


def flags(config: ConfigDict) -> list[str]:
    """The command line that sets what differs from the defaults."""
    from alignment.cli import leaves, show

    default = leaves(default_data_set())
    return [f"--config.{name}={show(value)}" for name, value in leaves(config).items() if value != default[name]]
