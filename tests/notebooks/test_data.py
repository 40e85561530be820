"""The data notebook runs from top to bottom and shows what it says."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from alignment.data.sources import SOURCES
from alignment.data.vignettes import FAMILIES

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "data.ipynb"


@pytest.mark.ci
def test_the_data_notebook_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs if output.get("name") == "stdout")
    lines = printed.splitlines()
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in SOURCES)
    assert all(f"[{family}]" in lines for family in FAMILIES)
    assert "['r1'] stay" in lines and "| exam | 1 | 1 | 0 | 1 | 1 |" in lines
    assert "39 records;" in printed and "options A and B have equal text" in printed
    assert "pretty_name: Clinical vignettes" in printed and "packed" in printed


def test_the_committed_notebook_carries_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
