from __future__ import annotations

import json

import pytest

from alignment.data.ingest import read_records
from alignment.errors import UserError
from alignment.record import Record


def build(row):
    return Record(row.text("id"), "made", row.text("q"), answer=row.text("a"), split=row.optional("split"))


def rows(count):
    return [{"id": str(number), "q": f"Q{number}?", "a": "x"} for number in range(count)]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_every_row_is_kept_refused_repeated_or_set_aside(tmp_path):
    path = write(
        tmp_path / "a.jsonl", [*rows(60), {"id": "60", "q": " ", "a": "x"}, rows(3)[2], {"id": "4", "q": "n", "a": "y"}]
    )
    with open(path, "ab") as file:
        file.write(b'{"id": "61", "q": "caf\xe9", "a": "x"}\n')
    loaded = read_records(path, build, ("told",))
    assert (loaded.rows, len(loaded.records), loaded.repeated, loaded.aside) == (64, 60, 1, 0)
    places = [message.split(": ")[0] for message in loaded.refused]
    assert places == [f"{path}, line {number}" for number in (61, 63, 64)]
    assert (
        "id '4' stands for two different records, the first at" in loaded.refused[1] and "line 5" in loaded.refused[1]
    )
    assert loaded.notes[0] == "told" and loaded.notes[2] == "1 repeated row(s) left out"
    assert loaded.notes[1].startswith(f"3 of 64 row(s) refused: {path}, line 61: the question is empty")


def test_a_note_spells_out_three_refusals_and_counts_the_rest(tmp_path):
    path = write(tmp_path / "a.jsonl", [*rows(95), *({"id": f"b{number}"} for number in range(5))])
    loaded = read_records(path, build)
    assert len(loaded.refused) == 5 and loaded.notes[0].count("'q' is missing") == 3
    assert loaded.notes[0].endswith("; and 2 more")


def test_a_file_with_too_many_bad_rows_is_refused_as_a_whole(tmp_path):
    path = write(tmp_path / "a.jsonl", [*rows(94), *({"id": f"b{number}"} for number in range(6))])
    with pytest.raises(
        UserError, match=r"line 95: field 'q' is missing.* \(6 of 100 rows are refused, more than the 5%"
    ):
        read_records(path, build)
    assert len(read_records(f"{path}?refuse=0.06", build).refused) == 6
    with pytest.raises(UserError, match="more than the 0%"):
        read_records(write(tmp_path / "b.jsonl", [*rows(94), {"id": "b"}]) + "?refuse=0", build)


def test_a_column_renamed_on_the_hub_refuses_the_file_and_guesses_the_name(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"id": "1", "query": "Q?", "ans": "x"}, {"id": "2", "query": "R?", "ans": "x"}])
    with pytest.raises(UserError, match=r"line 1: field 'q' is missing; the row has id, query, ans.*2 of 2 rows"):
        read_records(path, build)


def test_records_take_the_split_of_their_file_unless_they_have_one(tmp_path):
    path = write(tmp_path / "dev.jsonl", [*rows(2), {"id": "t", "q": "T?", "a": "x", "split": "test"}])
    assert [record.split for record in read_records(path, build).records] == ["dev", "dev", "test"]
    loaded = read_records(f"{path}?keep=test", build)
    assert (len(loaded.records), loaded.aside, loaded.rows) == (1, 2, 3)
    assert loaded.notes == ("2 record(s) of other splits than 'test' set aside",)
    with pytest.raises(UserError, match="no record has the split 'train'; found: dev, test"):
        read_records(f"{path}?keep=train", build)
