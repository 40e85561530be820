"""A module works by its own imports alone, whatever another one has imported before it, in fresh interpreters."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import sysconfig
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted((ROOT / "alignment").rglob("*.py"))
PROGRAMS = [
    path for folder in ("alignment", "configs", "launch", "docs") for path in sorted((ROOT / folder).rglob("*.py"))
]

# Executes import statements and nothing else before it follows every dotted name as far as it leads through modules.
FOLLOW = """
import json, sys, types
statements, names = json.load(sys.stdin)
for statement in statements:
    exec(statement)
broken = []
for name in names:
    first, *rest = name.split(".")
    value = sys.modules[first]
    for attribute in rest:
        if not isinstance(value, types.ModuleType):
            break
        if not hasattr(value, attribute):
            broken.append(name)
            break
        value = getattr(value, attribute)
print(json.dumps(broken))
"""
# Imports other packages once and each module of ours in a child of its own.
IMPORT_EACH = """
import importlib, json, os, sys, traceback
others, modules = json.load(sys.stdin)
for name in others:
    importlib.import_module(name)
failed = []
for name in modules:
    child = os.fork()
    if not child:
        try:
            importlib.import_module(name)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        failed.append(name)
print(json.dumps(failed))
"""


def fresh(code: str, message: object, *folders: str) -> list[str]:
    """Run `code` in an interpreter that imports nothing on its own accord (no .pth files), and return its answer."""
    path = os.pathsep.join([*folders, sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"]])
    done = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", "-c", code],
        input=json.dumps(message),
        env=os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def imported(source: str) -> tuple[dict[str, str], set[str]]:
    """What a file's imports bind, as {name: dotted name}, and their statements with absolute names."""
    bound, statements = {}, set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                statements.add(f"import {alias.name}")
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                statements.add(f"from {node.module} import {alias.name}")
    return bound, statements


def chains(source: str) -> set[str]:
    """The dotted names that a file reads through a name that it imports: "huggingface_hub.errors.GatedRepoError"."""
    bound, _ = imported(source)
    names = set()
    for node in ast.walk(ast.parse(source)):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id in bound:
            names.add(".".join([bound[node.id], *parts]))
    return names


def broken(sources: list[str]) -> list[str]:
    """The dotted names of the sources that their own imports do not make available."""
    wanted: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for source in sources:
        _, statements = imported(source)
        for name in chains(source):
            package = name.split(".")[0]
            # What the file imports of this package alone: another package may import more of it, or may stop doing so.
            package_imports = sorted(line for line in statements if line.split()[1].split(".")[0] == package)
            if package != "alignment" and find_spec(package):
                wanted[tuple(package_imports)].add(name)
    return [
        name
        for package_imports, names in sorted(wanted.items())
        for name in fresh(FOLLOW, [package_imports, sorted(names)], str(ROOT / "docs"))  # as the scripts of docs have
    ]


@pytest.mark.ci
def test_every_attribute_of_a_library_is_there_by_the_files_own_imports():
    assert broken([path.read_text() for path in PROGRAMS]) == []


@pytest.mark.ci
@pytest.mark.parametrize(
    "source",
    [
        "import huggingface_hub\nhuggingface_hub.errors.GatedRepoError",  # the crash that every Hub id ended in
        "import importlib\nimportlib.util.find_spec",
        "import concurrent\nconcurrent.futures.ThreadPoolExecutor",
        "from xml import etree\netree.ElementTree.parse",
        "import scipy as s\ns.no_such_module.x",
        "import jax\njax.experimental.pallas.pallas_call",
    ],
)
def test_an_attribute_that_somebody_else_imported_is_found(source):
    assert max(chains(source), key=len) in broken([source])


@pytest.mark.ci
def test_every_module_can_be_the_first():
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in PACKAGE]
    modules = [name.removesuffix(".__init__") for name in names]
    # Imported once for all: nearly every module needs them, they take most of the time and start no threads.
    others = ["jax", "numpy", "ml_collections", "optax", "orbax.checkpoint", "scipy.stats", "chex", "flax", "jinja2"]
    assert fresh(IMPORT_EACH, [others, modules], str(ROOT)) == []
