"""The first call of every entry point: joining a group of processes before anything initialises a JAX backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import jax

from alignment.errors import UserError

_ADDRESS, _COUNT, _ID = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


def start(env: Mapping[str, str] = os.environ) -> None:
    """Call `jax.distributed.initialize` where `env` describes a group of processes; otherwise do nothing.

    A group is described by JAX_COORDINATOR_ADDRESS with JAX_NUM_PROCESSES and JAX_PROCESS_ID, or by `srun` or `mpirun`
    with more than one task. A TPU VM always counts as one, since only its metadata server knows the number of workers.

    Raises:
      UserError: there is more than one process, or the variables that name the group are incomplete.
    """
    arguments = group_arguments(env)
    if arguments is None:
        return
    if not jax.distributed.is_initialized():
        jax.distributed.initialize(**arguments)
    count = jax.process_count()
    if count > 1:
        raise UserError(
            f"{count} processes were started, but training over several hosts is not built yet; "
            "start one process on one host (on TPU a slice with a single worker, such as v5litepod-8)"
        )


def group_arguments(env: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the arguments of `jax.distributed.initialize`, or None where `env` describes a single process.

    With an empty dict JAX detects Slurm, Open MPI or TPU itself.

    Raises:
      UserError: JAX_COORDINATOR_ADDRESS is set, but the number or the id of the process is not.
    """
    if _ADDRESS in env:
        return {
            "coordinator_address": env[_ADDRESS],
            "num_processes": _read_number(env, _COUNT),
            "process_id": _read_number(env, _ID),
        }
    tasks = max(int(env.get(name, 1)) for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"))
    # Importing jax sets the first variable where TPU chips are attached, and the second where there are none.
    chips = "TPU_ML_PLATFORM" in env and "TPU_SKIP_MDS_QUERY" not in env
    return {} if tasks > 1 or (chips and "tpu" in (env.get("JAX_PLATFORMS") or "tpu,cpu")) else None


def _read_number(env: Mapping[str, str], name: str) -> int:
    if not env.get(name, "").isdecimal():
        raise UserError(
            f"{_ADDRESS} is set, but {name} is {env.get(name, 'not set')}; set it to a number or unset both"
        )
    return int(env[name])
