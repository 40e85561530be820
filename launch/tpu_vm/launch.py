#!/usr/bin/env python3
"""Create a TPU VM, install this commit on it and run an entry point there; the README beside this file shows how.

    python launch/tpu_vm/launch.py ACTION --name=NAME --zone=ZONE [--type=v5litepod-8] [--spot] [--project=PROJECT]
        [--dry-run] -- alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=gs://BUCKET/run

It needs only Python and `gcloud`, already logged in. `--dry-run` prints the exact commands and runs none of them. The
local environment is not sent to the machine, so no key can end up in a command line or a log.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = "clinical-alignment.tar.gz"
ON_VM = "clinical-alignment/launch/tpu_vm/on_vm.sh"
SCOPES = "https://www.googleapis.com/auth/cloud-platform"  # to read and write gs:// workdirs
RUNTIMES = {
    "v2": "tpu-ubuntu2204-base",
    "v3": "tpu-ubuntu2204-base",
    "v4": "tpu-ubuntu2204-base",
    "v5litepod": "v2-alpha-tpuv5-lite",
    "v5p": "v2-alpha-tpuv5",
    "v6e": "v2-alpha-tpuv6e",
}
ON_THE_WAY = ("CREATING", "STARTING", "RESTARTING", "REPAIRING", "STOPPING", "DELETING")
NO_SUCH_FILE = 127  # bash's exit status when on_vm.sh is not there yet
CRASHES = 3  # in a row, after which a babysitter gives up
NEEDS_ENTRY_POINT = ("up", "start", "babysit")

Command = list[str]
Run = Callable[[Command, bool], tuple[int, str]]  # (command, whether to capture its output) -> (exit status, output)


@dataclasses.dataclass(frozen=True)
class Machine:
    """A TPU VM with a single worker."""

    name: str
    zone: str
    type: str
    project: str = ""
    spot: bool = False


# --- the commands -----------------------------------------------------------------------------------------------------


def tpu(machine: Machine, verb: str, *arguments: str) -> Command:
    """Return `gcloud compute tpus tpu-vm VERB ARGUMENTS` with the machine's zone and project."""
    project = [f"--project={machine.project}"] if machine.project else []
    return ["gcloud", "compute", "tpus", "tpu-vm", verb, *arguments, f"--zone={machine.zone}", *project]


def ssh(machine: Machine, remote: Sequence[str] | str) -> Command:
    """Return the command that runs `remote` on the machine, from its home folder."""
    text = remote if isinstance(remote, str) else shlex.join(remote)
    return tpu(machine, "ssh", machine.name, f"--command={text}")


def create(machine: Machine) -> list[Command]:
    """Return the commands that create the machine."""
    runtime = RUNTIMES[machine.type.split("-")[0]]
    spot = ["--spot"] if machine.spot else []
    size = [f"--accelerator-type={machine.type}", f"--version={runtime}"]
    return [tpu(machine, "create", machine.name, *size, f"--scopes={SCOPES}", *spot)]


def install(machine: Machine) -> list[Command]:
    """Return the commands that bring the checked-out commit to the machine and install it."""
    unpack = f"mkdir -p clinical-alignment && tar -xzf {ARCHIVE} -C clinical-alignment && bash {ON_VM} install"
    return [
        ["git", "-C", str(ROOT), "archive", "--format=tar.gz", f"--output={ROOT / 'build' / ARCHIVE}", "HEAD"],
        tpu(machine, "scp", str(ROOT / "build" / ARCHIVE), f"{machine.name}:"),
        ssh(machine, unpack),
    ]


def start(machine: Machine, entry_point: Sequence[str]) -> list[Command]:
    """Return the command that starts the entry point in a tmux session, which outlives the connection."""
    return [ssh(machine, ["bash", ON_VM, "start", *entry_point])]


def up(machine: Machine, entry_point: Sequence[str]) -> list[Command]:
    """Return the commands of create, install and start."""
    return create(machine) + install(machine) + start(machine, entry_point)


def describe(machine: Machine) -> Command:
    """Return the command that prints the machine's state, such as READY or PREEMPTED."""
    return tpu(machine, "describe", machine.name, "--format=value(state)")


def job(machine: Machine) -> Command:
    """Return the command that prints `running`, `finished STATUS`, `not started` or `not installed`."""
    return ssh(machine, ["bash", ON_VM, "state"])


def delete(machine: Machine) -> list[Command]:
    """Return the command that deletes the machine; a gs:// workdir is not touched."""
    return [tpu(machine, "delete", machine.name, "--quiet")]


def commands(action: str, machine: Machine, entry_point: Sequence[str]) -> list[Command]:
    """Return the commands of `action`; for `babysit` those of one round in which the machine was preempted."""
    table = {
        "up": lambda: up(machine, entry_point),
        "create": lambda: create(machine),
        "install": lambda: install(machine),
        "start": lambda: start(machine, entry_point),
        "state": lambda: [describe(machine), job(machine)],
        "logs": lambda: [ssh(machine, ["tail", "-n", "100", "-f", "alignment.log"])],
        "delete": lambda: delete(machine),
        "babysit": lambda: [describe(machine)] + delete(machine) + up(machine, entry_point),
    }
    return table[action]()


