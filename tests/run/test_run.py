"""A whole experiment on a tiny random base: shared stages, resume, refusal of changes, results rows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
from tiny import experiment_config

from alignment.adapters.peft import load_peft
from alignment.arms import ARMS, SHUFFLED
from alignment.cli import leaves, show
from alignment.common.fingerprint import fingerprint
from alignment.errors import UserError
from alignment.evaluation.curves import read_curve
from alignment.run import arm as run_arm
from alignment.run import stage as run_stage
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training import grpo, loop, sft

TIMES = ("time/data_wait", "time/rollout", "time/reward", "time/device_wait", "time/update", "time/step")
TIMES += ("time/compile", "compilations", "tokens_per_s")


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A folder with the tiny checkpoint and its records, made once."""
    folder = tmp_path_factory.mktemp("tiny")
    experiment_config(folder)
    return folder


def config_for(base, *arms, **grpo):
    config = experiment_config(base)
    config.arms = arms
    config.grpo.update(**grpo)
    return config


def run(config, workdir):
    return execute(open_run(config, str(workdir)))


def adapter_bits(workdir, stage, seed=0):
    return fingerprint(load_peft(str(Path(workdir) / f"seed{seed}" / stage / "adapter")).modules)


def steady(rows):
    """Metric rows without what a clock decides."""
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.parametrize("arm, read", [("base", set()), ("sft_cot", {"sft"}), ("grpo_only", {"rl"})])
def test_only_what_an_arm_needs_is_read(base, tmp_path, arm, read):
    config = config_for(base, arm)
    for part in {"sft", "rl"} - read:
        config.data[part].update(source="medqa", path="")
    data = open_run(config, str(tmp_path)).data
    assert {part for part in ("sft", "rl") if getattr(data, part)} == read and len(data.eval) == 12


@pytest.fixture(scope="session")
def straight(base, tmp_path_factory):
    """An uninterrupted run of the two-adapter and the one-adapter arm."""
    workdir = tmp_path_factory.mktemp("straight")
    outcomes = run(config_for(base, "modular", "monolithic"), workdir)
    return workdir, outcomes


@pytest.mark.ci
def test_every_row_has_what_the_report_needs(straight):
    _, outcomes = straight
    wanted = {
        "arm",
        "seed",
        "accuracy",
        "accuracy_ci95",
        "valid_rate",
        "auditability",
        "collapsed",
        "reward_drawdown",
        "kl_peak",
    }
    assert [outcome.row["arm"] for outcome in outcomes] == ["modular", "monolithic"]
    for outcome in outcomes:
        assert wanted <= set(outcome.row)
        assert len(outcome.responses) == 12
        assert len(outcome.curve) == 5


@pytest.mark.ci
def test_the_stage_that_arms_share_runs_once(straight):
    workdir, _ = straight
    assert sorted(path.name for path in (workdir / "seed0").iterdir()) == [
        "arms",
        "monolithic_grpo",
        "reasoning",
        "reward",
    ]
    assert len(read_curve(workdir / "seed0" / "reasoning" / "metrics.jsonl")) == 4


@pytest.mark.ci
def test_training_moves_the_adapter_and_the_kl(straight):
    workdir, outcomes = straight
    assert adapter_bits(workdir, "monolithic_grpo") != adapter_bits(workdir, "reasoning")
    for outcome in outcomes:
        assert outcome.curve[0]["kl/mean"] < outcome.curve[-1]["kl/mean"]
        assert max(row["sampler/logp_diff_max"] for row in outcome.curve) < 1e-4


@pytest.mark.ci
def test_rewards_are_watched_and_an_alarm_is_written_once(base, tmp_path, capsys):
    config = config_for(base, "grpo_only")
    config.watch.update(share=0.0, patience=2, length=1e9)  # every completion is "collapsed"
    (outcome,) = run(config, tmp_path)
    assert [row["watch/length_collapse"] for row in outcome.curve] == [1.0] * 5
    assert [row["watch/alarms"] > 0 for row in outcome.curve] == [False] + [True] * 4
    assert outcome.row["watch"]["length_collapse"] == {"since": 1, "peak": 1.0, "peak_step": 1}
    printed = capsys.readouterr().out
    assert printed.count("reward hacking? length_collapse in 100% of the completions") == 1
    assert "reward_on_base, step 2: reward hacking? length_collapse" in printed


