"""Files appear together or not at all, on a disk and in a bucket."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from alignment.adapters import tensorfiles
from alignment.adapters.tensorfiles import copy_file, open_tensors, staged, write_tensors
from alignment.common.files import write_text
from alignment.errors import UserError


def names(folder) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_files_appear_at_the_end_and_others_stay(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "kept.txt").write_text("kept")
    with staged(str(tmp_path)) as scratch:
        write_text(scratch / "old.txt", "new")
        write_text(scratch / "more.txt", "more")
        assert (tmp_path / "old.txt").read_text() == "old"
        assert not (tmp_path / "more.txt").exists()
    assert names(tmp_path) == ["kept.txt", "more.txt", "old.txt"]
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["kept", "more", "new"]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt(), OSError(errno.EIO, "I/O error")])
def test_nothing_appears_after_an_error(tmp_path, error):
    (tmp_path / "old.txt").write_text("old")
    with pytest.raises(type(error)), staged(str(tmp_path)) as scratch:
        write_text(scratch / "old.txt", "new")
        raise error
    assert names(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_names_the_file_and_leaves_no_new_folder(tmp_path, code):
    with (
        pytest.raises(UserError, match="new/b.txt: the disk is full; free space"),
        staged(str(tmp_path / "new")) as scratch,
    ):
        write_text(scratch / "a.txt", "a")
        raise OSError(code, "full", str(scratch / "b.txt"))
    assert not (tmp_path / "new").exists()


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A local folder that is treated as one in a bucket: staged elsewhere, copied in, fetched before it is opened."""
    folder = tmp_path / "bucket"
    monkeypatch.setattr(tensorfiles, "is_remote", lambda path: str(path).startswith(str(folder)))
    return folder


def test_bucket_is_written_from_a_local_scratch_folder(bucket):
    for text in ("first", "second"):  # the second replaces the first
        with staged(str(bucket)) as scratch:
            assert bucket not in scratch.parents
            write_text(scratch / "a.txt", text)
        assert (bucket / "a.txt").read_text() == text
    assert names(bucket) == ["a.txt"]
    assert not scratch.exists()


def test_tensors_of_a_bucket_are_fetched_first(bucket):
    with staged(str(bucket)) as scratch:
        write_tensors(scratch / "x.safetensors", {"x": np.arange(6.0).reshape(2, 3).T})
    with open_tensors(bucket / "x.safetensors") as tensors:
        (bucket / "x.safetensors").unlink()  # the local copy is what is read
        np.testing.assert_array_equal(tensors.get_tensor("x"), np.arange(6.0).reshape(2, 3).T)
        assert tensors.metadata() == {"format": "pt"}


def test_files_are_readable_by_others(tmp_path):
    write_tensors(tmp_path / "x.safetensors", {"x": np.ones(3)})
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o777 == 0o644


def test_copies_are_byte_for_byte(tmp_path):
    (tmp_path / "a").write_bytes(bytes(range(256)))
    copy_file(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == bytes(range(256))


def test_missing_file_is_named(tmp_path):
    with (
        pytest.raises(UserError, match="x.safetensors: not found; the folder is incomplete"),
        open_tensors(tmp_path / "x.safetensors"),
    ):
        pass
