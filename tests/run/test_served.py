"""What an arm answers with: its adapters attached, or all of them folded into the base."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from tiny import experiment_config, lora, records

from alignment.arms import get_arm
from alignment.evaluation.benchmark_scores import summarise_options
from alignment.evaluation.generate import answer_samples
from alignment.rollout.sampling import SamplingConfig
from alignment.run import arm as arm_module
from alignment.run.arm import option_scores, served
from alignment.run.setup import open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    config = experiment_config(folder)
    config.arms = ("base",)
    return open_run(config, str(folder / "run"))


def merging(run, merge):
    config = run.config.copy_and_resolve_references()
    config.eval.merge = merge
    return type(run)(config, run.workdir, run.sampler, run.options, run.data)


@pytest.fixture(scope="module")
def loras(run):
    shapes = run.base.config
    return {"reasoning": lora(1, rank=2, config=shapes), "reward": lora(2, rank=2, config=shapes)}


def test_unmerged_adapters_are_attached_to_the_same_base(run, loras):
    sampler, stack = served(run, get_arm("modular"), loras)
    assert [adapter.name for adapter in stack.adapters] == ["reasoning", "reward"]
    assert sampler.base.params is run.base.params


def test_merged_arms_have_one_shape_and_no_adapter(run, loras):
    """Base and modular differ in their numbers alone, so that one program serves both."""
    kinds = []
    for arm in ("base", "modular"):
        sampler, stack = served(merging(run, "float32"), get_arm(arm), loras)
        assert stack.adapters == ()
        kinds.append(jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), sampler.base.params))
    assert kinds[0] == kinds[1]
    moved = np.abs(sampler.base.params["layers"]["q_proj"]["w"] - run.base.params["layers"]["q_proj"]["w"])
    assert moved.max() > 0.01


@pytest.mark.ci
def test_merged_and_attached_adapters_answer_alike(run, loras):
    section, texts = run.config.eval, []
    for merge in ("none", "float32"):
        sampler, stack = served(merging(run, merge), get_arm("modular"), loras)
        answered = answer_samples(sampler, stack, records(6), section, 1, SamplingConfig(0.0))
        texts.append([single.text for (single,) in answered])
    assert texts[0] == texts[1]


@pytest.mark.ci
def test_option_likelihoods_are_stored_once_and_off_by_default(run, loras, monkeypatch):
    arm = get_arm("modular")
    assert option_scores(run, arm, 0, loras, "modular") == []
    config = run.config.copy_and_resolve_references()
    config.eval.likelihood = True
    scoring = type(run)(config, run.workdir, run.sampler, run.options, run.data)
    first = option_scores(scoring, arm, 0, loras, "modular")
    assert len(first) == len(run.data.eval) and all(score.log_prob < 0 for row in first for score in row.values())
    monkeypatch.setattr(arm_module, "stream_items", None)  # nothing is to be computed again
    assert option_scores(scoring, arm, 0, loras, "modular") == first
    row = summarise_options(first, run.data.eval)
    assert 0 <= row["likelihood_accuracy"] <= 1 and row["posed"] == len(first)
