"""The built wheel carries the nano base, and the demonstration runs from it, far from the repository."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "arms": "base,modular",
    "data.sft.count": 16,
    "data.rl.count": 8,
    "data.eval.count": 8,
    "sft.epochs": 1,
    "sft.batch_size": 8,
    "grpo.steps": 1,
    "grpo.prompts": 2,
    "grpo.max_new_tokens": 16,
    "eval.max_new_tokens": 16,
}


@pytest.mark.ci
def test_the_wheel_runs_the_demonstration(tmp_path):
    ignore = shutil.ignore_patterns(".*", "runs", "build", "*.egg-info")
    source = shutil.copytree(ROOT, tmp_path / "source", ignore=ignore)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(build, check=True)
    shutil.rmtree(source)
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    nano = site / "alignment" / "assets" / "nano"
    recorded = json.loads((nano / "PROVENANCE.json").read_text())
    assert hashlib.sha256((nano / "model.safetensors").read_bytes()).hexdigest() in json.dumps(recorded)

    environment = os.environ | {"PYTHONPATH": str(site), "JAX_PLATFORMS": "cpu"}
    where = "import alignment; print(alignment.__file__)"
    found = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert found.stdout.startswith(str(site))
    command = [sys.executable, "-m", "alignment.ablate", f"--config={ROOT / 'configs' / 'demo.py'}", "--workdir=run"]
    command += [f"--config.{name}={value}" for name, value in TINY.items()]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    rows = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [row["arm"] for row in rows] == ["base", "modular"]
    assert "not for patient care" in (tmp_path / "run" / "report.html").read_text()
