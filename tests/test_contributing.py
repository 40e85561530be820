"""The examples of CONTRIBUTING.md do what they say."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rewards.totals import score

from alignment import arms, metric_schema
from alignment.data import sources
from alignment.data.vignettes import generate, strategies
from alignment.errors import UserError
from alignment.kernels.linear_logprob import reference
from alignment.rewards.presets import PRESETS, Weight
from alignment.rewards.registry import CHANNELS, ScoreBatch
from alignment.rollout.groups import Group

GUIDE = (Path(__file__).resolve().parents[1] / "CONTRIBUTING.md").read_text()
EXAMPLES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", GUIDE, re.DOTALL))


def load(path, tmp_path):
    """Import the example that stands under `path`."""
    file = tmp_path / Path(path).name
    file.write_text(EXAMPLES[path])
    spec = importlib.util.spec_from_file_location("example", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_seven_examples_in_existing_folders():
    assert len(EXAMPLES) == GUIDE.count("```python") == 7
    assert all((Path(__file__).resolve().parents[1] / path).parent.is_dir() for path in EXAMPLES)


def test_the_arm_is_scheduled(tmp_path, monkeypatch):
    monkeypatch.setattr(arms, "ARMS", dict(arms.ARMS))
    monkeypatch.setattr(arms, "STAGES", dict(arms.STAGES))
    load("alignment/arms.py", tmp_path)
    order = arms.stage_order(["modular_answers"])
    assert [stage.name for stage in order] == ["answers", "reward_on_answers"]


def test_the_channel_scores(tmp_path, monkeypatch):
    load("alignment/rewards/channels/brevity.py", tmp_path)
    monkeypatch.setitem(PRESETS, "short", {"brevity": Weight(2.0)})
    batch = ScoreBatch([None] * 3, [None] * 3, [[], [7] * 64, [7] * 999])
    total, raw = score(batch, "short")
    np.testing.assert_allclose(raw["brevity"], [1.0, 0.75, 0.0])
    np.testing.assert_allclose(total, [2.0, 1.5, 0.0])
    CHANNELS.pop("brevity")


def test_the_loss_is_hand_worked(tmp_path):
    centred = load("alignment/objectives/centred.py", tmp_path).centred
    np.testing.assert_allclose(
        centred(jnp.array([[1.0, 0.0, 0.0, 1.0], [2.0, 2.0, 2.0, 2.0]]))[0], [0.5, -0.5, -0.5, 0.5]
    )
    with pytest.raises(AssertionError):
        centred(jnp.ones(3))


def test_the_metric_is_declared_and_computed(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="unknown metric"):
        metric_schema.find_metric("completion/distinct")
    (declared,) = re.findall(r"```toml\n# alignment/assets/metrics.toml\n(.*?)```", GUIDE, re.DOTALL)
    (row,) = tomllib.loads(declared)["grpo"]
    monkeypatch.setitem(metric_schema.TRAINING, row["name"], metric_schema.Metric(**row))
    assert metric_schema.find_metric("completion/distinct").unit == "share"
    completions = np.array([[[1, 2, 9], [1, 2, 8]], [[1, 2, 3], [1, 3, 3]]])
    mask = np.array([[[True, True, False]] * 2, [[True, True, True]] * 2])
    fields = dict.fromkeys(field.name for field in dataclasses.fields(Group)) | {
        "completions": completions,
        "mask": mask,
    }
    metrics = load("alignment/training/distinct.py", tmp_path).distinct_share(Group(**fields))
    assert metrics == {row["name"]: 0.75}  # the first group's differ after their ends only


def test_the_dataset_is_read(tmp_path, monkeypatch):
    example = load("alignment/data/flashcards.py", tmp_path)
    monkeypatch.setitem(sources.SOURCES, "flashcards", sources.from_rows(example.build_record))
    row = {"id": "1", "front": "Drug of choice?", "right": "aspirin", "wrong": "heparin"}
    (tmp_path / "cards.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"id": "2"}) + "\n")
    records, notes = sources.load_source("flashcards", str(tmp_path / "cards.jsonl"))
    assert [record.gold_text for record in records] == ["aspirin", "aspirin"] and notes == ()
    (tmp_path / "cards.jsonl").write_text(json.dumps(row | {"front": " "}) + "\n")
    with pytest.raises(UserError, match=r"cards\.jsonl, line 1: the question is empty"):
        sources.load_source("flashcards", str(tmp_path / "cards.jsonl"))


def test_the_strategy_is_planted_and_recognised(tmp_path, monkeypatch):
    monkeypatch.setattr(strategies, "STRATEGIES", dict(strategies.STRATEGIES))
    load("alignment/data/vignettes/strategies.py", tmp_path)
    shares = strategies.parse_shares(("careful=0.5", "by_position=0.5"))
    planted = strategies.plant(generate(40, 0, "train"), shares, seed=0)
    assert {strategies.strategy_of(record.cot) for record in planted} == {"careful", "by_position"}
    assert all(strategies.strategy_of(record.cot) == record.meta["strategy"] for record in planted)


def test_the_kernel_equals_the_reference(tmp_path):
    example = load("alignment/kernels/linear_logprob/row_by_row.py", tmp_path)
    keys = jax.random.split(jax.random.key(0), 2)
    hidden, head = jax.random.normal(keys[0], (5, 4)), jax.random.normal(keys[1], (9, 4))
    targets = jnp.array([0, 8, 3, 3, 1])
    for got, expected in zip(
        example.linear_logprob(hidden, head, targets, 0.7),
        reference.linear_logprob(hidden, head, targets, 0.7),
        strict=True,
    ):
        assert got.shape == (5,)
        # Log-probabilities of a few units; float32 rounds each of a few dozen terms by up to 5e-7.
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
