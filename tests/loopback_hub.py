"""A Hugging Face Hub on loopback: a real HTTP server with the part of the Hub's protocol that downloads use.

It follows https://huggingface.co/docs/hub/api and what `huggingface_hub` sends: repository and revision information,
file listings, and files by HEAD and GET with ETag, X-Repo-Commit and ranges. Errors carry the Hub's X-Error-Code.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?(?:/.*)?$")
FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")
TOKEN = "hf_loopback0123456789abcdef"  # the one that has accepted every licence


@dataclasses.dataclass
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    range: str | None
    token: str | None


class LoopbackHub:
    """Serves folders as repositories: `{("models" | "datasets", "owner/name"): folder}`."""

    def __init__(self, repositories: dict[tuple[str, str], Path]):
        self.repositories = repositories
        self.gated: set[str] = set()  # ids whose files need TOKEN
        self.status: int | None = None  # answer everything with it
        self.retry_after = 600
        self.cuts: dict[str, list[int]] = {}  # file name -> bytes after which its next deliveries break off
        self.seen: list[Seen] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                hub._serve(self)

            do_HEAD = do_GET

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening; the port is closed from then on."""
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """The variables of a process that downloads from here into `home`, without those of this one."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
        return inherited | {"HF_ENDPOINT": self.url, "HF_HOME": str(home)} | more

    def fetched(self, name: str = "") -> list[Seen]:
        """The GET requests of files whose path ends in `name`."""
        return [
            seen
            for seen in self.seen
            if seen.method == "GET" and "/resolve/" in seen.path + "/" and seen.path.endswith(name)
        ]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(handler.path).path)
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self.seen.append(Seen(handler.command, path, handler.headers.get("Range"), token))
        if self.status is not None:
            return _answer(handler, self.status, {"Retry-After": str(self.retry_after)}, b'{"error": "no"}')
        api, file = API.match(path), FILE.match(path)
        if not api and not file:
            return _fail(handler, 404, "NotFound")
        kind, repository = (api[1], api[2]) if api else (file[1] or "models", file[2])
        folder = self.repositories.get((kind, repository))
        if folder is None:  # the Hub does not tell a stranger whether a private repository exists
            return _fail(handler, 404 if token else 401, "RepoNotFound")
        revision = (api[4] if api else file[3]) or "main"
        if revision not in ("main", commit(folder)):
            return _fail(handler, 404, "RevisionNotFound")
        if api:
            return _answer(handler, 200, {"Content-Type": "application/json"}, _describe(api, folder))
        if repository in self.gated and token != TOKEN:
            return _fail(handler, 403 if token else 401, "GatedRepo")
        target = folder / file[4]
        if not target.is_file():
            return _fail(handler, 404, "EntryNotFound")
        return self._send(handler, target, commit(folder))

    def _send(self, handler: BaseHTTPRequestHandler, file: Path, revision: str) -> None:
        body = file.read_bytes()
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": revision, "Accept-Ranges": "bytes"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "")
        status, start = (206, int(wanted[1])) if wanted else (200, 0)
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        cuts = self.cuts.get(file.name, [])
        cut = cuts.pop(0) if cuts and handler.command == "GET" else None
        _answer(handler, status, headers, body[start:], cut)


def commit(folder: Path) -> str:
    """The commit of a folder's content, as long as git's."""
    digest = hashlib.sha1()
    for file in files(folder):
        digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def files(folder: Path) -> list[Path]:
    """The files of a repository."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _describe(api: re.Match, folder: Path) -> bytes:
    names = [file.relative_to(folder).as_posix() for file in files(folder)]
    if api[3] == "tree":
        entries = [{"type": "file", "path": name, **_stored(folder / name)} for name in names]
        return json.dumps(entries).encode()
    about = {"id": api[2], "sha": commit(folder), "private": False, "gated": False, "disabled": False, "tags": []}
    return json.dumps(about | {"siblings": [{"rfilename": name} for name in names]}).encode()


def _stored(file: Path) -> dict:
    size, content = file.stat().st_size, file.read_bytes()
    stored = {"size": size, "oid": hashlib.sha1(content).hexdigest()}
    if file.suffix in (".safetensors", ".parquet"):
        stored["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": size, "pointerSize": 134}
    return stored


def _fail(handler: BaseHTTPRequestHandler, status: int, code: str) -> None:
    body = json.dumps({"error": code}).encode()
    _answer(handler, status, {"X-Error-Code": code, "X-Error-Message": code, "Content-Type": "application/json"}, body)


def _answer(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, cut: int | None = None
) -> None:
    handler.send_response(status)
    for name, value in (headers | {"Content-Length": str(len(body))}).items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command == "HEAD":
        return
    handler.wfile.write(body if cut is None else body[:cut])
    if cut is not None:
        handler.close_connection = True
