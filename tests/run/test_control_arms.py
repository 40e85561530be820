"""Controls and registered hypotheses in a whole run of the command, on a tiny random base."""

from __future__ import annotations

import json

import numpy as np
import pytest

from alignment import ablate
from alignment.adapters.peft import load_peft

pytestmark = pytest.mark.ci

CONFIG = """
from pathlib import Path

from tiny import experiment_config


def get_config():
    config = experiment_config(Path({folder!r}))
    config.arms = ("sft_cot", "modular")
    config.grpo.steps = 2
    config.preregistration = str(Path({folder!r}) / "study.toml")
    return config
"""
STUDY = """level = 0.05
power = 0.8
correction = "holm"
[hypotheses.A]
statement = "modular gains"
metric = "accuracy"
arm = "modular"
against = ["sft_cot"]
rule = "greater"
detect = 0.1
seeds = [0]
questions = 12
[hypotheses.B]
statement = "modular is as auditable"
metric = "auditability"
arm = "modular"
against = ["grpo_only"]
rule = "equivalent"
margin = 0.1
detect = 0.1
seeds = [0]
"""


def test_controls_are_added_run_and_reported_and_hypotheses_answered(tmp_path, capsys):
    (tmp_path / "config.py").write_text(CONFIG.format(folder=str(tmp_path)))
    (tmp_path / "study.toml").write_text(STUDY)
    workdir = tmp_path / "run"
    command = [f"--config={tmp_path / 'config.py'}", f"--workdir={workdir}"]
    assert ablate.main([*command, "--controls=noop,shuffled_cot"]) == 0

    rows = {row["arm"]: row for row in json.loads((workdir / "results.json").read_text())}
    assert list(rows) == ["sft_cot", "modular", "modular@steps=0", "sft_shuffled", "modular_shuffled"]
    responses = [
        (workdir / "seed0" / "arms" / arm / "responses.jsonl").read_text() for arm in ("sft_cot", "modular@steps=0")
    ]
    assert responses[0] == responses[1]  # an adapter of zeros changes nothing
    noop = load_peft(str(workdir / "seed0" / "reward@steps=0" / "adapter"))
    assert all(not np.any(factors["b"]) for factors in noop.modules.values())
    settings = json.loads((workdir / "seed0" / "reasoning_shuffled" / "stage.json").read_text())
    assert settings["stage"]["objective"] == "sft_shuffled"

    assert 'id="controls"' in (workdir / "report.html").read_text()
    written = json.loads((workdir / "hypotheses.json").read_text())
    assert not written["changed"] and all(answer["before_answers"] for answer in written["answers"])
    assert [answer["answer"] for answer in written["answers"]] == ["not powered", "not testable"]

    # Again with a changed entry: nothing is trained, and that entry is exploratory.
    (tmp_path / "study.toml").write_text(STUDY.replace("margin = 0.1", "margin = 0.2"))
    capsys.readouterr()
    assert ablate.main([*command, "--controls=noop,shuffled_cot"]) == 0
    assert "done before" in capsys.readouterr().out
    written = json.loads((workdir / "hypotheses.json").read_text())
    assert written["changed"] and [answer["before_answers"] for answer in written["answers"]] == [True, False]
