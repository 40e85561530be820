from __future__ import annotations

import json

import datasets
import pytest

from alignment.common.tables import markdown_table
from alignment.data.card import Product
from alignment.data.ids import fingerprint
from alignment.data.product import check_out, write_product
from alignment.data.vignettes import generate
from alignment.errors import UserError

RECORDS = generate(20, 0, "train")


def product(records=RECORDS, **changed):
    fields = {"title": "A set", "summary": "What it is.", "licence": ("apache-2.0", "mit"), "limits": ("Small.",)}
    return Product(
        **fields | {"splits": {"train": records}, "sizes": {"train": 20}, "files": {"why.md": "because"}} | changed
    )


def test_a_written_set_is_what_the_hub_library_reads(tmp_path):
    manifest = write_product(product(), str(tmp_path / "set"), {"seed": 0}, "python -m it")
    rows = datasets.load_dataset(str(tmp_path / "set"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["id"] for row in rows] == [record.id for record in RECORDS]
    assert manifest["splits"] == {"train": {"file": "train.parquet", "rows": 20, "rows_sha256": fingerprint(RECORDS)}}
    assert json.loads((tmp_path / "set" / "manifest.json").read_text()) == manifest
    assert (tmp_path / "set" / "why.md").read_text() == "because\n"


def test_the_card_says_licence_use_limits_counts_and_command(tmp_path):
    write_product(product(), str(tmp_path / "set"), {}, "python -m it --config.seed=3")
    card = (tmp_path / "set" / "README.md").read_text()
    head, body = card.removeprefix("---\n").split("\n---\n", maxsplit=1)
    assert "- apache-2.0\n- mit" in head and "size_categories:\n- n<1K" in head and "path: train.parquet" in head
    for words in ("What it is.", "Not for patient care", "- Small.", "python -m it --config.seed=3", "`why.md`"):
        assert words in body
    diagnoses = sum(record.meta["family"] == "diagnosis" for record in RECORDS)
    assert f"| diagnosis | {diagnoses} |" in body and "| Apache-2.0 | 20 |" in body and "| vignettes | 20 |" in body


def test_an_interrupted_set_leaves_what_was_there_before(tmp_path):
    out = tmp_path / "set"

    def breaking():
        yield from RECORDS[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_product(product(breaking()), str(out), {}, "c")
    assert list(tmp_path.iterdir()) == []
    before = write_product(product(), str(out), {}, "c")
    with pytest.raises(KeyboardInterrupt):
        write_product(product(breaking()), str(out), {}, "c")
    assert json.loads((out / "manifest.json").read_text()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_new_set_replaces_an_older_one_whole(tmp_path):
    write_product(product(), str(tmp_path / "set"), {}, "c")
    write_product(product(RECORDS[:3], files={}), str(tmp_path / "set"), {}, "c")
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"README.md", "manifest.json", "train.parquet"}
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("out", ["", "gs://bucket/set"])
def test_a_folder_elsewhere_is_refused(out):
    with pytest.raises(UserError, match="a folder on this machine"):
        check_out(out)


def test_a_folder_of_somebody_else_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UserError, match="holds no manifest.json"):
            check_out(str(out))
    (tmp_path / "empty").mkdir()
    assert check_out(str(tmp_path / "empty")) == tmp_path / "empty"


def test_a_table_keeps_its_columns():
    assert markdown_table(("a", "b"), [("x|y", "z")]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"
