"""docs/metrics.md explains every metric there is, and no check or result that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from evaluation.vignette import mumble, record, respond

from alignment.config import default_config
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.comparisons import compare_pairs, hypotheses, seed_summary
from alignment.evaluation.matrix import diagnose, plain_rows, propose
from alignment.evaluation.matrix_cells import MATRIX
from alignment.evaluation.stability import stability
from alignment.rewards.presets import PRESETS
from alignment.text.audit_checks import CHECKS
from alignment.training.monitor import SYMPTOMS, MonitorConfig, monitor_summary

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

TRAINING = """
    step loss loss/sft loss/grpo learning_rate grad_norm update_norm update/skipped
    tokens_per_s time/step time/data_wait nonfinite nll tokens
    reward/mean reward/std reward/min reward/max reward/<channel> reward/hard_safety
    normalised/<channel> weight/<channel> gap/<channel> risk/<channel> redundancy/<channel>
    advantage/std kl/mean entropy/mean
    ratio/mean ratio/max importance/mean importance/capped clip/low clip/high clip/log_ratio clip/k3
    completion/length_mean completion/length_min completion/length_max
    watch/length_collapse watch/format_only watch/answer_inside watch/repeated_boxes watch/stem_copy
    watch/language_drift watch/alarms
    completion/truncated completion/strict groups/zero_variance sampler/logp_diff_max sampler/logp_diff_mean
    sampler/correlation sampler/effective groups/refilled groups/zero_variance_before
    time/rollout time/reward time/wait time/update rollout/lane_use
""".split()  # noqa: SIM905


MONITOR = MonitorConfig(**default_config().watch)


def entries(section: str) -> dict[str, list[str]]:
    """Metric name -> cells of its line, from the tables of one `##` section."""
    body = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    (part,) = [part for part in body if part.startswith(f"{section}\n")]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("| `")]
    return {name: cells for cells in lines for name in re.findall(r"`([^`]+)`", cells[0])}


def result_row() -> dict:
    return (
        summarise([respond()], [record()])
        | audit([respond()], [record()])
        | stability(None)
        | monitor_summary(None, MONITOR)
    )


def test_every_symptom_of_reward_hacking_is_explained():
    assert {f"watch/{name}" for name in SYMPTOMS} == {name for name in TRAINING if name.startswith("watch/")} - {
        "watch/alarms"
    }


def test_every_training_metric_is_explained():
    assert entries("Training").keys() == set(TRAINING)


def test_every_metric_that_training_code_spells_out_is_explained():
    sources = [path for room in ("training", "objectives") for path in (ROOT / "alignment" / room).glob("*.py")]
    named = {name for path in sources for name in re.findall(r'"([a-z_]+/[a-z0-9_]+)"', path.read_text())}
    assert "groups/zero_variance" in named and "clip/k3" in named
    internal = {"tokens/sft"}  # a count that the SFT loop writes as `tokens`
    assert named - internal <= set(TRAINING)


def test_every_result_is_explained_and_nothing_else():
    explained = entries("Evaluation").keys() | entries("Stability").keys()
    assert explained - CHECKS.keys() - {"arm", "seed", "about", "left_out"} == result_row().keys()


def test_the_checks_and_their_kinds_are_those_of_the_code():
    found = {name: cells[1].strip() for name, cells in entries("Evaluation").items() if name in CHECKS}
    assert found == {name: "yes/no" if check.binary else "share" for name, check in CHECKS.items()}


@pytest.mark.parametrize("section", ["Training", "Stability"])
def test_every_line_says_what_it_is_and_what_is_healthy(section):
    for name, cells in entries(section).items():
        assert len(cells) == 4 and cells[1].strip(), name
        assert cells[3].strip() or name == "reward_change_se", name


def test_every_channel_of_every_preset_is_named():
    channels = {channel for preset in PRESETS.values() for channel in preset}
    assert {f"reward/{channel}" for channel in channels} <= set(re.findall(r"`(reward/\w+)`", TEXT))


def test_every_value_of_the_matrix_is_explained():
    scores = {cell.channel: np.full(1, cell.worst) for cell in MATRIX}
    filled = diagnose([mumble()], [record()], scores, PRESETS["quark"])
    (first, *_) = plain_rows(filled, propose(filled, 1.0, 1.0))
    assert entries("Matrix").keys() == first.keys()


def test_every_comparison_is_explained():
    (pair,) = compare_pairs({"a": {0: {"q": True}}, "b": {0: {"q": False}}})
    summary = seed_summary([{"arm": "a", "seed": 0}])[0]
    verdicts = hypotheses([], {}, None)[0]
    explained = entries("Comparisons").keys()
    assert pair.keys() - {"first", "second", "seed", "n", "reading"} <= explained
    assert summary["accuracy"].keys() - {"n"} <= explained
    assert {"stability", "verdict"} <= explained & (summary.keys() | verdicts.keys())
