"""JSON objects written by other programs: one line for whatever is not one, and values compared with their type."""

from __future__ import annotations

import pytest

from alignment.common.fields import is_one_of, is_positive, read_object, shorten
from alignment.errors import UserError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff{}", "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),  # a byte-order mark
        (b"[" * 100_000, "not valid JSON"),  # deeper than the interpreter's stack
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"{}"', "not a JSON object"),
    ],
)
def test_a_file_that_is_no_object_is_one_line(tmp_path, content, message):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"config.json: {message}") as raised:
        read_object(path)
    assert "\n" not in str(raised.value)


def test_a_folder_in_the_place_of_a_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\)"):
        read_object(tmp_path)


def test_an_object_is_read(tmp_path):
    (tmp_path / "config.json").write_text('{"a": [1, null]}', encoding="utf-8")
    assert read_object(tmp_path / "config.json") == {"a": [1, None]}


def test_values_are_compared_with_their_type():
    assert is_one_of(False, (False, None)) and is_one_of(None, (False, None)) and is_one_of({}, ({},))
    assert not is_one_of(0, (False, None)) and not is_one_of(0.0, (0,)) and not is_one_of(True, (1, 1.0))


@pytest.mark.parametrize("value", [0, -1, True, "1", None, float("nan"), float("inf"), 10**400, 1e300, 1e-300, [1]])
def test_what_is_no_positive_number_of_float32(value):
    assert not is_positive(value)
    assert is_positive(1) and is_positive(1e-6)


def test_long_values_are_cut():
    assert shorten({"a": 1}) == "{'a': 1}"
    assert len(shorten("x" * 500)) == 80 and shorten("x" * 500).endswith("...")
