"""The notebook runs from top to bottom and says what it claims."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

# After the cell of the configuration: every cell does what it says on less.
SMALLER = """
config.data.sft.count, config.data.rl.count, config.data.eval.count = 64, 16, 8
config.grpo.update(steps=2, max_new_tokens=32)
config.eval.max_new_tokens = 32
run = open_run(config, workdir)
"""
NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.mark.ci
def test_the_quickstart_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    configured = next(index for index, cell in enumerate(notebook.cells) if "open_run(config" in cell.source)
    notebook.cells.insert(configured + 1, nbformat.v4.new_code_cell(SMALLER))
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stdout"
    )
    for state in ("reasoning 0, reward 0", "reasoning 1, reward 0", "reasoning 0, reward 1", "reasoning 1, reward 1"):
        assert f"{state}:  accuracy" in printed
    assert "composite of rank 48" in printed


def test_the_committed_notebook_carries_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
