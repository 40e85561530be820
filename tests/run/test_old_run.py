"""What the version of commit fb3d8c0 wrote is still read: the workdir of a finished run of two arms."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny import experiment_config

from alignment.adapters.peft import load_peft
from alignment.common.manifest import find_corruption
from alignment.errors import UserError
from alignment.evaluation.results import plain
from alignment.export import read_run
from alignment.metric_schema import METRICS
from alignment.run import arm, stage
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.run.store import read_claim

# Written by `python -m alignment.ablate` with the settings of `old_run`, without checkpoints and report.
OLD_RUN = Path(__file__).resolve().parents[1] / "golden" / "old_run"


@pytest.fixture
def old_run(tmp_path, monkeypatch):
    """A function that opens a copy of the old workdir with changes to GRPO, and refuses to train or answer."""
    folder = tmp_path / "run"
    shutil.copytree(OLD_RUN, folder)

    def refuse(*args, **kwargs):
        raise AssertionError("trained or answered again")

    monkeypatch.setattr(stage, "train_stage", refuse)
    monkeypatch.setattr(arm, "generate", refuse)

    def open_old(**grpo):
        config = experiment_config(tmp_path)
        config.arms = ("base", "modular")
        for part in ("sft", "rl", "eval"):
            config.data[part].count = 4
        config.adapters.reasoning.update(rank=1, alpha=2.0, targets=("q_proj",))
        config.adapters.reward.update(rank=1, alpha=2.0, targets=("q_proj",))
        config.sft.update(batch_size=2, epochs=1)
        config.grpo.update(steps=2, prompts=2, minibatches=1, max_new_tokens=6, **grpo)
        config.eval.max_new_tokens = 6
        run = open_run(config, str(folder))
        # The random weights of the tiny base may differ in their last bits from those of the machine that wrote it.
        recorded = read_claim(run.workdir / "untrained" / "arms" / "base" / "arm.json")["base"]
        return replace(run, sampler=replace(run.sampler, base=replace(run.base, fingerprint=recorded)))

    return open_old


def test_a_finished_run_of_before_is_done_and_has_the_same_rows(old_run):
    written = json.loads((OLD_RUN / "results.json").read_text())
    rows = plain([outcome.row for outcome in execute(old_run())])
    for old, new in zip(written, rows, strict=True):
        assert {name: new[name] for name in old} == old | {"about": new["about"]}
        assert all(new[name] is None for name in ("dev", *METRICS["sampled"]))  # which it did not answer


def test_a_changed_setting_of_before_is_refused_under_its_present_name(old_run):
    with pytest.raises(UserError, match=r"reward was run with other settings \(grpo\.beta: 0\.02 -> 0\.3\)"):
        execute(old_run(beta=0.3))


def test_sealed_adapters_of_before_are_whole_and_load():
    for name in ("reasoning", "reward"):
        folder = OLD_RUN / "seed0" / name
        assert find_corruption(folder) is find_corruption(folder / "adapter") is None
        lora = load_peft(str(folder / "adapter"))
        assert (lora.rank, lora.alpha, list(lora.modules)) == (1, 2.0, ["q_proj"])
        assert all(np.isfinite(leaf).all() for leaf in lora.modules["q_proj"].values())
    trained = read_run(str(OLD_RUN / "seed0"), "modular")
    assert list(trained.loras) == ["reasoning", "reward"] and trained.template == "think_answer"
