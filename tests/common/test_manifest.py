"""A manifest names every damage to what it lists."""

from __future__ import annotations

import pytest

from alignment.common.manifest import MANIFEST, find_corruption, seal


@pytest.fixture
def sealed(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a.json", "deep/b.bin", "log.txt"):
        (tmp_path / name).write_bytes(b"content of " + name.encode())
    return tmp_path


def test_only_the_listed_files_count(sealed):
    seal(sealed, ("a.json", "deep/b.bin"))
    (sealed / "log.txt").write_text("changed")
    assert find_corruption(sealed) is None
    (sealed / "deep" / "b.bin").write_text("changed")
    assert find_corruption(sealed) == "deep/b.bin is damaged (its SHA-256 is not the manifest's)"


@pytest.mark.parametrize("name", ["a.json", "deep/b.bin", "log.txt", MANIFEST])
@pytest.mark.parametrize("change", ["truncate", "empty", "flip", "delete", "folder"])
def test_every_damage_has_a_name(sealed, name, change):
    seal(sealed)
    path = sealed / name
    content = path.read_bytes()
    path.unlink()
    if change == "folder":
        path.mkdir()
    elif change != "delete":
        flipped = bytes([*content[:9], content[9] ^ 1, *content[10:]])
        path.write_bytes({"truncate": content[:-5], "empty": b"", "flip": flipped}[change])
    assert name in find_corruption(sealed)


@pytest.mark.parametrize("files", ["[1]", '"abc"', "3", "null", "[" * 100_000])
def test_a_manifest_that_lists_no_files_is_damaged(sealed, files):
    (sealed / MANIFEST).write_text(f'{{"digest": "x", "files": {files}}}')
    assert find_corruption(sealed) == f"{MANIFEST} is damaged"