# --- running them -----------------------------------------------------------------------------------------------------


def execute(command: Command, capture: bool = False) -> tuple[int, str]:
    """Print and run one command; return its exit status and, if captured, its output."""
    print("$", shlex.join(command), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE if capture else None, text=True)
    return done.returncode, (done.stdout or "").strip()


def run_all(steps: Sequence[Command], run: Run = execute) -> int:
    """Run commands one after the other until one fails; return the last exit status."""
    (ROOT / "build").mkdir(exist_ok=True)
    for command in steps:
        status, _ = run(command, False)
        if status:
            return status
    return 0


def babysit(machine: Machine, entry_point: Sequence[str], every: float, run: Run = execute, sleep=time.sleep) -> int:
    """Keep the entry point running until it ends: create a lost machine again and restart a stopped job.

    The same command resumes, because its workdir is on gs://. Returns the entry point's exit status: 0, or 2 for a
    mistake that a restart does not correct, or 1 after `CRASHES` crashes in a row.
    """
    crashes = 0
    while True:
        seen = look(machine, run)
        print(f"{machine.name}: {seen}", flush=True)
        if seen in ("finished 0", "finished 2"):
            return int(seen.split()[1])
        crashes = 0 if seen == "running" else crashes + seen.startswith("finished")
        if crashes >= CRASHES:
            return 1
        run_all(
            _remedy(seen, machine, entry_point), run
        )  # a failure, such as no capacity, is retried in the next round
        sleep(every)


def look(machine: Machine, run: Run = execute) -> str:
    """Return `absent`, `on the way`, `lost`, `unreachable`, or what `job` prints."""
    missing, state = run(describe(machine), True)
    if missing:
        return "absent"
    if state != "READY":
        return "on the way" if state in ON_THE_WAY else "lost"
    failed, answer = run(job(machine), True)
    if failed:
        return "not installed" if failed == NO_SUCH_FILE else "unreachable"
    return answer


def _remedy(seen: str, machine: Machine, entry_point: Sequence[str]) -> list[Command]:
    if seen in ("running", "on the way", "unreachable"):
        return []
    if seen in ("absent", "lost"):
        return (delete(machine) if seen == "lost" else []) + up(machine, entry_point)
    return (install(machine) if seen == "not installed" else []) + start(machine, entry_point)


# --- the command line -------------------------------------------------------------------------------------------------


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, Machine, list[str]]:
    """Parse the command line and refuse what would fail later, on a machine that costs money.

    Returns the flags, the machine, and the words after `--`: the entry point and its flags.
    """
    parser = argparse.ArgumentParser(prog="launch.py", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("action", choices=["up", "create", "install", "start", "state", "logs", "babysit", "delete"])
    parser.add_argument("--name", required=True)
    parser.add_argument("--zone", required=True, help="a zone that has the type, such as us-west4-a")
    parser.add_argument(
        "--type",
        default="v5litepod-8",
        help="accelerator type with one worker, so FAMILY-8 at most (default: %(default)s)",
    )
    parser.add_argument("--project", default="", help="default: the project gcloud is set to")
    parser.add_argument("--spot", action="store_true", help="cheaper, may be taken away at any time: use babysit")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between a babysitter's rounds")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    words = list(argv)
    end = words.index("--") if "--" in words else len(words)
    args, entry_point = parser.parse_args(words[:end]), words[end + 1 :]
    _check(parser, args, entry_point)
    return args, Machine(args.name, args.zone, args.type, args.project, args.spot), entry_point


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace, entry_point: Sequence[str]) -> None:
    family, _, chips = args.type.partition("-")
    if family not in RUNTIMES or not chips.isdecimal():
        parser.error(f"--type={args.type} is unknown; use FAMILY-CHIPS with a family of {', '.join(RUNTIMES)}")
    if int(chips) > 8:
        parser.error(f"--type={args.type} has several workers, and training over several hosts is not built yet; use 8")
    if args.action not in NEEDS_ENTRY_POINT:
        return
    if not entry_point or not re.fullmatch(r"alignment\.\w+", entry_point[0]):
        parser.error(
            f"{args.action} needs an entry point: end with -- alignment.ablate --config=... --workdir=gs://..."
        )
    if not (ROOT / (entry_point[0].replace(".", "/") + ".py")).exists():
        parser.error(f"{entry_point[0]} does not exist; the entry points are the programs alignment/*.py")
    durable = any(word.startswith("--workdir=gs://") for word in entry_point)
    if (args.spot or args.action == "babysit") and not durable:
        parser.error("a machine that may be lost needs --workdir=gs://BUCKET/...; a local folder would be lost with it")


def main(argv: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # characters that the encoding lacks become escapes
            stream.reconfigure(errors="backslashreplace")
    args, machine, entry_point = parse(argv)
    if args.dry_run:
        print("\n".join(shlex.join(command) for command in commands(args.action, machine, entry_point)))
        return 0
    if args.action == "babysit":
        return babysit(machine, entry_point, args.every)
    return run_all(commands(args.action, machine, entry_point))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
