"""Benchmarks: what --on names, rows that count though training refuses them, and overlap with training data."""

from __future__ import annotations

import json

import pytest
from etils import epath

from alignment.common.recipe import recipe_file
from alignment.data.sources import read_source
from alignment.errors import UserError
from alignment.evaluation.benchmarks import (
    check_overlaps,
    load_benchmarks,
    parse_sources,
    read_training,
    recorded_training,
    with_overlaps,
)
from alignment.record import Record

STEM = "A 61-year-old man with a long history of smoking has had a cough and has lost ten kilograms in four months."


def medqa(tmp_path, rows: list[dict], name: str = "test.jsonl") -> str:
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row(question: str = "Which?", gold: str = "A", **options: str) -> dict:
    options = options or {"A": "one", "B": "two"}
    return {"question": question, "options": options, "answer": options.get(gold, ""), "answer_idx": gold}


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "names no benchmark"),
        ("medqa", "medqa needs a file"),
        ("medqaa:x", "medqa"),
        ("vignettes:x", "vignettes is generated and reads no file"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_sources(text, "--on")


def test_several_benchmarks_are_named_with_commas_and_paths_may_hold_colons():
    assert parse_sources("medqa:hf://a/b?split=test, vignettes", "--on") == [
        ("medqa", "hf://a/b?split=test"),
        ("vignettes", ""),
    ]


def test_equal_options_are_scored_and_listed_though_training_refuses_them(tmp_path):
    path = medqa(tmp_path, [row(str(number)) for number in range(30)] + [row("twice?", A="one", B="one", C="two")])
    (benchmark,) = load_benchmarks([("medqa", path)])
    assert len(benchmark.records) == 31 and not benchmark.refused
    assert benchmark.describe()["equal_options"] == [benchmark.records[-1].id]
    assert any(benchmark.records[-1].id in note for note in benchmark.notes)
    assert len(read_source("medqa", path).records) == 30


def test_letters_that_are_none_and_gold_letters_outside_the_options_are_refused(tmp_path):
    with pytest.raises(UserError, match="single capital letters"):
        load_benchmarks([("medqa", medqa(tmp_path, [row(gold="a", a="one", b="two")]))])
    with pytest.raises(UserError, match="gold letter 'F' is outside the options"):
        load_benchmarks([("medqa", medqa(tmp_path, [row(gold="F")]))])


def test_a_limit_takes_the_first_questions_and_says_so(tmp_path):
    path = medqa(tmp_path, [row(str(number)) for number in range(5)])
    (benchmark,) = load_benchmarks([("medqa", path)], limit=2)
    assert [record.question for record in benchmark.records] == ["0", "1"] and "the first 2 of 5" in benchmark.notes[-1]


def test_one_source_twice_is_told_apart_by_file_names(tmp_path):
    paths = [medqa(tmp_path, [row()], name) for name in ("a.jsonl", "b.jsonl")]
    benchmarks = load_benchmarks([("medqa", path) for path in paths])
    assert [benchmark.name for benchmark in benchmarks] == ["medqa:a.jsonl", "medqa:b.jsonl"]
    with pytest.raises(UserError, match="names one file twice"):
        load_benchmarks([("medqa", paths[0])] * 2)


def test_overlap_with_training_data_is_listed_by_id_and_refused_unless_flagged(tmp_path):
    benchmarks = load_benchmarks([("medqa", medqa(tmp_path, [row(STEM), row("Which drug is a beta blocker?")]))])
    reworded = Record("t1", "made", f"In the clinic today: {STEM} What now?", {"A": "x", "B": "y"}, "A")
    answered = Record("t2", "made", "Another?", {"A": "x", "B": "y"}, "A", cot=f"We read that {STEM}")
    for training in ([reworded], [answered]):
        (marked,) = with_overlaps(benchmarks, training)
        assert dict(marked.overlaps) == {benchmarks[0].records[0].id: training[0].id}
        with pytest.raises(UserError, match=benchmarks[0].records[0].id):
            check_overlaps([marked], allowed=False)
        check_overlaps([marked], allowed=True)
    (clean,) = with_overlaps(benchmarks, [])
    assert not clean.overlaps


def test_the_recipe_of_a_run_names_its_training_data_and_is_not_run(tmp_path):
    path = medqa(tmp_path, [row(STEM)], "train.jsonl")
    leaves = {"data.sft.source": "medqa", "data.sft.path": path, "data.rl.source": "vignettes", "data.rl.path": ""}
    (tmp_path / "recipe.py").write_text(recipe_file("A run.", leaves, comment="as run") + "\nraise SystemExit(1)\n")
    adapters = [epath.Path(tmp_path / "seed0" / name / "adapter") for name in ("reasoning", "reward")]
    pairs = recorded_training(adapters)
    assert pairs == [("medqa", path)]
    assert [record.question for record in read_training([*pairs, ("vignettes", "")])] == [STEM]
    (tmp_path / "recipe.py").write_text("LEAVES = open")
    assert recorded_training(adapters) == [] == recorded_training([epath.Path(tmp_path / "x" / "y" / "z" / "adapter")])
