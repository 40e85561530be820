"""The distributed start: nothing in a single process, a clear refusal where there are several."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import jax
import pytest

from alignment.errors import UserError
from alignment.parallel.distributed import group_arguments, start

GROUP = {"JAX_COORDINATOR_ADDRESS": "host:1234", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
ENTRY_POINT = """
import sys
from alignment import cli
from alignment.parallel.distributed import start
sys.exit(cli.main(print, description="", start=start, argv=[]))
"""


@pytest.fixture
def calls(monkeypatch):
    """Record what reaches jax.distributed.initialize instead of opening a connection."""
    recorded = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **arguments: recorded.append(arguments))
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: False)
    return recorded


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"},  # inside an allocation, but not started by srun
        {"SLURM_STEP_NUM_TASKS": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1"},
        {"TPU_ML_PLATFORM": "JAX", "TPU_SKIP_MDS_QUERY": "1"},
        {"TPU_ML_PLATFORM": "JAX", "JAX_PLATFORMS": "cpu"},
    ],
)
def test_a_single_process_starts_nothing(env, calls):
    start(env)
    assert calls == []


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        (GROUP, {"coordinator_address": "host:1234", "num_processes": 2, "process_id": 1}),
        ({"SLURM_STEP_NUM_TASKS": "2"}, {}),
        ({"OMPI_COMM_WORLD_SIZE": "8"}, {}),
        ({"TPU_ML_PLATFORM": "JAX"}, {}),
        ({"TPU_ML_PLATFORM": "JAX", "JAX_PLATFORMS": "tpu,cpu"}, {}),
    ],
)
def test_a_group_is_joined_and_refused_when_larger_than_one(env, arguments, calls, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 1)
    start(env)
    assert calls == [arguments]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    with pytest.raises(UserError, match=r"^2 processes were started, but .* not built yet; start one process"):
        start(env)


def test_a_second_start_does_not_initialize_again(calls, monkeypatch):
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(jax, "process_count", lambda: 1)
    start(GROUP)
    assert calls == []


@pytest.mark.parametrize("missing", ["JAX_NUM_PROCESSES", "JAX_PROCESS_ID"])
@pytest.mark.parametrize("value", [None, "", "two"])
def test_incomplete_variables_are_named(missing, value):
    env = {name: text for name, text in GROUP.items() if name != missing} | ({} if value is None else {missing: value})
    with pytest.raises(UserError, match=f"{missing} is .*; set it to a number"):
        group_arguments(env)


@pytest.mark.ci
def test_two_real_processes_both_exit_with_the_message():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    env = os.environ | {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": "2", "JAX_PLATFORMS": "cpu"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ENTRY_POINT],
            env=env | {"JAX_PROCESS_ID": str(number)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2, errors
        assert "error: 2 processes were started" in errors and "Traceback" not in errors
