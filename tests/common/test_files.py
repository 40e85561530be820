"""Files are whole or not there, in UTF-8, and what cannot be written is said with its flag."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alignment.common import files
from alignment.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "results.json"
    files.write_text(path, "old")
    files.write_text(path, "Grüße, ß, 漢\udc80")
    assert path.read_bytes() == "Grüße, ß, 漢?".encode()
    assert files.read_text(path) == "Grüße, ß, 漢?"
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_names_it(tmp_path, monkeypatch, moment):
    path = tmp_path / "results.json"
    files.write_text(path, "old")

    def fail(*_):
        raise OSError(28, "No space left on device", "somewhere else")

    monkeypatch.setattr(os, moment, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_text(path, "new")
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.json"]


def test_json_with_a_number_that_is_not_finite_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "matrix.json"
    files.write_json(path, {"a": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"a": float("nan")})
    assert path.read_text() == '{\n "a": 1.0\n}\n'


@pytest.mark.ci
def test_text_is_utf8_where_the_locale_is_not(tmp_path):
    code = "from alignment.common.files import *; import sys; write_text(sys.argv[1], '\\xdf\\u6f22')"
    env = os.environ | {"PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "f")], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f").read_bytes() == "ß漢".encode()


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_folder_that_would_lie_in_a_file_is_one_line_with_the_flag(tmp_path, below):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--workdir=x: .*file.*cannot be written \(.*\); name a folder"):
        files.make_folder(tmp_path / "file" / below, "--workdir=x")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this system")
def test_a_folder_that_the_system_refuses_is_one_line_with_the_flag():
    with pytest.raises(UserError, match=r"--out=x: /proc/none-such cannot be written \("):
        files.make_folder("/proc/none-such", "--out=x")


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path):
    files.make_folder(tmp_path / "a" / "b", "--out=x")
    assert not any((tmp_path / "a" / "b").iterdir())


def test_a_name_that_is_taken_by_the_wrong_kind_is_seen_before_anything_is_written(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    files.check_file(tmp_path / "new" / "deeper" / "results.json")
    files.check_file(tmp_path / "file")
    for path, message in (
        ("folder", "folder is a folder, but a file"),
        ("file/results.json", "file is a file, but a folder"),
        ("file/a/b/results.json", "file is a file, but a folder"),
        ("dangling/results.json", "dangling is a file, but a folder"),
    ):
        with pytest.raises(UserError, match=message):
            files.check_file(tmp_path / path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dangling", "file", "folder"]
