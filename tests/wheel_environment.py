"""An environment that holds the built wheel and what the wheel requires, without extras and without a network."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the checkout, so that no build folder is left in it."""
    ignore = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info", "__pycache__")
    source = shutil.copytree(ROOT, folder / "source", ignore=ignore)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(build, check=True)
    shutil.rmtree(source)
    return next(folder.glob("*.whl"))


def make_environment(folder: Path, wheel: Path) -> Path:
    """Return the interpreter of a virtual environment with the wheel installed and its requirements linked in.

    Linked are the installed distributions that pip would install for the wheel alone, so that an import of anything
    else fails as it would for a user; only the versions are those of the environment that runs the tests.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "install", "--no-deps", "--no-index"]
    # Without PYTHONPATH, by which pip would see a checkout as installed already.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*install, str(wheel)], env=environment, check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in requirements(Requirement(f"clinical-alignment @ {wheel.as_uri()}"), site):
        distribution = importlib.metadata.distribution(name)
        # Two distributions may share a folder (google/): it is linked as a whole.
        for entry in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / entry).exists():
                (site / entry).symlink_to(distribution.locate_file(entry))
    return python


def requirements(root: Requirement, site: Path) -> set[str]:
    """The names of all distributions that `root` needs, itself not among them, with the extras that they ask for."""
    (first,) = importlib.metadata.distributions(name=root.name, path=[str(site)])
    names: set[str] = set()
    visited: set[tuple[str, frozenset[str]]] = set()
    todo = [(first, frozenset())]
    while todo:
        distribution, extras = todo.pop()
        for requirement in map(Requirement, distribution.requires or ()):
            wanted = (requirement.name, frozenset(requirement.extras))
            environments = [{"extra": extra} for extra in ("", *extras)]
            needed = not requirement.marker or any(map(requirement.marker.evaluate, environments))
            if needed and wanted not in visited:
                visited.add(wanted)
                names.add(requirement.name)
                todo.append((importlib.metadata.distribution(requirement.name), wanted[1]))
    return names
