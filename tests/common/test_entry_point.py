"""Entry points as processes: output that no encoding breaks, readers that go away, and files in UTF-8."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DOOR = """
import sys
from alignment.common.entry_point import run_entry_point
def run():
    print("\\u00e9 \\u2192 \\u5f35 \\ud800 done")
    print("warning \\u2264", file=sys.stderr)
    for number in range({lines}):
        print("line", number)
sys.exit(run_entry_point(run, "nothing"))
"""
ENVIRONMENTS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii, strict on both": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "utf-8": {"PYTHONIOENCODING": "utf-8"},  # a lone surrogate is no UTF-8 either
    "C locale": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def start(code, environment=(), **options):
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/tests", **dict(environment)}
    return subprocess.Popen([sys.executable, "-c", code], env=env, **options)


@pytest.mark.ci
@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_what_the_encoding_lacks_is_written_as_an_escape(environment):
    process = start(DOOR.format(lines=0), environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    assert process.returncode == 0 and out.endswith(b"\\ud800 done\n") and err.startswith(b"warning ")


@pytest.mark.ci
def test_a_reader_that_goes_away_ends_the_output_without_a_traceback():
    process = start(DOOR.format(lines=200_000), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    err = process.communicate()[1].decode()
    assert process.returncode == 141 and err.startswith("warning ") and err.count("\n") == 1


@pytest.mark.ci
def test_help_into_a_reader_that_goes_away_is_no_traceback():
    command = f"{sys.executable} -m alignment.ablate --help | true; echo ${{PIPESTATUS[0]}}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env)
    assert done.stdout in ("0\n", "141\n") and done.stderr == ""  # 0 where it had written all before


@pytest.mark.ci
@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_swallow_everything(redirection, tmp_path):
    door = tmp_path / "door.py"
    door.write_text(DOOR.format(lines=10), encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", f"{sys.executable} {door} {redirection}"], capture_output=True, env=env)
    assert done.returncode == 0 and b"Traceback" not in done.stderr


@pytest.mark.ci
def test_a_full_device_is_one_line():
    with open("/dev/full", "wb") as full:
        process = start(DOOR.format(lines=0), stdout=full, stderr=subprocess.PIPE)
        err = process.communicate()[1].decode()
    assert process.returncode == 2 and "the disk is full" in err and "Traceback" not in err


@pytest.mark.ci
@pytest.mark.parametrize(
    "command, status",
    [
        (["-m", "alignment.ablate", "--help"], 0),
        (["-m", "alignment.train", "--help"], 0),
        (["-m", "alignment.export", "--help"], 0),
        (["-m", "alignment.feedback", "--help"], 0),
        (["-m", "alignment.build_data", "--help"], 0),
        (["-m", "alignment.pretrain_nano", "--help"], 0),
        (["-m", "alignment.pretrain_nano", "--out=x", "--seed=\u00e9"], 2),
        (["-m", "alignment.ablate", "--workdir=x", "--config.arms=mod\u00fclar"], 2),
        (["-m", "alignment.bench", "--suite=\u00e9"], 2),
        (["docs/make_results.py", "--help"], 0),
        (["launch/tpu_vm/launch.py", "up", "--name=\u00e9", "--zone=z", "--dry-run", "--", "alignment.ablate"], 0),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else str(value),
)
def test_every_entry_point_prints_in_a_c_locale(command, status):
    env = {**os.environ, **ENVIRONMENTS["C locale"], "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run([sys.executable, *command], capture_output=True, cwd=ROOT, env=env)
    assert done.returncode == status and b"Traceback" not in done.stderr and (done.stdout or done.stderr).isascii()


SOURCES = [
    path for folder in ("alignment", "launch", "docs", "configs", ".ci") for path in (ROOT / folder).rglob("*.py")
]
BINARY = ("rb", "wb", "ab", "xb", "r+b", "rb+")


def opened_as_locale_says(tree):
    """Yield the line of every call that opens a text file without an encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = isinstance(node.func, ast.Attribute)
        name = node.func.attr if method else getattr(node.func, "id", "")
        # The functions of alignment.common.files are called by their bare names.
        if name not in ("open", "read_text", "write_text") or (name != "open" and not method):
            continue
        if getattr(getattr(node.func, "value", None), "id", "") in ("os", "tarfile", "gzip", "zipfile", "archive"):
            continue
        modes = [each.value for arg in node.args for each in ast.walk(arg) if isinstance(each, ast.Constant)]
        if not any(keyword.arg == "encoding" for keyword in node.keywords) and not set(modes) & set(BINARY):
            yield node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_file_is_opened_with_an_encoding(path):
    assert list(opened_as_locale_says(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_an_opening_without_an_encoding_would_be_seen():
    code = "open('x')\nopen('x', 'rb')\np.read_text()\np.write_text(t, encoding='utf-8')\nos.open(p, 1)\nread_text(p)"
    assert list(opened_as_locale_says(ast.parse(code))) == [1, 3]
