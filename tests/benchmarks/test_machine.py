"""What is said of the machine."""

from __future__ import annotations

import jax

from alignment.benchmarks import machine
from alignment.benchmarks.results import MACHINE


def test_every_column_about_the_machine_is_filled():
    description = machine.describe()
    assert tuple(description) == MACHINE
    assert (
        description["jax"] == jax.__version__
        and description["cores"] >= 1
        and description["memory_gb"] > 0.1
        and description["cpu"]
    )


def test_the_rate_is_operations_over_the_least_time(monkeypatch):
    seconds = iter([9.0, 2.0, 5.0, 1.0, 4.0, 4.0])
    monkeypatch.setattr(machine, "_seconds", lambda product, x: next(seconds))
    # 2 * 4^3 / 2 s = 64 a second, 2 * 8^3 / 1 s = 1024 a second
    assert machine.matmul_rate("float32", sides=(4, 8), tries=3) == 1024.0


def test_the_bandwidth_is_bytes_over_the_least_time(monkeypatch):
    seconds = iter((0.5, 0.25, 1.0))
    monkeypatch.setattr(machine, "_seconds", lambda *_: next(seconds))
    assert machine.read_rate(megabytes=1, tries=3) == 2**20 / 0.25
