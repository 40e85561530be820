"""Normalised and dynamically weighted rewards in a real reward stage: measured once, checkpointed, resumed."""

from __future__ import annotations

import numpy as np
import pytest
from tiny import experiment_config, lora, records

from alignment.adapters.peft import load_peft
from alignment.common.fingerprint import fingerprint
from alignment.errors import UserError
from alignment.rewards.combine import init_rewards
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training import calibration, loop
from alignment.training.calibration import calibration_digest, calibration_questions, check_calibration
from alignment.training.rollout import reward_config_of

STEPS = 31  # the weights move first at step 30


class Killed(BaseException):
    """Stands in for a kill."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    experiment_config(folder)
    return folder


def config_for(base, **options):
    config = experiment_config(base)
    config.arms = ("grpo_only",)
    config.grpo.update(steps=STEPS, normaliser="rfn", weighting="tri_factor", calibration_prompts=8)
    config.grpo.update(options)
    return config


def run(config, workdir):
    return execute(open_run(config, str(workdir)))[0]


def adapter_bits(workdir):
    (folder,) = workdir.glob("seed0/*/adapter")
    return fingerprint(load_peft(str(folder)).modules)


@pytest.fixture(scope="module")
def straight(base, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("straight")
    return workdir, run(config_for(base), workdir)


def rewards_of(curve):
    """What the rewards and their weights were, step by step."""
    prefixes = ("reward/", "normalised/", "weight/", "gap/", "risk/", "redundancy/")
    return [{name: value for name, value in row.items() if name.startswith(prefixes)} for row in curve]


@pytest.mark.ci
def test_weights_are_logged_and_move(straight):
    curve = straight[1].curve
    channels = ("accuracy", "format", "soft_tags", "repetition", "effective_ratio")
    for label in ("normalised", "weight", "gap", "risk", "redundancy"):
        assert {f"{label}/{name}" for name in channels} <= curve[0].keys()
    weights = np.array([[row[f"weight/{name}"] for name in channels] for row in curve])
    np.testing.assert_allclose(weights.sum(axis=1), 5.0, rtol=1e-5)  # five weights, each of a few roundings of 2^-24
    assert (weights[:30] == weights[0]).all() and (weights[30] != weights[0]).any()


@pytest.mark.ci
def test_a_stopped_run_ends_with_the_same_bits_and_measures_once(base, straight, tmp_path, monkeypatch):
    whole, outcome = straight
    saves, measured = [], []
    real_save, real_calibrate = loop.save, calibration.calibrate

    def save(*args, **kwargs):
        real_save(*args, **kwargs)
        saves.append(1)
        if len(saves) == 2:
            raise Killed

    def calibrate(*args):
        measured.append(1)
        return real_calibrate(*args)

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save", save)
        with pytest.raises(Killed):
            run(config_for(base), tmp_path)
    resumed = run(config_for(base), tmp_path)
    assert measured == [1]
    assert adapter_bits(tmp_path) == adapter_bits(whole)
    assert rewards_of(resumed.curve) == rewards_of(outcome.curve)


@pytest.fixture(scope="module")
def short(base, tmp_path_factory):
    return run(config_for(base, steps=2), tmp_path_factory.mktemp("short"))


FLAGS = {
    "no normaliser": {"normaliser": "none"},
    "gdpo": {"normaliser": "gdpo"},
    "batch": {"normaliser": "batch"},
    "static": {"weighting": "static"},
    "rvpo": {"weighting": "rvpo"},
    "saw": {"weighting": "saw"},
    "a channel": {"channels": ("compliance=1",)},
    "fewer questions": {"calibration_prompts": 1},
}


@pytest.mark.ci
@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_changes_the_run(base, short, tmp_path, name):
    metrics = run(config_for(base, steps=2, **FLAGS[name]), tmp_path)
    assert rewards_of(metrics.curve) != rewards_of(short.curve)


@pytest.mark.ci
def test_the_strength_of_a_factor_reaches_the_weights(base, straight, tmp_path):
    metrics = run(config_for(base, weights={"weakness": 0.0}), tmp_path)
    before, after = (rewards_of(outcome.curve)[-1] for outcome in (straight[1], metrics))
    assert before["gap/accuracy"] == after["gap/accuracy"]
    assert before["weight/accuracy"] != after["weight/accuracy"]


@pytest.mark.ci
def test_the_hard_safety_rule_is_logged(base, tmp_path):
    metrics = run(config_for(base, steps=2, channels=("compliance=1",), hard_safety=True), tmp_path)
    assert all("reward/hard_safety" in row for row in metrics.curve)


def test_calibration_batches_have_the_shape_of_training(base):
    section = config_for(base).grpo
    section.update(prompts=4, calibration_prompts=9)
    batches = calibration_questions(section, records(20), seed=0)
    assert [len(batch) for batch in batches] == [4, 4]
    assert len({record.id for batch in batches for record in batch}) == 8
    section.calibration_prompts = 1
    assert len(calibration_questions(section, records(20), seed=0)) == 1


def test_statistics_of_another_start_policy_are_refused(base):
    reward_config = reward_config_of(config_for(base).grpo)
    ours, other = (calibration_digest({"base": "x"}, lora(seed), ["q"]) for seed in (1, 2))
    assert (ours != other).any() and (ours != calibration_digest({"base": "y"}, lora(1), ["q"])).any()
    statistics = init_rewards(reward_config).statistics._replace(digest=ours)
    check_calibration(statistics, ours)
    with pytest.raises(UserError, match="another start policy"):
        check_calibration(statistics, other)


@pytest.mark.parametrize(
    ("name", "value"), [("mean", np.nan), ("mean", np.inf), ("std", np.nan), ("std", np.inf), ("std", -1.0)]
)
def test_statistics_that_are_no_numbers_are_refused(base, name, value):
    rewards = init_rewards(reward_config_of(config_for(base).grpo))
    digest = np.arange(32, dtype=np.uint8)
    tensor = getattr(rewards.statistics, name).copy()
    tensor[0] = value
    statistics = rewards.statistics._replace(digest=digest, **{name: tensor})
    with pytest.raises(UserError, match="reward statistics in the checkpoint are not finite or hold a negative"):
        check_calibration(statistics, digest)


@pytest.mark.parametrize("options", [{"normaliser": "rnf"}, {"weighting": "tri"}, {"channels": ("nothing",)}])
def test_what_cannot_work_is_refused_before_anything_runs(base, tmp_path, options):
    with pytest.raises(UserError, match="config.grpo"):
        open_run(config_for(base, **options), str(tmp_path))
