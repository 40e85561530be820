"""Starting an entry point on a TPU VM: the exact commands, the babysitter's decisions, the script on the machine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "launch" / "tpu_vm"


def load_launch():
    spec = importlib.util.spec_from_file_location("launch_tpu_vm", FOLDER / "launch.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


launch = load_launch()
MACHINE = launch.Machine("trial", "us-west4-a", "v5litepod-8", project="mine", spot=True)
ENTRY_POINT = ["alignment.ablate", "--config=configs/qwen2_5.py:0.5b", "--workdir=gs://bucket/run"]
FLAGS = ["--name=trial", "--zone=us-west4-a"]


def dry_run(capsys, *argv):
    assert launch.main([*argv, *FLAGS, "--dry-run", "--project=mine", "--spot", "--", *ENTRY_POINT]) == 0
    return capsys.readouterr().out.splitlines()


def test_dry_run_prints_the_exact_commands(capsys):
    archive = f"{ROOT}/build/clinical-alignment.tar.gz"
    where = "--zone=us-west4-a --project=mine"
    script = "clinical-alignment/launch/tpu_vm/on_vm.sh"
    assert dry_run(capsys, "up") == [
        "gcloud compute tpus tpu-vm create trial --accelerator-type=v5litepod-8 --version=v2-alpha-tpuv5-lite "
        f"--scopes=https://www.googleapis.com/auth/cloud-platform --spot {where}",
        f"git -C {ROOT} archive --format=tar.gz --output={archive} HEAD",
        f"gcloud compute tpus tpu-vm scp {archive} trial: {where}",
        "gcloud compute tpus tpu-vm ssh trial '--command=mkdir -p clinical-alignment && "
        f"tar -xzf clinical-alignment.tar.gz -C clinical-alignment && bash {script} install' {where}",
        f"gcloud compute tpus tpu-vm ssh trial '--command=bash {script} start alignment.ablate "
        f"--config=configs/qwen2_5.py:0.5b --workdir=gs://bucket/run' {where}",
    ]


def test_every_action_has_a_dry_run(capsys, monkeypatch):
    monkeypatch.setattr(launch.subprocess, "run", lambda *_, **__: pytest.fail("a dry run must run nothing"))
    printed = {action: dry_run(capsys, action) for action in ("create", "install", "start", "state", "logs", "delete")}
    assert dry_run(capsys, "up") == printed["create"] + printed["install"] + printed["start"]
    assert dry_run(capsys, "babysit") == printed["state"][:1] + printed["delete"] + dry_run(capsys, "up")
    assert printed["delete"] == ["gcloud compute tpus tpu-vm delete trial --quiet --zone=us-west4-a --project=mine"]


def test_arguments_survive_two_shells():
    entry_point = ["alignment.ablate", "--config.data.rl.path=a file's name; rm -rf *", "--workdir=gs://b/$HOME"]
    [command] = launch.start(MACHINE, entry_point)
    remote = next(word for word in command if word.startswith("--command=")).removeprefix("--command=")
    assert shlex.split(remote)[3:] == entry_point  # after: bash on_vm.sh start


def test_each_family_has_its_runtime():
    for family, runtime in launch.RUNTIMES.items():
        [command] = launch.create(launch.Machine("trial", "zone", f"{family}-8"))
        assert f"--version={runtime}" in command and "--spot" not in command
        assert not any(word.startswith("--project") for word in command)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["up", "--type=v5litepod-16", "--", *ENTRY_POINT], "several workers"),
        (["up", "--type=h100-8", "--", *ENTRY_POINT], "h100-8 is unknown"),
        (["up", "--type=v4", "--", *ENTRY_POINT], "v4 is unknown"),
        (["up"], "needs an entry point"),
        (["up", "--", "rm -rf"], "needs an entry point"),
        (["up", "--", "alignment.none_such", "--workdir=gs://b/r"], "alignment.none_such does not exist"),
        (["up", "--spot", "--", "alignment.ablate", "--workdir=runs/a"], "needs --workdir=gs://"),
        (["babysit", "--", "alignment.ablate"], "needs --workdir=gs://"),
        (["up", "--nme=a", "--", *ENTRY_POINT], "--nme=a"),
    ],
)
def test_mistakes_are_found_before_a_machine_is_paid_for(argv, message, capsys):
    with pytest.raises(SystemExit) as stop:
        launch.main([argv[0], *FLAGS, *argv[1:]])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_run_all_stops_at_the_first_failure():
    seen = []

    def run(command, capture):
        seen.append(command)
        return (7 if command == ["b"] else 0), ""

    assert launch.run_all([["a"], ["b"], ["c"]], run) == 7
    assert seen == [["a"], ["b"]]


class Cloud:
    """A stand-in for gcloud: a script of (machine state, job answer) a round; None is a failing command."""

    def __init__(self, *rounds):
        self.rounds, self.verbs, self.slept = list(rounds), [], 0

    def __call__(self, command, capture):
        verb = command[4] if command[0] == "gcloud" else command[0]
        state, answer = self.rounds[0]
        if verb == "describe":
            return (1, "") if state is None else (0, state)
        if capture:
            return (answer, "") if isinstance(answer, int) else (0, answer)
        self.verbs.append(
            next((word for word in ("install", "start") if f"on_vm.sh {word}" in " ".join(command)), verb)
        )
        return 0, ""

    def sleep(self, seconds):
        self.slept += seconds
        self.rounds.pop(0)


INSTALL = ["git", "scp", "install"]


@pytest.mark.parametrize(
    ("rounds", "verbs", "status"),
    [
        ([("READY", "finished 0")], [], 0),
        ([("READY", "finished 2")], [], 2),
        ([("READY", "running"), ("READY", "running"), ("READY", "finished 0")], [], 0),
        ([(None, None), ("READY", "finished 0")], ["create", *INSTALL, "start"], 0),
        ([("PREEMPTED", None), ("READY", "finished 0")], ["delete", "create", *INSTALL, "start"], 0),
        ([("TERMINATED", None), ("READY", "finished 0")], ["delete", "create", *INSTALL, "start"], 0),
        ([("CREATING", None), ("READY", "not installed"), ("READY", "finished 0")], [*INSTALL, "start"], 0),
        ([("READY", 127), ("READY", "finished 0")], [*INSTALL, "start"], 0),
        ([("READY", 255), ("READY", "finished 0")], [], 0),  # a connection lost for a moment
        ([("READY", "not started"), ("READY", "finished 0")], ["start"], 0),
        ([("READY", "finished 1"), ("READY", "running"), ("READY", "finished 0")], ["start"], 0),
        ([("READY", "finished 1")] * 3, ["start", "start"], 1),
        ([("READY", "finished 1"), ("READY", "running")] * 3 + [("READY", "finished 0")], ["start"] * 3, 0),
    ],
)
def test_babysitter(rounds, verbs, status):
    cloud = Cloud(*rounds)
    assert launch.babysit(MACHINE, ENTRY_POINT, every=60, run=cloud, sleep=cloud.sleep) == status
    assert cloud.verbs == verbs
    assert cloud.slept == 60 * (len(rounds) - 1)


# --- the script on the machine ----------------------------------------------------------------------------------------

TMUX = """#!/bin/bash
# Stands for tmux: one session, run in the foreground, alive while the file is there.
case "$1" in
has-session) [[ -f "$HOME/session" ]] ;;
new-session) shift 4; touch "$HOME/session"; "$@"; rm "$HOME/session" ;;
esac
"""
UV = """#!/bin/bash
echo "uv $*" >>"$HOME/uv.log"
if [[ "$1" == venv ]]; then mkdir -p "${!#}/bin" && ln -sf "$PYTHON" "${!#}/bin/python"; fi
"""


@pytest.fixture
def vm(tmp_path):
    """Run on_vm.sh in a home folder with stand-ins for tmux and uv; returns call(*arguments) -> completed process."""
    for name, text in {"tmux": TMUX, "uv": UV}.items():
        path = tmp_path / ".local" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    copy = tmp_path / "clinical-alignment" / "launch" / "tpu_vm" / "on_vm.sh"
    copy.parent.mkdir(parents=True)
    copy.write_bytes((FOLDER / "on_vm.sh").read_bytes())
    env = os.environ | {"HOME": str(tmp_path), "PYTHON": sys.executable}

    def call(*arguments):
        return subprocess.run(["bash", str(copy), *arguments], env=env, cwd=tmp_path, capture_output=True, text=True)

    call.home = tmp_path
    return call


@pytest.mark.ci
def test_script_installs_starts_and_reports(vm):
    assert vm("state").stdout == "not installed\n"
    assert vm("install").returncode == 0
    assert "uv pip install" in (vm.home / "uv.log").read_text()
    assert vm("state").stdout == "not started\n"
    (vm.home / "clinical-alignment" / "entry.py").write_text("import sys; print(sys.argv[1:]); sys.exit(3)")
    assert vm("start", "entry", "--a=b c", "d'e").returncode == 0
    assert vm("state").stdout == "finished 3\n"
    assert (vm.home / "alignment.log").read_text() == "['--a=b c', \"d'e\"]\n"
    (vm.home / "clinical-alignment" / "entry.py").write_text("pass")
    vm("start", "entry")
    assert vm("state").stdout == "finished 0\n"


@pytest.mark.ci
def test_script_refuses_a_second_entry_point(vm):
    (vm.home / "session").touch()
    done = vm("start", "entry")
    assert done.returncode == 1 and "running already" in done.stderr
    assert vm("state").stdout == "running\n"


@pytest.mark.ci
def test_script_names_an_unknown_action(vm):
    done = vm("launch")
    assert done.returncode == 2 and "unknown action launch" in done.stderr
