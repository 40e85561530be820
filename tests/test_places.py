"""Every command that writes says in one line, before it loads anything, where it cannot write or another run works."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

import pytest

from alignment import ablate, bench, build_data, cli, export, feedback, fetch, pretrain_nano, train
from alignment.common import lock
from alignment.run import setup

# How each command is told where to write: its main function, and its arguments around the path.
WRITERS = {
    "ablate": (ablate.main, "--workdir={}", ()),
    "train": (train.main, "--workdir={}", ()),
    "feedback": (feedback.main, "--out={}", ("--feedback=log.jsonl",)),
    "export": (None, "--out={}", ("--run=runs/demo/seed0", "--arm=modular")),
    "build_data": (build_data.main, "--config.out={}", ()),
    "build_data, journal": (
        build_data.main,
        "--config.traces.journal={}",
        ("--config.builder=traces", "--config.out=set", "--config.traces.sources=vignettes:5"),
    ),
    "pretrain_nano": (pretrain_nano.main, "--out={}", ()),
    "fetch": (fetch.main, "--out={}", ("smollm2-135m",)),
    "bench": (bench.main, "--csv={}", ("--suite=logprob",)),
}
LOADERS = [
    *((setup, name) for name in ("load_data", "load_sampler")),
    *((feedback, name) for name in ("load_data", "load_base_model")),
    *((export, name) for name in ("read_run", "base_folder")),
    *((pretrain_nano, name) for name in ("build", "documents")),
    (bench, "bench"),
    (fetch, "fetch"),
]


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("loaded or computed something first")

    for module, name in LOADERS:
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setitem(build_data.BUILDERS, "vignettes", refuse)
    monkeypatch.chdir(tmp_path)


def write_to(name: str, path: object) -> int:
    main, flag, arguments = WRITERS[name]
    if main is None:
        options = {"description": "x", "add_flags": export.add_flags, "needs_workdir": False}
        return cli.main(export.run, argv=[flag.format(path), *arguments], **options)
    return main([flag.format(path), *arguments])


def the_line(capsys) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("below", ["", "/set", "/a/b/set"])
def test_below_a_file_nothing_can_be_written(tmp_path, capsys, name, below):
    (tmp_path / "file").write_text("text")
    if name in ("bench", "build_data, journal") and not below:
        (tmp_path / "file").unlink()
        (tmp_path / "file").mkdir()  # where a file is to be written, a folder is the wrong kind
    assert write_to(name, tmp_path / f"file{below}") == 2
    assert f"{tmp_path / 'file'}" in the_line(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("name", WRITERS)
def test_where_the_system_lets_nobody_write(capsys, name):
    assert write_to(name, "/proc/none-such/set") == 2
    assert "/proc/none-such" in the_line(capsys)


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("bench", "build_data, journal")])
def test_where_another_run_works(tmp_path, capsys, name):
    """The journal has a lock of its own, and a measurement is added to a table by one short write."""
    folder = tmp_path / "set"
    path = tmp_path / ".set.lock" if name == "build_data" else folder / lock.NAME
    path.parent.mkdir(exist_ok=True)
    owner = dataclasses.replace(lock._myself(), host="node7", machine="node7", heartbeat=time.time())
    path.write_text(json.dumps(dataclasses.asdict(owner)))
    assert write_to(name, folder) == 2
    line = the_line(capsys)
    assert f"{folder}: in use by process {owner.pid} on node7 since {owner.since} ({owner.command}" in line
    assert json.loads(path.read_text())["token"] == owner.token


@pytest.mark.parametrize(("name", "inside"), [("feedback", "scorer.json"), ("export", "composite/README.md")])
def test_a_folder_where_a_file_is_to_be_written(tmp_path, capsys, name, inside):
    (tmp_path / "set" / inside).mkdir(parents=True)
    if name == "export":
        WRITERS["export, forced"] = (None, "--out={}", (*WRITERS["export"][2], "--force"))
        assert write_to("export, forced", tmp_path / "set") == 2
    else:
        assert write_to(name, tmp_path / "set") == 2
    assert f"{inside} is a folder, but a file must be written there; move it away" in the_line(capsys)
