"""Every metric that is written is declared, everything declared is written, and docs/metrics.md is made of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from evaluation.vignette import mumble, record, respond
from tiny import experiment_config

from alignment.arms import ARMS
from alignment.config import default_config
from alignment.errors import UserError
from alignment.evaluation.accuracy import summarise
from alignment.evaluation.auditability import audit
from alignment.evaluation.benchmark_scores import summarise_options
from alignment.evaluation.comparisons import compare_pairs, seed_summary
from alignment.evaluation.curves import read_curve
from alignment.evaluation.decoupling import decoupling
from alignment.evaluation.hypotheses import Study, answer_all
from alignment.evaluation.matrix import diagnose, plain_rows, propose
from alignment.evaluation.matrix_cells import MATRIX
from alignment.evaluation.plots import PANELS
from alignment.evaluation.preregistration import load_registration
from alignment.evaluation.sampled import summarise_samples
from alignment.evaluation.stability import WATCHED, stability
from alignment.evaluation.tables import COLUMNS
from alignment.evaluation.training_power import training_power
from alignment.metric_schema import METRICS, OLD_NAMES, REDUCTIONS, RESULTS, TRAINING, find_metric, reduce_steps
from alignment.rewards.registry import CHANNELS
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.text.audit_checks import CHECKS
from alignment.training.monitor import SYMPTOMS, MonitorConfig, monitor_summary

ROOT = Path(__file__).resolve().parents[1]
SPEC = importlib.util.spec_from_file_location("make_metrics", ROOT / "docs" / "make_metrics.py")
make_metrics = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_metrics)


def test_the_page_is_that_of_the_schema(tmp_path, capsys):
    committed = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert committed == make_metrics.page(), "run python docs/make_metrics.py"
    assert make_metrics.main([f"--out={tmp_path / 'metrics.md'}"]) == 0
    assert (tmp_path / "metrics.md").read_text(encoding="utf-8") == committed
    assert make_metrics.main(["kl/mean"]) == 0
    assert "kl/mean [nat / token]" in capsys.readouterr().out


def test_every_declaration_is_complete():
    for group, metrics in METRICS.items():
        for metric in metrics.values():
            assert metric.formula and metric.reduction in REDUCTIONS, metric.name
            if group not in ("channels", "symptoms", "checks"):
                paths = [ROOT / "alignment" / path.replace(".", "/") for path in metric.module.split(", ")]
                assert all(path.with_suffix(".py").exists() or path.is_dir() for path in paths), metric.name
    assert all(metric.healthy for name, metric in TRAINING.items() if name != "time/update")


def test_channels_symptoms_and_checks_are_those_of_the_code():
    assert METRICS["channels"].keys() == CHANNELS.keys()
    assert METRICS["symptoms"].keys() == SYMPTOMS.keys()
    kinds = {name: "yes/no" if check.binary else "share" for name, check in CHECKS.items()}
    assert {name: metric.unit for name, metric in METRICS["checks"].items()} == kinds


def test_results_matrix_and_comparisons_are_declared():
    row = summarise([respond()], [record()]) | audit([respond()], [record()]) | stability(None)
    row |= summarise_options([], []) | summarise_samples([], []) | training_power([]) | decoupling([])
    row |= monitor_summary(None, MonitorConfig(**default_config().watch))
    assert RESULTS.keys() - {"arm", "seed", "about", "left_out", "dev"} == row.keys()
    filled = diagnose([mumble()], [record()], {cell.channel: np.full(1, cell.worst) for cell in MATRIX}, {})
    assert METRICS["matrix"].keys() == plain_rows(filled, propose(filled, 1.0, 1.0))[0].keys()
    (pair,) = compare_pairs({"a": {0: {"q": True}}, "b": {0: {"q": False}}})
    summary = seed_summary([{"arm": "a", "seed": 0}])[0]
    written = pair.keys() | summary["accuracy"].keys() | summary.keys()
    assert METRICS["comparisons"].keys() <= written
    registration = load_registration(f"{ROOT}/configs/preregistration.toml", ARMS)
    assert METRICS["hypotheses"].keys() == answer_all(registration, Study([], {}, None, {}))[0].keys()
    assert pair.keys() - {"first", "second", "seed", "n", "reading"} <= METRICS["comparisons"].keys()


def test_the_report_reads_metrics_that_exist():
    for name in (*WATCHED, *(metric for metric, *_ in PANELS), *(column.key for column in COLUMNS)):
        assert find_metric(name).name == name


def test_a_metric_is_looked_up_by_key_pattern_and_old_name():
    assert find_metric("reward/mean").name == "reward/mean"
    assert find_metric("reward/my_package.brevity").name == "reward/<channel>"
    assert find_metric("watch/stem_copy").name == "watch/<symptom>"
    with pytest.raises(UserError, match="'time/wait' is now called 'time/device_wait'"):
        find_metric("time/wait")
    with pytest.raises(UserError, match="unknown metric 'losss'; did you mean 'loss'"):
        find_metric("losss")
    assert not OLD_NAMES.keys() & TRAINING.keys() and set(OLD_NAMES.values()) <= TRAINING.keys()


def test_a_curve_written_before_has_the_present_names(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "time/wait": 0.5, "kl/mean": 0.1}\n')
    assert read_curve(path) == [{"step": 1, "time/device_wait": 0.5, "kl/mean": 0.1}]


def test_the_steps_of_a_rollout_are_reduced_as_declared():
    rows = [
        {"loss": 1.0, "ratio/max": 2.0, "update/skipped": 1.0},
        {"loss": 3.0, "ratio/max": 5.0, "update/skipped": 1.0},
    ]
    assert reduce_steps(rows) == {"loss": 2.0, "ratio/max": 5.0, "update/skipped": 2.0}


@pytest.mark.ci
def test_a_run_writes_what_is_declared_and_nothing_else(tmp_path):
    config = experiment_config(tmp_path)
    config.arms = ("modular", "joint_mono")
    config.grpo.update(steps=2, reward="quark", normaliser="rfn", weighting="tri_factor", hard_safety=True)
    config.grpo.update(refill=1, importance_cap=2.0, beta=0.04, calibration_prompts=4, power_every=1)
    config.grpo.target_entropy = 9.0
    config.sft.holdout = 3
    config.data.retention = str(Path(__file__))
    outcomes = execute(open_run(config, str(tmp_path / "run")))
    rows = [row for path in (tmp_path / "run").glob("seed0/*/metrics.jsonl") for row in read_curve(path)]
    declared = {find_metric(name).name for row in rows for name in row}
    assert declared <= TRAINING.keys()
    assert TRAINING.keys() - declared == {"nonfinite", "clip/covariance"}
    assert {name for outcome in outcomes for name in outcome.row} == RESULTS.keys()
