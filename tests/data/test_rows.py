from __future__ import annotations

import json

import datasets
import pyarrow
import pyarrow.parquet
import pytest

from alignment.data.rows import Row, scan_rows
from alignment.errors import UserError

ROWS = [{"id": "1", "question": "Pain, where?"}, {"id": "2", "question": "NA"}]


def read_rows(path: str) -> list[Row]:
    """The rows of a location; raises `UserError` for the first row that cannot be read."""
    rows = scan_rows(path)
    for row in rows:
        if row.error:
            raise UserError(row.error)
    return rows


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def as_jsonl(path):
    return write(path, "\n".join(json.dumps(row) for row in ROWS) + "\n\n")


def as_json(path):
    return write(path, json.dumps(ROWS, indent=1))


def as_csv(path):
    return write(path, 'id,question\n1,"Pain, where?"\n2,NA\n')


def as_parquet(path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    return str(path)


@pytest.mark.parametrize(
    "writer, name",
    [
        (as_jsonl, "a.jsonl"),
        (as_json, "a.json"),
        (as_jsonl, "lines.json"),
        (as_csv, "a.csv"),
        (as_parquet, "a.parquet"),
    ],
)
def test_every_format_gives_the_same_rows_with_their_place(tmp_path, writer, name):
    rows = read_rows(writer(tmp_path / name))
    assert [dict(row.fields) for row in rows] == ROWS
    assert all(name in row.where and row.where.endswith(str(index)) for index, row in enumerate(rows, start=1))


def test_a_json_object_keyed_by_id(tmp_path):
    for indent in (None, 1):
        rows = read_rows(write(tmp_path / "a.json", json.dumps({"11": ROWS[0], "12": ROWS[1]}, indent=indent)))
        assert [(row.key, row.fields["id"]) for row in rows] == [("11", "1"), ("12", "2")]
        assert rows[1].where.endswith("a.json, key '12'")


def test_line_separators_inside_text_and_a_byte_order_mark_do_not_break_lines(tmp_path):
    path = write(tmp_path / "a.jsonl", '\ufeff{"q": "a\u2028b\x85c"}\r\n{"q": "d"}\r\n')
    assert [row.text("q") for row in read_rows(path)] == ["a\u2028b\x85c", "d"]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("a.xlsx", "x", "cannot read .xlsx; known: .jsonl, .json, .csv, .parquet"),
        ("a.jsonl", "\n", "holds no rows"),
        ("a.jsonl", '{"a": 1}\n{"a": ', "a.jsonl, line 2: not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "a.jsonl, line 2: holds list, not an object"),
        ("a.json", "3", "holds int"),
        ("a.json", '[{"a": 1}, 2]', "a.json, row 2: holds int"),
        ("a.json", '{"k": 2}', "key 'k': holds int"),
        ("a.json", "[" * 100_000, "JSON"),
        ("a.csv", "a,b\n1,2\n1\n", "a.csv, row 2: has not the 2 columns"),
        ("a.csv", "a,b\n1,2,3\n", "a.csv, row 1: has not the 2 columns"),
        ("a.csv", 'a,b\n1,"' + "x" * 140_000 + '"\n', "not readable as CSV"),
        ("a.parquet", "not parquet at all", "not a readable Parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text, words):
    with pytest.raises(UserError) as caught:
        read_rows(write(tmp_path / name, text))
    assert words in str(caught.value) and str(tmp_path / name) in str(caught.value)


def test_missing_files_folders_and_bytes_that_are_no_text(tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(b'{"a": "\xff"}')
    (tmp_path / "folder.jsonl").mkdir()
    for name, words in (("none.jsonl", "no such file"), ("folder.jsonl", "no such file"), ("bad.jsonl", "not UTF-8")):
        with pytest.raises(UserError, match=words):
            read_rows(str(tmp_path / name))


def test_one_line_in_another_encoding_spoils_only_itself(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"a": "x"}\n{"a": "Sj\xf6gren"}\n{"a": "y", "a": "z"}\n{"a": "w"}\n')
    (tmp_path / "a.csv").write_bytes(b"a,b\nx,1\nSj\xf6gren,2\ny\nw,3\n")
    for name, words in (("a.jsonl", "key 'a' stands twice"), ("a.csv", "has not the 2 columns")):
        rows = scan_rows(str(tmp_path / name))
        assert [row.get("a") for row in rows] == ["x", None, None, "w"]
        assert [bool(row.error) for row in rows] == [False, True, True, False]
        assert "not UTF-8" in rows[1].error and rows[1].where in rows[1].error and words in rows[2].error
        with pytest.raises(UserError, match="not UTF-8"):
            read_rows(str(tmp_path / name))


def test_an_id_that_keys_two_rows_is_not_dropped_by_the_parser(tmp_path):
    with pytest.raises(UserError, match="key '7' stands twice"):
        read_rows(write(tmp_path / "a.json", '{"7": {"a": 1},\n "7": {"a": 2}}'))


def test_a_renamed_column_is_guessed_and_nothing_is_nothing():
    row = Row("f, row 1", {"Questions": "q", "n": float("nan"), "x": "1e3", "o": {"a": 1}})
    with pytest.raises(UserError, match=r"'Question' is missing; .* \(was it renamed to 'Questions'\?\)"):
        row.text("Question")
    assert (row.get("n"), row.optional("n"), row.number("x"), row.inner("o").integer("a")) == (None, "", 1000.0, 1)
    for read, words in [
        (lambda: row.text("n"), "'n' is missing"),
        (lambda: row.number("Questions"), "'q', not a finite number"),
        (lambda: Row("f", {"x": "inf"}).number("x"), "not a finite number"),
        (lambda: row.inner("x"), "'x' must be an object and is str"),
        (lambda: row.inner("y"), "'y' must be an object and is missing"),
        (lambda: row.optional("o"), "'o' is dict, not text"),
    ]:
        with pytest.raises(UserError, match=words):
            read()


# ------------------------------------------------------------------------------------------------------------- the Hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A data set in the Hub's layout, in a folder of its own: `datasets` reads it by the same call."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "owner" / "questions"
    folder.mkdir(parents=True)
    as_parquet(folder / "train.parquet")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS[:1]), folder / "test.parquet")
    return f"hf://{folder}"


def test_rows_of_the_hub_come_by_split(hub):
    assert [dict(row.fields) for row in read_rows(hub)] == ROWS
    rows = read_rows(f"{hub}?split=test")
    assert [dict(row.fields) for row in rows] == ROWS[:1] and rows[0].where == f"{hub}, test row 1"


def test_a_split_that_is_not_there_is_named_with_those_that_are(hub):
    with pytest.raises(UserError, match="split 'validation'.*train.*test"):
        read_rows(f"{hub}?split=validation")


def test_without_a_network_the_message_says_which_file_would_do():
    with pytest.raises(UserError) as caught:  # tests/conftest.py sets HF_HUB_OFFLINE
        read_rows("hf://cais/no-such-mmlu?name=anatomy&split=test")
    message = str(caught.value)
    assert message.startswith(
        "hf://cais/no-such-mmlu: not complete in the cache, and HF_HUB_OFFLINE is set; give a file"
    )
    assert "path=cais-no-such-mmlu-anatomy-test.parquet" in message and "\n" not in message


@pytest.mark.parametrize("name", ["a/b/c", "owner/", "/no/such/folder", "owner/na me"])
def test_what_is_no_id_is_not_asked_for(name):
    with pytest.raises(UserError, match=f"hf://{name}: no id of a data set on the Hub; write OWNER/NAME"):
        read_rows(f"hf://{name}")


# -------------------------------------------------------------------------------------------------------------- fields


def test_fields_are_checked_where_they_are_read():
    row = Row("f, line 3", {"n": 2, "s": " x ", "none": None, "list": ["a "], "f": 2.0, "t": "07", "flag": True})
    assert (row.text("s"), row.text("n"), row.integer("n"), row.integer("f"), row.integer("t")) == ("x", "2", 2, 2, 7)
    assert (row.texts("list"), row.texts("absent"), row.get("none", 5), row.get("n", 5)) == (("a",), (), 5, 2)
    for read, words in [
        (lambda: row.text("none"), "f, line 3: field 'none' is missing; the row has n, s"),
        (lambda: row.text("list"), "field 'list' is list, not text"),
        (lambda: row.text("flag"), "field 'flag' is bool, not text"),
        (lambda: row.integer("s"), "field 's' is 'x', not a whole number"),
        (lambda: row.texts("s"), "field 's' is str, not a list of text"),
    ]:
        with pytest.raises(UserError, match=words):
            read()
