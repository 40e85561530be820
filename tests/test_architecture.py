"""The rules that hold for every file: layers, no import circles, no deprecated or unsafe calls, readable sizes."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = sorted((ROOT / "alignment").rglob("*.py"))
FOLDERS = ("alignment", "configs", "launch", "tests")
CODE = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]

DEPRECATED = {
    "jax.random.PRNGKey": "jax.random.key",
    "jax.tree_map": "jax.tree.map",
    "jax.tree_util.tree_map": "jax.tree.map",
    "jax.experimental.shard_map": "jax.shard_map",
    "jax.experimental.maps": "jax.sharding",
    "jax.core.Tracer": "jax.typeof",
    "optax.global_norm": "optax.tree.norm",
    "flax.linen": "pure functions",
}
UNSAFE = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def dotted(node: ast.AST) -> str:
    """The dotted name of an attribute chain, such as "jax.random.key"; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner else ""


def imported(tree: ast.AST) -> set[str]:
    """Every dotted name a file imports, also from inside functions: "jax.random", "optax.global_norm"."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def deprecated_uses(source: str) -> set[str]:
    tree = ast.parse(source)
    return (imported(tree) | {dotted(node) for node in ast.walk(tree)}) & DEPRECATED.keys()


def unsafe_uses(source: str) -> set[str]:
    tree = ast.parse(source)
    uses = {module.split(".")[0] for module in imported(tree)} & UNSAFE
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = dotted(node.func)
            uses |= {called} & {"eval", "exec", "torch.load"}
            uses |= {
                "allow_pickle" for word in node.keywords if word.arg == "allow_pickle" and not _is_false(word.value)
            }
            uses |= {
                "remote code" for word in node.keywords if word.arg == "trust_remote_code" and not _is_false(word.value)
            }
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            uses.add("bare except")
    return uses


def _is_false(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def test_packages_import_only_from_layers_below(monkeypatch):
    cli = pytest.importorskip("importlinter.cli", reason="import-linter is not installed (extra `test`)")
    monkeypatch.chdir(ROOT)
    assert cli.lint_imports(no_cache=True) == 0, "run lint-imports to see the broken contract"


def import_circle(sources: dict[str, str]) -> list[str]:
    """The modules of one circle of imports, wherever in a file they stand; empty where there is none."""
    imports = {module: (imported(ast.parse(source)) & sources.keys()) - {module} for module, source in sources.items()}
    try:
        graphlib.TopologicalSorter(imports).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def module_name(path: Path) -> str:
    return name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def test_no_modules_import_one_another():
    assert import_circle({module_name(path): path.read_text() for path in PACKAGE}) == []


def test_a_circle_of_imports_is_recognised():
    late = "def f():\n    from a import g"
    assert import_circle({"a": "from b import x", "b": "import c.d", "c.d": late}) != []
    assert import_circle({"a": "from b import x", "b": "import c.d", "c.d": "import os"}) == []


@pytest.mark.ci
def test_importing_any_module_starts_no_backend():
    modules = [module_name(path) for path in PACKAGE]
    code = "import importlib, sys\nfor module in sys.argv[1:]:\n    importlib.import_module(module)\n"
    # With an unknown platform the first use of a device fails, so a quiet import is one that succeeds.
    env = os.environ | {"JAX_PLATFORMS": "none_such", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, *modules], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.ci
def test_an_import_that_starts_a_backend_would_be_seen():
    env = os.environ | {"JAX_PLATFORMS": "none_such"}
    code = "import jax.numpy as jnp; jnp.ones(1)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode != 0 and "none_such" in done.stderr


def test_no_deprecated_or_unsafe_call():
    uses = {name(path): deprecated_uses(path.read_text()) | unsafe_uses(path.read_text()) for path in CODE}
    offenders = {path: names for path, names in uses.items() if names}
    assert not offenders, f"{offenders}; replacements: {DEPRECATED}"


@pytest.mark.parametrize(
    "source",
    [
        "import jax\nkey = jax.random.PRNGKey(0)",
        "from jax.random import PRNGKey",
        "from jax.experimental.shard_map import shard_map",
        "from optax import global_norm",
    ],
)
def test_deprecated_calls_are_recognised(source):
    assert deprecated_uses(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import pickle",
        "from joblib import load",
        "exec('1')",
        "import numpy\nnumpy.load('a', allow_pickle=True)",
        "load(trust_remote_code=flag)",
        "try:\n    pass\nexcept:\n    pass",
    ],
)
def test_unsafe_calls_are_recognised(source):
    assert unsafe_uses(source)


def test_false_is_safe():
    assert not unsafe_uses("load(a, allow_pickle=False, trust_remote_code=False)")


# A limit in seconds fails on a slow machine and holds nothing on a fast one; `growth` compares costs by their ratio.
STOPWATCHES = {"time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time"}
STOPWATCHES |= {"timeit.timeit", "timeit.repeat", "timeit.default_timer"}


def intrusions(source: str) -> set[str]:
    """What no test may do: stop the time, or reach a function's module through `__globals__`."""
    tree = ast.parse(source)
    names = imported(tree) | {dotted(node) for node in ast.walk(tree)}
    reaches = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "__globals__"}
    return names & STOPWATCHES | reaches


