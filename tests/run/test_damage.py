"""What became of any file of a finished run: the next run ends with the same rows and says what it made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import experiment_config

from alignment.cli import leaves, show
from alignment.common.files import read_text
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.evaluation.results import plain
from alignment.run import plan, setup
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.run.store import claim, read_claim

ROOT = Path(__file__).resolve().parents[2]
CLOCK = ("time/", "tokens_per_s", "compilations")


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.unlink()
    if how == "delete":
        return
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    changed = {"truncate": content[:middle], "empty": b"", "flip": flipped, "garbage": b"\x00\xff{" * 9}
    path.write_bytes(changed[how])


def rows_of(config, workdir):
    return plain([outcome.row for outcome in execute(open_run(config, str(workdir)))])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The configuration, the workdir and the rows of an undisturbed run."""
    folder = tmp_path_factory.mktemp("tiny")
    config = experiment_config(folder)
    config.arms = ("base", "modular")
    return config, folder / "run", rows_of(config, folder / "run")


def files_of(workdir: Path) -> list[str]:
    """What a later run may go on from; the inside of a checkpoint has tests of its own."""
    paths = [path.relative_to(workdir) for path in sorted(workdir.rglob("*")) if path.is_file()]
    return [str(path) for path in paths if "checkpoints" not in path.parts]


@pytest.mark.ci
def test_a_finished_run_leaves_these_files_and_no_others(finished):
    assert files_of(finished[1]) == [
        "seed0/arms/modular/MANIFEST.json",
        "seed0/arms/modular/arm.json",
        "seed0/arms/modular/responses.jsonl",
        *(
            f"seed0/{stage}/{name}"
            for stage in ("reasoning", "reward")
            for name in (
                "MANIFEST.json",
                "adapter/MANIFEST.json",
                "adapter/adapter_config.json",
                "adapter/adapter_model.safetensors",
                "metrics.jsonl",
                "stage.json",
            )
        ),
        "untrained/arms/base/MANIFEST.json",
        "untrained/arms/base/arm.json",
        "untrained/arms/base/responses.jsonl",
    ]


@pytest.mark.ci
@pytest.mark.parametrize("how", ["truncate", "empty", "flip", "garbage", "delete"])
def test_every_damaged_file_is_made_again_and_said(finished, tmp_path, capsys, how):
    config, workdir, rows = finished
    for name in files_of(workdir):
        copy = shutil.copytree(workdir, tmp_path / "copy")
        damaged(copy / name, how)
        capsys.readouterr()
        assert rows_of(config, copy) == rows, name
        printed = capsys.readouterr().out
        assert Path(name).name in printed and ("damaged" in printed or "missing" in printed), (name, printed)
        capsys.readouterr()
        assert rows_of(config, copy) == rows, name
        assert printed.count("done before") < capsys.readouterr().out.count("done before") == 4
        shutil.rmtree(copy)


@pytest.mark.ci
@pytest.mark.parametrize("lost", ["checkpoints", "newest checkpoint"])
def test_what_no_checkpoint_can_give_back_is_trained_again(finished, tmp_path, capsys, lost):
    config, workdir, rows = finished
    copy = shutil.copytree(workdir, tmp_path / "copy")
    damaged(copy / "seed0" / "reward" / "metrics.jsonl", "flip")
    checkpoints = copy / "seed0" / "reward" / "checkpoints"
    shutil.rmtree(checkpoints if lost == "checkpoints" else checkpoints / "5")
    assert rows_of(config, copy) == rows
    curves = [read_curve(folder / "seed0" / "reward" / "metrics.jsonl") for folder in (workdir, copy)]
    steady = [[{k: v for k, v in row.items() if not k.startswith(CLOCK)} for row in curve] for curve in curves]
    assert steady[0] == steady[1]
    weights = [folder / "seed0" / "reward" / "adapter" / "adapter_model.safetensors" for folder in (workdir, copy)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert "metrics.jsonl is damaged" in capsys.readouterr().out


@pytest.mark.ci
def test_with_a_damaged_claim_other_settings_are_refused_and_nothing_is_lost(finished, tmp_path):
    config, workdir, _ = finished
    copy = shutil.copytree(workdir, tmp_path / "copy")
    damaged(copy / "seed0" / "reward" / "stage.json", "empty")
    config = config.copy_and_resolve_references()
    config.grpo.beta = 0.3
    with pytest.raises(UserError, match=r"checkpoint of step 5 was written with another stage configuration"):
        rows_of(config, copy)
    assert (copy / "seed0" / "reward" / "adapter" / "adapter_model.safetensors").exists()


@pytest.mark.ci
def test_a_second_run_is_refused_while_one_works_in_the_folder(finished, monkeypatch):
    config, workdir, _ = finished
    real = plan.run_arm

    def while_running(run, *args, **kwargs):
        with pytest.raises(UserError, match=r"--workdir=.*: in use by process \d+ on"):
            rows_of(config, workdir)
        return real(run, *args, **kwargs)

    monkeypatch.setattr(plan, "run_arm", while_running)
    rows_of(config, workdir)
    assert not (workdir / "run.lock").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("seed0", "file"),
        ("seed0/reward", "file"),
        ("seed0/reward/checkpoints", "file"),
        ("seed0/reward/adapter", "file"),
        ("seed0/arms", "file"),
        ("untrained/arms/base", "file"),
        ("next_round", "file"),
        ("results.json", "folder"),
        ("report.html", "folder"),
        ("recipe.py", "folder"),
        ("matrix.json", "folder"),
        ("next_round/modular.py", "folder"),
        ("seed0/reward/stage.json", "folder"),
        ("seed0/reward/metrics.jsonl", "folder"),
        ("seed0/arms/modular/responses.jsonl", "folder"),
    ],
)
def test_a_name_of_the_wrong_kind_is_one_line_before_anything_is_loaded(tmp_path, monkeypatch, name, kind):
    config = experiment_config_unread(monkeypatch)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if kind == "folder" else path.write_text("")
    with pytest.raises(UserError, match=rf"{path.name} is a {kind}, but .*; move it away or") as caught:
        open_run(config, str(tmp_path))
    assert "\n" not in str(caught.value)


