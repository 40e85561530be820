from __future__ import annotations

import json

import pytest
from test_cli import another
from tiny import experiment_config

from alignment import cli
from alignment.build_data import main
from alignment.config import default_data_set
from alignment.data.load import load_data
from alignment.data.sources import SOURCES

LEAVES = cli.leaves(default_data_set())


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_can_be_overridden(name):
    wanted = another(name)
    argv = [f"--config.{name}={cli.show(wanted)}"]
    got = cli.parse(argv, description="d", defaults=default_data_set, needs_workdir=False).config
    assert cli.leaves(got) == LEAVES | {name: wanted}


def build(folder, *flags):
    assert main([f"--config.out={folder}", "--config.workers=1", *flags]) == 0
    return json.loads((folder / "manifest.json").read_text())


def test_the_same_seed_writes_the_same_rows(tmp_path, capsys):
    flags = "--config.vignettes.count=120", "--config.vignettes.eval_count=30"
    first = build(tmp_path / "a", *flags)
    assert first["splits"] == build(tmp_path / "b", *flags)["splits"]
    assert first["splits"]["train"]["rows_sha256"] in capsys.readouterr().out
    assert first["splits"] != build(tmp_path / "c", *flags, "--config.seed=1")["splits"]
    assert {split: facts["rows"] for split, facts in first["splits"].items()} == {"train": 120, "eval": 30}
    assert first["config"]["vignettes"]["count"] == 120 and "--config.vignettes.count=120" in first["command"]


def test_families_are_those_asked_for(tmp_path):
    build(tmp_path / "a", "--config.vignettes.count=40", "--config.vignettes.families=diagnosis,mechanism")
    records = SOURCES["records"](str(tmp_path / "a" / "train.parquet")).records
    assert {record.meta["family"] for record in records} == {"diagnosis", "mechanism"}


@pytest.mark.ci
def test_what_is_written_trains(tmp_path):
    build(tmp_path / "a", "--config.vignettes.count=60", "--config.vignettes.eval_count=0")
    config = experiment_config(tmp_path)
    for role in ("sft", "rl"):
        config.data[role].path = str(tmp_path / "a" / "train.parquet")
    data = load_data(config.data)
    assert len(data.sft) == len(data.rl) == 12 and {record.source for record in (*data.sft, *data.rl)} == {"vignettes"}
    assert all(record.cot for record in data.sft) and not {r.question for r in data.sft} & {r.question for r in data.rl}


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--config.builder=vignete"], "did you mean 'vignettes'"),
        (["--config.vignettes.count=0"], "--config.vignettes.count=0: it must be at least 1"),
        (["--config.vignettes.eval_count=-1"], "--config.vignettes.eval_count=-1"),
        (["--config.vignettes.families=surgery"], "--config.vignettes.families=surgery: 'surgery' is unknown"),
        (["--config.vignettes.cuont=3"], "--config.vignettes.count?"),
        (["--config.out=gs://bucket/x"], "a folder on this machine"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path, flags, words, capsys):
    assert main([f"--config.out={tmp_path}/set", "--config.workers=1", *flags]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and words in error
    assert list(tmp_path.iterdir()) == []
