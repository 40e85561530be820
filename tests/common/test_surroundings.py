"""What the surroundings do to a run is one line with the remedy, status 2, and what was done so far is there."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from loopback_hub import LoopbackHub
from tiny import experiment_config, records, write_folder

from alignment.cli import show
from alignment.common import surroundings
from alignment.common.declaration import flatten
from alignment.common.files import read_text
from alignment.common.surroundings import check_versions, explain
from alignment.data.tokens import tokenise
from alignment.errors import UserError
from alignment.training.metrics import open_metrics

ROOT = Path(__file__).resolve().parents[2]


def chained(first, second):
    try:
        try:
            raise first
        except BaseException as cause:
            raise second from cause
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: the disk is full; free some space"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "a/b"), "a/b: the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "a file: the disk is full"),
        (ValueError("Failed to write: No space left on device [os_error_code='28']"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b: Read-only file system; change its permissions"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied; change its permissions"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"), "a/b: Not a directory; move it away"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", b"a/b"), "a/b: Is a directory; move it away"),
        (OSError(errno.EMFILE, "Too many open files", "a/b"), "a/b: too many open files; raise the limit with ulimit"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "this machine is out of memory; use a smaller batch"),
        (MemoryError(), "this machine is out of memory; use a smaller batch"),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
            "no network (Connection refused); go online",
        ),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "no network (Network is unreachable)"),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory\nx"), "the device is out of memory; use more"),
        (chained(MemoryError(), RuntimeError("while tokenising")), "this machine is out of memory"),
    ],
)
def test_errors_of_the_surroundings_are_one_line_with_a_remedy(error, words):
    line = explain(error)
    assert line.startswith(words) and ";" in line and "\n" not in line


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a defect"),
        KeyError("No"),
        AssertionError(),
        RuntimeError("no backend"),
        jax.errors.JaxRuntimeError("INTERNAL: a defect"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        FileNotFoundError(errno.ENOENT, "No such file", "a/b"),
        PermissionError("of a test, with no file"),
    ],
)
def test_defects_keep_their_traceback(error):
    assert explain(error) is None


def test_an_error_that_was_dealt_with_is_no_cause():
    try:
        try:
            raise MemoryError
        except MemoryError:
            raise ValueError("a defect") from None
    except ValueError as error:
        assert explain(error) is None


@pytest.mark.parametrize(("version", "passes"), [("0.4.38", False), ("0.10.1", False), ("0.10.2", True), ("1.0", True)])
def test_an_old_jax_is_named_with_the_command_that_replaces_it(version, passes):
    env = {surroundings.PRETENDED_JAX: version}
    if passes:
        check_versions(env)
        return
    with pytest.raises(UserError, match=rf"jax {version} is too old; .* pip install -U 'jax>=0.10.2'"):
        check_versions(env)


def test_the_oldest_jax_is_that_of_the_package():
    assert f'"jax>={".".join(map(str, surroundings.OLDEST_JAX))}"' in (ROOT / "setup.py").read_text()


# ------------------------------------------------------------------------------------------ as a user's process does it


def process(*arguments, **env):
    command = [sys.executable, "-m", *map(str, arguments)]
    env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)} | env
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)


def one_line(done) -> str:
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
    return lines[0]


@pytest.mark.ci
@pytest.mark.parametrize("module", ["alignment.ablate", "alignment.bench", "alignment.pretrain_nano"])
def test_every_command_says_that_jax_is_old(module):
    assert "jax 0.4.30 is too old" in one_line(process(module, "--help", ALIGNMENT_PRETEND_JAX_VERSION="0.4.30"))


@pytest.mark.ci
@pytest.mark.skipif(any(device.platform != "cpu" for device in jax.devices()), reason="this machine has the device")
@pytest.mark.parametrize("platform", ["cuda", "tpu", "none_such"])
def test_a_device_that_is_not_there(tmp_path, platform):
    line = one_line(process("alignment.ablate", f"--workdir={tmp_path / 'run'}", JAX_PLATFORMS=platform))
    assert f"JAX_PLATFORMS={platform}: JAX has no such device here" in line and "unset JAX_PLATFORMS" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.ci
def test_float16_is_refused_with_what_to_use(tmp_path):
    line = one_line(process("alignment.ablate", f"--workdir={tmp_path / 'run'}", "--config.model.dtype=float16"))
    assert "--config.model.dtype=float16" in line and "bfloat16" in line and "float32" in line


@pytest.mark.ci
def test_no_network(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken and not listening: every connection is refused
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        env = {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        flags = [f"--workdir={tmp_path / 'run'}", "--config.model.path=some/model"]
        line = one_line(process("alignment.ablate", *flags, **env))
    assert "some/model" in line and ";" in line


def ablation(folder):
    config = experiment_config(folder)
    config.arms, config.data.cache = ("modular",), str(folder / "tokens")
    return ["alignment.ablate", *(f"--config.{name}={show(value)}" for name, value in flatten(config).items())]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The command of an ablation without its workdir, and the workdir of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("finished")
    command = ablation(folder)
    done = process(*command, f"--workdir={folder / 'run'}")
    assert done.returncode == 0, done.stderr
    return command, folder / "run"


@pytest.mark.ci
def test_out_of_memory_keeps_what_was_done(finished, tmp_path):
    """Through one seam: a step that raises what an exhausted device, or machine, raises."""
    (command, undisturbed), workdir = finished, tmp_path / "run"
    line = one_line(process(*command, f"--workdir={workdir}", ALIGNMENT_PRETEND_OUT_OF_MEMORY="device@3"))
    for remedy in ("micro_batches", "--config.model.remat=true", "--config.rollout.sequences", "--workdir"):
        assert remedy in line
    assert (workdir / "seed0" / "reasoning" / "checkpoints" / "2" / "MANIFEST.json").exists()
    assert not (workdir / "run.lock").exists()
    line = one_line(process(*command, f"--workdir={workdir}", ALIGNMENT_PRETEND_OUT_OF_MEMORY="host@4"))
    assert "this machine is out of memory" in line  # in the reward stage: the reasoning stage has 4 steps
    assert (workdir / "seed0" / "reasoning" / "adapter" / "MANIFEST.json").exists()
    assert (workdir / "seed0" / "reward" / "checkpoints" / "4" / "MANIFEST.json").exists()
    assert process(*command, f"--workdir={workdir}").returncode == 0
    assert read_text(workdir / "results.json") == read_text(undisturbed / "results.json")


# ---------------------------------------------------------------------------------------------------------- a full disk


def resize(disk, size):
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def fill(disk, blocks):
    """Leave that many blocks of 4 KiB free; one is for the lock of the run, which comes first."""
    with pytest.raises(OSError, match="No space left"), open(disk / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(disk / "filler", (disk / "filler").stat().st_size - 4096 * blocks)


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own, which may be made larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)  # lazily: `datasets` holds a file that it gave up


def full_disk_line(done) -> str:
    """The one line, which is all that a full disk writes to stderr beside lines of progress."""
    line = one_line(done)
    assert "the disk is full" in line and "free" in line
    assert all(other == line or other.endswith(" in all") or ", 00:" in other for other in done.stderr.splitlines()), (
        done.stderr
    )
    return line


@pytest.mark.ci
def test_a_full_disk_keeps_what_was_done_and_with_more_room_the_run_goes_on(finished, disk):
    command, undisturbed = finished
    workdir = disk / "run"
    stages = [workdir / "seed0" / stage for stage in ("reasoning", "reward")]
    assert f"{stages[0] / 'metrics.jsonl'}: " in full_disk_line(process(*command, f"--workdir={workdir}"))
    resize(disk, "260k")  # the first checkpoint and not the second
    assert "step 4 was not saved" in full_disk_line(process(*command, f"--workdir={workdir}"))
    assert [path.name for path in (stages[0] / "checkpoints").iterdir()] == ["2"]
    resize(disk, "440k")  # the first stage and not the second
    assert f"{stages[1]}" in full_disk_line(process(*command, f"--workdir={workdir}"))
    assert (stages[0] / "adapter" / "MANIFEST.json").exists() and not (workdir / "results.json").exists()
    assert not list(disk.rglob("*.tmp")) and not (workdir / "run.lock").exists()
    resize(disk, "8m")
    done = process(*command, f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    for name in ("results.json", *(f"seed0/{stage.name}/adapter/adapter_model.safetensors" for stage in stages)):
        assert (workdir / name).read_bytes() == (undisturbed / name).read_bytes()


@pytest.mark.ci
@pytest.mark.parametrize(
    ("removed", "blocks", "name"),
    [
        ("results.json", 1, "next_round/modular.py"),
        ("report.html", 8, "report.html"),  # of 28 blocks, larger than all that comes before it together
        ("seed0/arms/modular", 1, "seed0/arms/modular"),
    ],
)
def test_a_full_disk_after_training_names_the_file_and_the_rest_is_as_it_was(finished, disk, removed, blocks, name):
    command, undisturbed = finished
    resize(disk, "8m")
    workdir = disk / "run"
    shutil.copytree(undisturbed, workdir)
    shutil.rmtree(workdir / removed) if (workdir / removed).is_dir() else (workdir / removed).unlink()
    fill(disk, blocks)
    assert f"{workdir / name}" in full_disk_line(process(*command, f"--workdir={workdir}"))
    (disk / "filler").unlink()
    done = process(*command, f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    assert (workdir / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()


@pytest.mark.ci
def test_a_full_disk_under_an_export_or_a_data_set_is_one_line_and_leaves_no_half(finished, disk):
    export = ("alignment.export", f"--run={finished[1] / 'seed0'}", "--arm=modular", "--what=all")
    assert f"{disk / 'set'}" in full_disk_line(process(*export, f"--out={disk / 'set'}"))
    data = ("alignment.build_data", "--config.vignettes.count=300")
    assert f"{disk}" in full_disk_line(process(*data, f"--config.out={disk / 'data' / 'set'}"))
    assert not list(disk.rglob("*.parquet")) and not list(disk.rglob("*.safetensors"))


@pytest.mark.ci
def test_a_full_disk_under_the_cache_of_the_hub_is_one_line(disk, tmp_path):
    hub = LoopbackHub({("models", "some/model"): write_folder(tmp_path / "base")})
    try:
        command = ("alignment.ablate", "--config.arms=base", f"--workdir={tmp_path / 'run'}")
        done = process(*command, "--config.model.path=some/model", **hub.environment(disk / "hf", HF_HUB_OFFLINE="0"))
    finally:
        hub.close()
    assert f"{disk / 'hf'}" in one_line(done) and "the disk is full" in done.stderr


@pytest.mark.ci
def test_a_full_disk_under_the_cache_of_tokens_costs_only_the_cache(disk, capsys):
    examples = tokenise(records(3000), lambda record: (list(range(64)), [1] * 64), "x", str(disk))
    assert len(examples) == 3000 and examples.take([2999])[0] == [list(range(64))]
    assert "tokens cannot be kept there" in capsys.readouterr().out


@pytest.mark.ci
@pytest.mark.parametrize("tensorboard", [False, True])
def test_a_full_disk_under_the_metrics_is_an_error_that_names_them(disk, tensorboard):
    if tensorboard:
        pytest.importorskip("tensorboardX", reason="the extra `log` is not installed")
    with (
        pytest.raises(OSError, match="No space left") as caught,
        open_metrics(disk / "stage", tensorboard=tensorboard) as metrics,
    ):
        for step in range(1, 1000):
            metrics.write({"step": step, "loss": 0.5, "reward": 1.0})
    assert str(disk / "stage") in str(caught.value.filename)
