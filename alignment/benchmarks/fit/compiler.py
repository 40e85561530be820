"""Compile one update for a TPU on a machine without one, from shapes alone, and return its memory and operations.

No array of the model's size is made. The compiler refuses a program that does not fit and says what it would need;
such a refusal is a result.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import re
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from alignment.benchmarks.fit.grid import CHIPS, WAYS, Program
from alignment.benchmarks.fit.products import product_flops
from alignment.benchmarks.flops import update_work
from alignment.benchmarks.setting import Setting
from alignment.benchmarks.suites import update
from alignment.errors import UserError
from alignment.training.step import LossFn

INSTALL = 'on Python 3.12 or newer, pip install "jax>=0.12" "libtpu==0.0.50.*"'
OLDEST_JAX = (0, 12)
GIB = 2**30
BALLAST = 256 * GIB  # more than any chip has
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_AMOUNT = r"\(?([\d.]+)([KMGT]?)B?\)?"
# The compiler's two refusals: the first comes before it plans memory in detail, the second after.
REFUSALS = (
    re.compile(rf"memory required for[^()]{{0,80}}{_AMOUNT} exceeds available HBM {_AMOUNT}"),
    re.compile(rf"[Uu]sed {_AMOUNT} of {_AMOUNT} hbm"),
)


class Refusal(NamedTuple):
    """Why a program does not fit, in bytes."""

    needed: float
    available: float


def check_compiler() -> None:
    """Let libtpu compile without a TPU, in this process; call it before JAX starts a backend.

    Raises:
      UserError: libtpu is missing or JAX is too old, with what to install.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise UserError(f"--suite=fit needs libtpu, the TPU compiler, but no TPU: {INSTALL}")
    if jax.__version_info__[:2] < OLDEST_JAX:
        raise UserError(
            f"--suite=fit needs a newer JAX than {jax.__version__} for the libtpu it compiles with: {INSTALL}"
        )
    quiet = {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1", "TPU_WORKER_HOSTNAMES": "localhost"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    jax.config.update("jax_platforms", "cpu")  # the host's backend must not look for a TPU


def versions() -> dict[str, str]:
    """Return the versions of jax and libtpu, on which the figures depend beside the program."""
    return {"jax": jax.__version__, "libtpu": importlib.metadata.version("libtpu")}


@functools.cache
def chip_sharding(chip: str) -> jax.sharding.SingleDeviceSharding:
    """Return the sharding of the arrays of a program for one `chip`."""
    from jax.experimental import topologies

    name, options = CHIPS[chip]
    return jax.sharding.SingleDeviceSharding(topologies.get_topology_desc(name, "tpu", **options).devices[0])


def parse_refusal(message: str) -> Refusal | None:
    """Return the needed and the available memory of the compiler's refusal; None for any other message."""
    for pattern in REFUSALS:
        match = pattern.search(message)
        if match:
            needed, needed_unit, available, available_unit = match.groups()
            return Refusal(float(needed) * UNITS[needed_unit], float(available) * UNITS[available_unit])
    return None


def plan(program: Program) -> dict[str, Any]:
    """Let the compiler plan one update's memory, in seconds, and return figures; see `fit.results.COLUMNS`.

    The program gets an unused argument that no chip can hold. The compiler plans, reports that the sum is too large
    and how large it is, and stops before it generates code, which takes minutes.

    Raises:
      UserError: the compiler accepts that argument, so that it reports no memory.
    """
    work = _work(program, traced := _trace(program, BALLAST))
    try:
        traced.lower().compile()
    except Exception as error:  # every error of the compiler or of a kernel's lowering is a result
        refusal = parse_refusal(str(error))
        if refusal is None:
            return work | _failed(error)
        planned, available = refusal.needed - BALLAST, refusal.available
        return work | {
            "fits": "yes" if planned <= available else "no",
            "available_gib": available / GIB,
            "planned_gib": planned / GIB,
        }
    raise UserError(
        f"--chips={program.chip}: the compiler takes {BALLAST / GIB:.0f} GiB more, so it says nothing of memory"
    )


def compile_whole(program: Program) -> dict[str, Any]:
    """Compile one update to the end, in minutes, and return its figures.

    Where the plan is slightly too large the compiler tries to reduce it, so that it accepts a little more than `plan`.
    """
    work, began = _work(program, traced := _trace(program)), time.perf_counter()
    try:
        compiled = traced.lower().compile()
    except Exception as error:  # as above
        refusal = parse_refusal(str(error))
        return work | (_failed(error) if refusal is None else {"fits": "no"})
    return work | {"fits": "yes", "compile_s": time.perf_counter() - began} | _figures(compiled)


def _trace(program: Program, ballast: int = 0) -> Any:
    sharding, step = chip_sharding(program.chip), update.update_step(make_loss(program))
    weight = jax.ShapeDtypeStruct((ballast // 4,), jnp.float32, sharding=sharding)
    run = jax.jit(lambda state, frozen, batch, _: step(state, frozen, batch), donate_argnums=(0,), keep_unused=True)
    return run.trace(*abstract_inputs(program.setting, sharding), weight)


def _work(program: Program, traced: Any) -> dict[str, float]:
    return {
        "useful_gflop": update_work(program.setting).total / 1e9,
        "product_gflop": product_flops(traced.jaxpr) / 1e9,
    }


def _failed(error: Exception) -> dict[str, str]:
    return {"fits": "error", "reason": " ".join(f"{type(error).__name__}: {error}".split())[:300]}


def _figures(compiled: Any) -> dict[str, float]:
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    sizes = {
        "arguments_gib": memory.argument_size_in_bytes,
        "temporaries_gib": memory.temp_size_in_bytes,
        "output_gib": memory.output_size_in_bytes - memory.alias_size_in_bytes,
        "code_gib": memory.generated_code_size_in_bytes,
        "peak_gib": memory.peak_memory_in_bytes,
    }
    counted = {"counted_gflop": cost["flops"] / 1e9, "counted_gb": cost["bytes accessed"] / 1e9}
    intensity = cost["flops"] / cost["bytes accessed"]
    return {name: size / GIB for name, size in sizes.items()} | counted | {"intensity": intensity}


def make_loss(program: Program) -> LossFn:
    """Return the loss of `program.way`: the one that training runs, or a baseline."""
    way, setting = WAYS[program.way], program.setting
    if program.way in ("ours", "no_remat"):
        return update.our_loss(setting)
    head: str | Callable = way.head
    if head == "pallas_tpu":  # the function itself, since the kernel's api.py refuses it where there is no TPU
        module = importlib.import_module("alignment.kernels.linear_logprob.pallas_tpu")
        head = functools.partial(module.linear_logprob, temperature=1.0)
    return update.simple_loss(setting.config, way.shared, head, way.remat)


def abstract_inputs(setting: Setting, sharding: jax.sharding.Sharding) -> tuple[Any, Any, dict]:
    """Return state, frozen tree and batch of the update as shapes with `sharding`; nothing is allocated."""
    state, frozen, batch = jax.eval_shape(functools.partial(update.make_inputs, setting))

    def shape(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree.map(shape, (state, frozen, {"grpo": batch}))
