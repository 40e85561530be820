"""What loading a real size costs in memory, beside the parameters themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from alignment.models.config import read_config

LOADER = """
import sys, jax, jax.numpy as jnp
from alignment.models.config import read_config
from alignment.models.hf import load_params
folder, dtype = sys.argv[1:]
jax.block_until_ready(jnp.zeros(8) + 1)
config = read_config(folder)
print("ready", flush=True)
input()
params = load_params(folder, config, dtype)
print(sum(leaf.nbytes for leaf in jax.tree.leaves(params)), flush=True)
input()
"""


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_loading_half_a_billion_needs_little_more_memory_than_the_parameters(tmp_path, clinical_data, dtype):
    if not Path("/proc/self/status").exists():
        pytest.skip("anonymous resident memory is read from /proc")
    folder = _half_billion(tmp_path, clinical_data)
    command = [sys.executable, "-c", LOADER, str(folder), dtype]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        before, samples = _anonymous(child.pid), []
        sampler = threading.Thread(target=_sample, args=(child, samples))
        sampler.start()
        print("go", file=child.stdin, flush=True)
        size = int(child.stdout.readline())
        child.kill()
        sampler.join()
    shutil.rmtree(folder)
    ratio = (max(samples) - before) / size
    print(f"{dtype}: anonymous memory rose by {ratio:.3f} of {size / 2**20:.0f} MiB")
    assert size > 9e8 and len(samples) > 50
    assert ratio <= 1.35


def _sample(child: subprocess.Popen, samples: list[int]) -> None:
    while child.poll() is None:
        samples.append(_anonymous(child.pid))
        time.sleep(0.001)


def _anonymous(pid: int) -> int:
    match = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return 1024 * int(match[1]) if match else 0


def _half_billion(tmp_path: Path, clinical_data: Path) -> Path:
    """The exact Qwen2.5-0.5B shape in bfloat16; what the numbers are does not matter."""
    folder = tmp_path / "half-billion"
    folder.mkdir()
    shutil.copy(clinical_data / "qwen25_tokenizer" / "config.Qwen2.5-0.5B-Instruct.json", folder / "config.json")
    config = read_config(str(folder))
    shapes = {name: each.stored_shape for each in config.parameters for name in each.stored_names}
    save_file(
        {name: np.ones(shape, ml_dtypes.bfloat16) for name, shape in shapes.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    return folder
