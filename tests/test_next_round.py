"""A run proposes the next one: the file it writes is read, and run, by the command line."""

from __future__ import annotations

import json

import pytest
from tiny import experiment_config

from alignment import ablate, cli
from alignment.config import default_config
from alignment.next_round import proposed_channels
from alignment.rewards.presets import Weight, get_preset


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A run of the tiny base and the flags that started it."""
    workdir = tmp_path_factory.mktemp("run")
    config = experiment_config(tmp_path_factory.mktemp("tiny"))
    config.arms = ("base", "grpo_only")
    config.grpo.steps = 1
    flags = [f"--config.{name}={cli.show(value)}" for name, value in cli.leaves(config).items()]
    return workdir, config, flags


@pytest.mark.ci
def test_a_run_prints_writes_and_reports_the_matrix_and_its_proposal_runs(ran, tmp_path, capsys):
    workdir, config, flags = ran
    assert ablate.main([f"--workdir={workdir}", *flags]) == 0
    printed = capsys.readouterr().out
    proposal = workdir / "next_round" / "grpo_only.py"
    assert "alignment matrix of grpo_only" in printed and "alignment matrix of base" not in printed
    assert f"--config={proposal}" in printed and "weakest" in printed
    cells = json.loads((workdir / "matrix.json").read_text())["grpo_only"]
    assert {cell["category"] for cell in cells} >= {"fundamental capabilities", "format specifications"}
    assert sum(cell["n"] for cell in cells if cell["channel"] == "accuracy") == 12
    assert "Alignment matrix" in (workdir / "report.html").read_text()

    accepted = cli.load_config(str(proposal), default_config())
    before, after = cli.leaves(config), cli.leaves(accepted)
    assert {name for name in before if before[name] != after[name]} == {"grpo.channels"}
    weights = get_preset(accepted.grpo.reward, accepted.grpo.channels)
    assert weights["accuracy"].value == pytest.approx(
        next(cell["next_weight"] for cell in cells if cell["channel"] == "accuracy"), rel=1e-3
    )
    assert weights["soft_tags"] == get_preset("decoupled_v1")["soft_tags"]
    flag = next(word for word in printed.split() if word.startswith("--config.grpo.channels="))
    assert cli.parse([flag], description="d", needs_workdir=False).config.grpo.channels == accepted.grpo.channels

    recipe = cli.load_config(str(workdir / "recipe.py"), default_config())
    assert cli.leaves(recipe) == before

    assert ablate.main([f"--workdir={tmp_path}", f"--config={proposal}"]) == 0
    assert (tmp_path / "next_round" / "grpo_only.py").exists()


def test_entries_of_other_channels_remain():
    section = default_config().grpo
    section.channels = ("overlong=0.5", "accuracy = 3", "my.package.channel=1")
    channels = proposed_channels(section, {"accuracy": Weight(2.5, target=0.9)})
    assert channels == ("overlong=0.5", "my.package.channel=1", "accuracy=2.5@0.9")