def experiment_config_unread(monkeypatch):
    """The default experiment, of which nothing may be loaded."""
    from alignment.config import default_config

    def refuse(*_, **__):
        raise AssertionError("loaded something")

    monkeypatch.setattr(setup, "load_data", refuse)
    monkeypatch.setattr(setup, "load_sampler", refuse)
    config = default_config()
    config.arms = ("base", "modular")
    return config


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "3", '{"a": 1}', '{"a": 1, "sha256": "0"}', "\udcff"])
def test_a_claim_that_is_not_whole_is_none(tmp_path, content, capsys):
    path = tmp_path / "stage.json"
    assert read_claim(path) is None
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read_claim(path) is None
    assert claim(path, {"a": 1}) is False and "stage.json: damaged; written again" in capsys.readouterr().out
    assert claim(path, {"a": 1}) is True and read_claim(path) == {"a": 1}


def test_a_leaf_that_an_older_claim_lacks_counts_as_its_default(tmp_path):
    path = tmp_path / "stage.json"
    claim(path, {"grpo": {"beta": 0.1}})
    assert claim(path, {"grpo": {"beta": 0.1, "kl": "k3", "channels": []}}) is True
    with pytest.raises(UserError, match=r"with other settings \(grpo.kl: 'k3' -> 'k1'\)"):
        claim(path, {"grpo": {"beta": 0.1, "kl": "k1"}})
    with pytest.raises(UserError, match=r"\(nobody.declares: None -> 1\)"):
        claim(path, {"grpo": {"beta": 0.1}, "nobody": {"declares": 1}})


@pytest.mark.ci
def test_the_command_line_mends_a_run_and_writes_the_same_results(finished, tmp_path):
    """As a user does it: a new process on a copy in which several files are damaged at once."""
    config, workdir, _ = finished
    command = [sys.executable, "-m", "alignment.ablate"]
    command += [f"--config.{name}={show(value)}" for name, value in leaves(config).items()]

    def ablate(folder):
        env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([*command, f"--workdir={folder}"], env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return done.stdout, json.loads(read_text(folder / "results.json"))

    _, results = ablate(shutil.copytree(workdir, tmp_path / "whole"))
    copy = shutil.copytree(tmp_path / "whole", tmp_path / "copy")
    for name, how in (
        ("seed0/reasoning/metrics.jsonl", "truncate"),
        ("seed0/reward/stage.json", "empty"),
        ("seed0/reward/adapter/adapter_config.json", "flip"),
        ("seed0/arms/modular/responses.jsonl", "truncate"),
        ("untrained/arms/base/arm.json", "delete"),
        ("results.json", "garbage"),
        ("report.html", "empty"),
        ("matrix.json", "truncate"),
    ):
        damaged(copy / name, how)
    printed, mended = ablate(copy)
    assert mended == results
    assert "responses.jsonl is damaged" in printed and "restored from the checkpoint" in printed


@pytest.mark.ci
def test_damaged_samples_are_drawn_again_and_the_greedy_answers_stay(finished, tmp_path, capsys):
    config, workdir, rows = finished
    config = config.copy_and_resolve_references()
    config.arms, config.eval.samples = ("base",), 2
    copy = shutil.copytree(workdir, tmp_path / "copy")
    (row,) = rows_of(config, copy)
    assert {name: row[name] for name in rows[0] if rows[0][name] is not None} == {
        name: value for name, value in rows[0].items() if value is not None
    }
    assert row["samples"] == 2 and capsys.readouterr().out.count("done before") == 1
    damaged(copy / "untrained" / "arms" / "base" / "samples" / "responses.jsonl", "flip")
    assert rows_of(config, copy) == [row]
    printed = capsys.readouterr().out
    assert "samples: responses.jsonl is damaged" in printed and printed.count("done before") == 1
    assert rows_of(config, copy) == [row] and capsys.readouterr().out.count("done before") == 2
    config.data.dev.update(source="records", path=config.data.eval.path, count=6)
    (with_dev,) = rows_of(config, copy)
    assert with_dev["dev"]["n"] == 6 and with_dev["dev"]["samples"] == 2 and with_dev | {"dev": None} == row
    assert capsys.readouterr().out.count("done before") == 2
    config.data.dev.count = 0
    config.eval.samples = 3
    with pytest.raises(UserError, match=r"samples was run with other settings \(eval.samples: 2 -> 3\)"):
        rows_of(config, copy)