@pytest.mark.ci
def test_measurements_change_no_bit_of_what_is_trained(base, straight, tmp_path):
    """Steps 1, 3 and 5 are measured, each of two optimiser steps; the stage has the bits of the one without."""
    shutil.copytree(straight[0] / "seed0" / "reasoning", tmp_path / "seed0" / "reasoning")
    (outcome,) = run(config_for(base, "modular", power_every=2), tmp_path)
    assert adapter_bits(tmp_path, "reward") == adapter_bits(straight[0], "reward")
    assert [row["step"] for row in outcome.curve if "power/dot" in row] == [1, 3, 5]
    assert outcome.row["measured_steps"] == 3 and outcome.row["completions"] == 40
    assert outcome.row["completions_per_half"] == 2.0 and outcome.row["weights_moved"] > 0


@pytest.mark.ci
def test_a_finished_run_is_not_run_again(base, straight, monkeypatch):
    workdir, outcomes = straight

    def refuse(*args, **kwargs):
        raise AssertionError("trained or answered again")

    monkeypatch.setattr(run_stage, "train_stage", refuse)
    monkeypatch.setattr(run_arm, "generate", refuse)
    again = run(config_for(base, "modular", "monolithic"), workdir)
    assert [outcome.row for outcome in again] == [outcome.row for outcome in outcomes]


class Killed(BaseException):
    """Stands in for a kill: nothing on the way out may catch it and tidy up."""


@pytest.mark.ci
@pytest.mark.parametrize(
    ("moment", "count"), [("before save", 1), ("before save", 3), ("after save", 4), ("in a step", 9)]
)
def test_a_run_stopped_anywhere_ends_with_the_same_bits(base, straight, tmp_path, monkeypatch, moment, count):
    whole, _ = straight
    config, calls = config_for(base, "modular"), []

    def die(real, before):
        def wrapped(*args, **kwargs):
            calls.append(1)
            if before and len(calls) == count:
                raise Killed
            result = real(*args, **kwargs)
            if len(calls) == count:
                raise Killed
            return result

        return wrapped

    with monkeypatch.context() as patch:
        if moment == "in a step":
            patch.setattr(sft, "sft_batch", die(sft.sft_batch, True))
            patch.setattr(grpo, "sample_and_score", die(grpo.sample_and_score, True))
        else:
            patch.setattr(loop, "save", die(loop.save, moment == "before save"))
        with pytest.raises(Killed):
            run(config, tmp_path)
    run(config, tmp_path)
    for stage in ("reasoning", "reward"):
        assert adapter_bits(tmp_path, stage) == adapter_bits(whole, stage)
        rows = [read_curve(folder / "seed0" / stage / "metrics.jsonl") for folder in (tmp_path, whole)]
        assert steady(rows[0]) == steady(rows[1])


