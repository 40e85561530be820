"""The TPU compiler's door: what it says when it refuses, what is missing, and one real program for a chip not here."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from alignment.benchmarks.fit import compiler
from alignment.benchmarks.fit.grid import WAYS, Program
from alignment.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
GIB = 2**30


@pytest.mark.parametrize(
    ("message", "needed", "available"),
    [
        (
            "RESOURCE_EXHAUSTED: E1000: CompileTimeHbmOom: Ran out of memory on HBM, the total memory required for HLO "
            "temporaries (18.54G) exceeds available HBM (15.75G). HLO module: jit_f.",
            18.54 * GIB,
            15.75 * GIB,
        ),
        (
            "RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory in memory space hbm. Used 16.38G "
            "of 15.75G hbm. Exceeded hbm capacity by 640.2M.",
            16.38 * GIB,
            15.75 * GIB,
        ),
        ("the total memory required for HLO temporaries (1.5T) exceeds available HBM (512.00M)", 1536 * GIB, GIB / 2),
    ],
)
def test_a_refusal_gives_its_figures(message, needed, available):
    assert compiler.parse_refusal(message) == pytest.approx((needed, available))


def test_another_failure_is_no_refusal():
    assert compiler.parse_refusal("INTERNAL: Mosaic failed to compile TPU kernel: unsupported shape (8, 128)") is None


def test_a_failure_is_kept_with_its_reason():
    failure = compiler._failed(ValueError("Mosaic failed\n  to compile"))
    assert failure == {"fits": "error", "reason": "ValueError: Mosaic failed to compile"}


def test_without_libtpu_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"libtpu==0\.0\.50"):
        compiler.check_compiler()


def test_with_an_old_jax_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(jax, "__version_info__", (0, 10, 2))
    with pytest.raises(UserError, match=r"Python 3\.12"):
        compiler.check_compiler()


def test_seven_billion_parameters_are_never_allocated():
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    leaves = jax.tree.leaves(compiler.abstract_inputs(Program("v5e", "7b", 8, 16).setting, sharding))
    assert all(isinstance(leaf, jax.ShapeDtypeStruct) and leaf.sharding == sharding for leaf in leaves)
    weights = sum(math.prod(leaf.shape) * 2 for leaf in leaves if leaf.dtype == "bfloat16")
    assert weights == pytest.approx(2 * 7.616e9, rel=1e-3)


TINY = """
import json, sys
from alignment.benchmarks.fit import compiler, grid
from alignment.benchmarks.setting import Size
grid.SIZES["tiny"] = grid.Model(Size(128, 2, 2, 1, 256, 512), True)
compiler.check_compiler()
program = grid.Program("v5e", "tiny", 2, 16, sys.argv[1], 2)
print(json.dumps([compiler.plan(program), compiler.compile_whole(program)]))
"""


@pytest.mark.ci
@pytest.mark.parametrize("way", WAYS)
def test_a_tiny_update_compiles_for_a_v5e(way):
    try:
        compiler.check_compiler()
    except UserError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-c", TINY, way]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    planned, measured = json.loads(done.stdout.splitlines()[-1])
    assert planned["fits"] == measured["fits"] == "yes" and planned["available_gib"] == 15.75
    assert planned["planned_gib"] < 0.1 and planned["product_gflop"] == measured["product_gflop"]
    assert 0 < measured["arguments_gib"] < measured["peak_gib"] < 0.1
    assert measured["useful_gflop"] < measured["product_gflop"] < 3 * measured["useful_gflop"]
    assert 0 < measured["intensity"] == pytest.approx(measured["counted_gflop"] / measured["counted_gb"])
