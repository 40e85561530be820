"""The notebook runs from top to bottom, within its time, and says what it claims."""

from __future__ import annotations

import resource
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.ipynb"


def test_the_quickstart_runs_in_under_two_minutes(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []) if output.get("name") == "stdout"
    )
    for state in ("reasoning 0, reward 0", "reasoning 1, reward 0", "reasoning 0, reward 1", "reasoning 1, reward 1"):
        assert f"{state}:  accuracy" in printed
    assert "composite of rank 48" in printed
    # Two minutes of two cores, however busy they are with other things.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 240


def test_the_committed_notebook_carries_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
