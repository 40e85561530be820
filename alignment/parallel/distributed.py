"""The first call of every front door: joining a group of processes, before anything touches a backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import jax

from alignment.errors import UserError

_ADDRESS, _COUNT, _ID = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


def start(env: Mapping[str, str] = os.environ) -> None:
    """Call `jax.distributed.initialize` where `env` speaks of a group of processes; otherwise do nothing.

    A group is named by JAX_COORDINATOR_ADDRESS with JAX_NUM_PROCESSES and JAX_PROCESS_ID, by `srun` or `mpirun` with
    more than one task, or by being on a TPU VM, where only the metadata server knows how many workers there are.

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
    """Return the arguments for `jax.distributed.initialize`, or None where `env` describes a lone process.

    An empty dict leaves the rest to JAX's own detection of Slurm, Open MPI and TPU.
    """
    if _ADDRESS in env:
        return {
            "coordinator_address": env[_ADDRESS],
            "num_processes": _read(env, _COUNT),
            "process_id": _read(env, _ID),
        }
    launched_together = max(_tasks(env, "SLURM_STEP_NUM_TASKS"), _tasks(env, "OMPI_COMM_WORLD_SIZE")) > 1
    return {} if launched_together or _on_tpu_vm(env) else None


def _on_tpu_vm(env: Mapping[str, str]) -> bool:
    # Importing jax where TPU chips are attached sets the first; it sets the second where there are none.
    return (
        "TPU_ML_PLATFORM" in env
        and "TPU_SKIP_MDS_QUERY" not in env
        and "tpu" in (env.get("JAX_PLATFORMS") or "tpu,cpu")
    )


def _tasks(env: Mapping[str, str], name: str) -> int:
    return int(env.get(name, 1))


def _read(env: Mapping[str, str], name: str) -> int:
    if not env.get(name, "").isdecimal():
        raise UserError(
            f"{_ADDRESS} is set, but {name} is {env.get(name, 'not set')}; set it to a number or unset both"
        )
    return int(env[name])
