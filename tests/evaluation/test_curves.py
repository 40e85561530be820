from __future__ import annotations

import math

import pytest

from alignment.errors import UserError
from alignment.evaluation.curves import compile_times, read_curve


def test_a_partial_last_line_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.4}\n{"step": 3, "lo')
    assert read_curve(path) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.4}]


def test_no_file_is_no_curve(tmp_path):
    assert read_curve(tmp_path / "metrics.jsonl") == []


def test_a_step_written_twice_counts_once_and_steps_come_in_order(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 1}\n{"step": 2, "loss": 2}\n{"step": 3, "loss": 3}\n{"step": 2, "loss": 5}\n')
    assert read_curve(path) == [{"step": 1, "loss": 1}, {"step": 2, "loss": 5}, {"step": 3, "loss": 3}]


def test_values_that_are_not_finite_survive_reading(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": NaN, "kl/mean": null}\n')
    (row,) = read_curve(path)
    assert math.isnan(row["loss"]) and row["kl/mean"] is None


@pytest.mark.parametrize("line", ["{broken", "[1]", '{"loss": 1}', '{"step": "x"}'])
def test_a_damaged_line_before_the_last_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')
    with pytest.raises(UserError, match=r"metrics\.jsonl:2: not a JSON object"):
        read_curve(path)


def test_compilations_are_added_over_steps_and_seeds():
    rows = [{"compilations": count, "time/compile": 2.0 * count, "time/step": 5.0} for count in (2, 0)]
    curves = {"modular": {0: rows, 1: rows[:1]}, "written before": {0: [{"time/step": 1.0}]}}
    assert compile_times(curves) == [
        {"arm": "modular", "compilations": 4, "time/compile": 8.0, "time/step": 15.0, "share": 8.0 / 15.0}
    ]
