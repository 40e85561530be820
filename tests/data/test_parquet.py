from __future__ import annotations

import dataclasses
import string

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_data import write_records

from alignment.data.ids import fingerprint
from alignment.data.parquet import GROUP, write_parquet
from alignment.data.sources import SOURCES
from alignment.data.vignettes import generate
from alignment.errors import UserError
from alignment.record import Record

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)
META = st.dictionaries(TEXT, st.one_of(TEXT, st.integers(-9, 9), st.lists(TEXT, max_size=2)), max_size=3)


@st.composite
def some_records(draw):
    options = draw(st.lists(TEXT, min_size=2, max_size=10, unique=True))
    letters = string.ascii_uppercase[: len(options)]
    return Record(
        id="one",
        source=draw(TEXT),
        question=draw(TEXT),
        options=dict(zip(letters, options, strict=True)),
        gold=draw(st.sampled_from(letters)),
        context=tuple(draw(st.lists(TEXT, max_size=2))),
        facts=tuple(draw(st.lists(TEXT, max_size=2))),
        cot=draw(st.none() | TEXT),
        meta=draw(META),
    )


@given(some_records())
def test_a_record_comes_back_equal_from_parquet_and_from_lines(tmp_path_factory, record):
    folder = tmp_path_factory.mktemp("same")
    tally = write_parquet(folder / "x.parquet", [record])
    write_records(str(folder / "x.jsonl"), [record])
    (back,), (line,) = (
        SOURCES["records"](str(folder / "x.parquet")).records,
        SOURCES["records"](str(folder / "x.jsonl")).records,
    )
    assert back == line == record
    assert tally.fingerprint == fingerprint([record]) == fingerprint([back])


def test_numbers_texts_and_missing_fields_come_back(tmp_path):
    given_records = [
        Record(
            "n", "medcalc", "How much?", answer="7", limits=(6.5, 7.5), meta={"unit": "mg", "deep": {"a": [1, None]}}
        ),
        Record("t", "kqa", "Why?", answer="Because.", must_have=("cause",), response="So.", context=("note",)),
    ]
    write_parquet(tmp_path / "x.parquet", given_records)
    assert SOURCES["records"](str(tmp_path / "x.parquet")).records == given_records


def test_what_is_counted_is_what_was_written(tmp_path):
    records = generate(GROUP + 5, 0, "train")
    tally = write_parquet(tmp_path / "x.parquet", iter(records))
    file = pq.ParquetFile(tmp_path / "x.parquet")
    assert tally.rows == file.metadata.num_rows == GROUP + 5 and file.num_row_groups == 2
    assert tally.fingerprint == fingerprint(records)
    assert tally.counts["source"] == {"vignettes": GROUP + 5} and tally.counts["gold"].keys() == set("ABCD")
    assert tally.counts["family"]["diagnosis"] == sum(record.meta["family"] == "diagnosis" for record in records)
    assert tally.lengths["cot"][0] == len(records[0].cot.split())


def test_the_hash_is_of_contents_and_order(tmp_path):
    first, second = generate(2, 0, "train")
    prints = [
        write_parquet(tmp_path / "x.parquet", records).fingerprint
        for records in ([first, second], [second, first], [first, dataclasses.replace(second, cot="other")], [first])
    ]
    assert len(set(prints)) == 4


@pytest.mark.parametrize("options", [{"B": "x", "A": "y"}, {"A": "x", "C": "y"}, {"X": "x", "Y": "y"}])
def test_options_that_would_come_back_otherwise_are_refused(tmp_path, options):
    record = Record("odd", "records", "Which?", options, next(iter(options)))
    with pytest.raises(UserError, match="record 'odd': options .* first 10 letters"):
        write_parquet(tmp_path / "x.parquet", [record])


def test_an_empty_file_and_broken_meta_are_refused(tmp_path):
    write_parquet(tmp_path / "empty.parquet", [])
    with pytest.raises(UserError, match="empty.parquet: the file holds no rows"):
        SOURCES["records"](str(tmp_path / "empty.parquet"))
    (tmp_path / "x.jsonl").write_text('{"question": "Q?", "answer": "A", "meta": "{broken"}')
    with pytest.raises(UserError, match="line 1: field 'meta' is str, not an object"):
        SOURCES["records"](str(tmp_path / "x.jsonl"))