def test_no_test_stops_the_time_or_reaches_into_globals():
    tests = [path for path in CODE if name(path).startswith("tests/")]
    assert {name(path): intrusions(path.read_text()) for path in tests if intrusions(path.read_text())} == {}


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("import time\nbegan = time.perf_counter()", {"time.perf_counter"}),
        ("from time import monotonic", {"time.monotonic"}),
        ("import timeit\nassert timeit.timeit(work) < 1", {"timeit.timeit"}),
        ("real = run.__globals__['step']", {"__globals__"}),
        ("import time\ntime.sleep(0.1)", set()),
    ],
)
def test_stopwatches_and_globals_are_recognised(source, seen):
    assert intrusions(source) == seen


def marked(source: str, mark: str) -> set[str]:
    """The test functions of a file that carry `mark`, of their own or as a mark of one of their parameters."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {
        node.name
        for node in functions
        if any(f"pytest.mark.{mark}" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def test_every_long_test_has_its_last_run_on_the_page():
    """docs/long_runs.md names each test marked `long`, and no other, with result, time, date and commit."""
    rows = re.findall(r"^\| `(tests/\S+)` \|(.*)\|$", (ROOT / "docs" / "long_runs.md").read_text(), re.MULTILINE)
    long = {f"{name(path)}::{test}" for path in CODE for test in marked(path.read_text(), "long")}
    assert {test for test, _ in rows} == long
    for _, cells in rows:
        _, result, took, date, commit = (cell.strip() for cell in cells.split("|"))
        assert result and took and re.fullmatch(r"\d{4}-\d\d-\d\d", date) and re.fullmatch(r"`[0-9a-f]{7,}`", commit)


def test_marks_are_read():
    source = "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.long)])\ndef test_a(): pass\n"
    source += "@pytest.mark.ci\ndef test_b(): pass\n@pytest.mark.long\ndef test_c(): pass"
    assert marked(source, "long") == {"test_a", "test_c"} and marked(source, "ci") == {"test_b"}


def test_files_stay_readable():
    lengths = {name(path): len(path.read_text().splitlines()) for path in CODE}
    assert not {path: lines for path, lines in lengths.items() if lines > 500}


def test_functions_stay_short():
    lengths = {
        f"{name(path)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in PACKAGE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    long = {function: lines for function, lines in lengths.items() if lines > 45}
    assert statistics.median(lengths.values()) <= 15
    assert len(long) <= 0.03 * len(lengths), long


def test_everything_imported_is_required():
    setup = (ROOT / "setup.py").read_text()
    required = re.search(r"install_requires=\[\n(.*?)\n    \]", setup, re.DOTALL)[1]
    distributions = re.findall(r'"([A-Za-z0-9_-]+)', required)
    modules = {word.replace("-", "_") for word in distributions} | {"orbax", "alignment"} | set(sys.stdlib_module_names)
    used = {found.split(".")[0]: name(path) for path in PACKAGE for found in imported(ast.parse(path.read_text()))}
    assert {module: path for module, path in used.items() if module not in modules} == {}


def test_tests_mirror_the_packages():
    packages = {
        path.parent.name for path in PACKAGE if path.parent.parent == ROOT / "alignment" and path.name != "__init__.py"
    }
    tested = {path.parent.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert packages <= tested, f"packages without tests: {sorted(packages - tested)}"
    assert not list((ROOT / "tests").rglob("__init__.py"))
