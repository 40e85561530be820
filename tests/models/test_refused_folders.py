"""What a user sees of a checkpoint folder that means something else: one line and status 2, from a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny import write_folder


def damage_weights(folder: Path) -> str:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 3] = np.nan
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return "model.safetensors: tensor model.layers.1.mlp.up_proj.weight holds values that are not finite"


def scale_positions(folder: Path) -> str:
    _edit(folder / "config.json", rope_scaling={"type": "yarn", "factor": 4.0})
    return "config.json: RoPE scaling of type 'yarn' is not supported"


def add_token(folder: Path) -> str:
    _edit(folder / "tokenizer_config.json", eos_token="<|stop|>")
    return "tokenizer_config.json: eos_token '<|stop|>' is not an added token of"


def write_nonsense_end(folder: Path) -> str:
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": "<|im_end|>"}))
    return "generation_config.json: eos_token_id holds '<|im_end|>'"


def _edit(path: Path, **fields) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.ci
@pytest.mark.parametrize("change", [damage_weights, scale_positions, add_token, write_nonsense_end])
def test_a_folder_that_means_something_else_is_one_line_and_status_2(tmp_path, change):
    folder = write_folder(tmp_path / "base")
    message = change(folder)
    flags = ["--config.arms=base", f"--config.model.path={folder}", f"--workdir={tmp_path / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-m", "alignment.ablate", *flags],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 2, done.stderr
    assert f"{folder}/{message}" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
