"""The high-water mark sees what was held and forgets it on request."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from alignment.benchmarks import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets the mark be set back")
def test_the_peak_is_seen_and_set_back():
    memory.reset_peak()
    before = memory.peak_rss_mb()
    held = np.ones(25_000_000)  # 200 MB
    del held
    assert memory.peak_rss_mb() - before > 190
    memory.reset_peak()
    assert memory.peak_rss_mb() - before < 100


def test_without_a_process_folder_there_is_still_a_figure(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "PROCESS", tmp_path / "none")
    memory.reset_peak()
    assert memory.peak_rss_mb() > 1


def test_an_accelerator_tells_its_own_peak(monkeypatch):
    class Device:
        def memory_stats(self):
            return {"peak_bytes_in_use": 5_000_000}

    assert memory.peak_device_mb() is None  # a CPU
    monkeypatch.setattr(memory.jax, "devices", lambda: [Device()])
    assert memory.peak_device_mb() == 5.0