@pytest.mark.ci
def test_kill_minus_nine_at_any_point(base, straight, tmp_path):
    """The real thing: the command is killed at what it has just written, three times, and ends with the same bits."""
    whole, _ = straight
    command = [sys.executable, "-m", "alignment.ablate", f"--workdir={tmp_path}"]
    command += [f"--config.{name}={show(value)}" for name, value in leaves(config_for(base, "modular")).items()]
    # Since jax 0.12 the last bits depend on the number of simulated devices, and `whole` was made with these.
    surroundings = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(jax.local_device_count())}
    seed = tmp_path / "seed0"
    for path, delay in (
        (seed / "reasoning" / "metrics.jsonl", 0.0),
        (seed / "reasoning" / "adapter" / "adapter_model.safetensors", 0.01),
        (seed / "reward" / "metrics.jsonl", 0.1),
    ):
        process = subprocess.Popen(command, env=surroundings, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (path.exists() and path.stat().st_size):
            time.sleep(0.002)
        time.sleep(delay)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert subprocess.run(command, env=surroundings).returncode == 0
    for stage in ("reasoning", "reward"):
        assert adapter_bits(tmp_path, stage) == adapter_bits(whole, stage)


@pytest.mark.ci
def test_a_changed_stage_is_refused_with_a_diff(base, straight):
    workdir, _ = straight
    with pytest.raises(UserError, match=r"grpo\.beta: 0\.02 -> 0\.3.*--workdir"):
        run(config_for(base, "modular", beta=0.3), workdir)


@pytest.mark.ci
def test_changed_data_are_refused(base, straight):
    workdir, _ = straight
    config = config_for(base, "modular")
    config.data.rl.count = 11
    with pytest.raises(UserError, match=r"data\.(sft|rl)"):
        run(config, workdir)


@pytest.mark.ci
def test_added_arms_seeds_and_logging_are_welcome(base, straight, tmp_path):
    workdir = shutil.copytree(straight[0], tmp_path / "run")
    config = config_for(base, "modular", "base", "sft_cot")
    config.seeds = (0, 1)
    config.log.tensorboard = True
    config.checkpoint.every = 1
    rows = [outcome.row for outcome in run(config, workdir)]
    assert [(row["arm"], row["seed"]) for row in rows] == [(arm, seed) for seed in (0, 1) for arm in config.arms]
    assert adapter_bits(workdir, "reward") == adapter_bits(straight[0], "reward")
    assert adapter_bits(workdir, "reward", seed=1) != adapter_bits(workdir, "reward", seed=0)
    assert list((workdir / "seed1" / "reward").rglob("*tfevents*"))
    base_row = next(row for row in rows if row["arm"] == "base")
    assert base_row["collapsed"] is base_row["reward_drawdown"] is base_row["kl_peak"] is None


@pytest.mark.ci
def test_a_damaged_adapter_is_made_again_from_its_checkpoint(base, straight, tmp_path, capsys):
    workdir = shutil.copytree(straight[0], tmp_path / "run")
    weights = workdir / "seed0" / "reward" / "adapter" / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(bytes(data))
    run(config_for(base, "modular"), workdir)
    assert adapter_bits(workdir, "reward") == adapter_bits(straight[0], "reward")
    assert "adapter_model.safetensors is damaged" in capsys.readouterr().out


@pytest.mark.ci
def test_every_arm_runs(base, tmp_path):
    elsewhere = ("sft_ceiling", *SHUFFLED.values())  # tests/test_wheel.py and tests/run/test_control_arms.py run them
    arms = [arm for arm in ARMS if arm not in elsewhere]
    outcomes = run(config_for(base, *arms, steps=2), tmp_path)
    assert [outcome.row["arm"] for outcome in outcomes] == arms
    stages = {path.name for path in (tmp_path / "seed0").iterdir()}
    assert {"joint", "reward_on_merged", "reasoning_wide", "answers"} <= stages
    wide = json.loads((tmp_path / "seed0" / "reasoning_wide" / "adapter" / "adapter_config.json").read_text())
    assert (wide["r"], wide["lora_alpha"]) == (6, 12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arms": ("modullar",)}, "did you mean 'modular'"),
        ({"grpo.reward": "decoupled_v2"}, "did you mean 'decoupled_v1'"),
        ({"grpo.group_size": 1}, "group_size=1"),
        ({"grpo.prompts": 5}, "multiple of minibatches"),
        ({"grpo.prompts": 40}, "12 question"),
        ({"prompt.max_tokens": 10}, "--config.prompt.max_tokens"),
        ({"sft.max_tokens": 20}, "--config.sft.max_tokens"),
        ({"grpo.schedule": "linear"}, "use one of constant, cosine"),
        ({"sft.micro_batches": 4}, "--config.sft.batch_size=6"),
        ({"model.dtype": "float16"}, "--config.model.dtype"),
        ({"eval.top_p": 1.5}, "--config.eval.top_p=1.5"),
        ({"rollout.merge": "bfloat16"}, "--config.rollout.merge=bfloat16"),
        ({"rollout.chunk": 0}, "--config.rollout.chunk=0"),
        ({"model.logprob": "palas_tpu"}, "--config.model.logprob=palas_tpu"),
        ({"model.logprob": "pallas_tpu"}, "needs a TPU"),
        ({"parallel.mode": "xmap"}, "--config.parallel.mode"),
        ({"watch.patience": 0}, "--config.watch.patience"),
        ({"parallel.devices": 99}, "--config.parallel.devices"),
    ],
)
def test_bad_settings_are_one_clear_line(base, tmp_path, change, message):
    config = config_for(base, "modular")
    with config.unlocked():
        config.update_from_flattened_dict(change)
    with pytest.raises(UserError, match=message) as caught:
        run(config, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.ci
def test_a_reward_stage_without_headroom_is_skipped_by_the_flag(base, tmp_path, capsys):
    """A random base answers nothing right: its reward adapter stays as it was made, and is not made twice."""
    config = config_for(base, "grpo_only", skip_without_headroom=True)
    (outcome,) = run(config, tmp_path)
    assert "skipped, all 8 completions of its first step are wrong: no headroom" in capsys.readouterr().out
    assert outcome.curve == [] and outcome.row["collapsed"] is None
    lora = load_peft(str(tmp_path / "seed0" / "reward_on_base" / "adapter"))
    assert all(not factors["b"].any() for factors in lora.modules.values())
    run(config, tmp_path)
    assert "reward_on_base: done before" in capsys.readouterr().out
