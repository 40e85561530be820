"""One update through the TPU compiler on a machine without a TPU: shapes in, memory and operations out.

No array of the model's size is ever made. A program that does not fit is refused by the compiler, with what it would
need; that is an answer, not a failure.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import re
import time
from collections.abc import Callable
from types import ModuleType
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
# Two ways in which the compiler says it: the first before it plans memory in detail, the second after.
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
    jax.config.update("jax_platforms", "cpu")  # the host's own backend is to look for no TPU


def versions() -> dict[str, str]:
    """What the figures depend on beside the program."""
    return {"jax": jax.__version__, "libtpu": importlib.metadata.version("libtpu")}


@functools.cache
def chip_sharding(chip: str) -> jax.sharding.SingleDeviceSharding:
    """Where arrays of a program for one `chip` are to lie."""
    from jax.experimental import topologies

    name, options = CHIPS[chip]
    return jax.sharding.SingleDeviceSharding(topologies.get_topology_desc(name, "tpu", **options).devices[0])


def parse_refusal(message: str) -> Refusal | None:
    """Needed and available memory of the compiler's refusal; None if the message is about something else."""
    for pattern in REFUSALS:
        match = pattern.search(message)
        if match:
            needed, unit, available, other = match.groups()
            return Refusal(float(needed) * UNITS[unit], float(available) * UNITS[other])
    return None


def plan(program: Program) -> dict[str, Any]:
    """Let the compiler plan one update's memory, in seconds, and return figures; see `fit.results.COLUMNS`.

    The program gets an argument that nobody reads and that no chip can hold: the compiler plans, finds that the sum is
    too much, says how much that is, and stops before it generates code, which takes minutes.
    """
    counts = _work(program, traced := _trace(program, BALLAST))
    try:
        traced.lower().compile()
    except Exception as error:  # whatever the compiler or a kernel's lowering has against the program is a result
        refusal = parse_refusal(str(error))
        if refusal is None:
            return counts | _failed(error)
        planned, available = refusal.needed - BALLAST, refusal.available
        return counts | {
            "fits": "yes" if planned <= available else "no",
            "available_gib": available / GIB,
            "planned_gib": planned / GIB,
        }
    raise UserError(
        f"--chips={program.chip}: the compiler takes {BALLAST / GIB:.0f} GiB more, so it says nothing of memory"
    )


def compile_whole(program: Program) -> dict[str, Any]:
    """Compile one update to the end, in minutes, and return its figures.

    Where the plan is somewhat too large the compiler tries to make do with less, so it takes a little more than `plan`
    says.
    """
    counts, began = _work(program, traced := _trace(program)), time.perf_counter()
    try:
        compiled = traced.lower().compile()
    except Exception as error:  # as above
        refusal = parse_refusal(str(error))
        return counts | (_failed(error) if refusal is None else {"fits": "no"})
    return counts | {"fits": "yes", "compile_s": time.perf_counter() - began} | _figures(compiled)


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
    """The loss of the program's way: what training runs, or one of the others."""
    way, setting = WAYS[program.way], program.setting
    if program.way in ("ours", "no_remat"):
        return update.our_loss(setting)
    return update.simple_loss(setting.config, way.shared, _head(way.head), way.remat)


def _head(name: str) -> str | Callable:
    """The implementation itself where its door would ask for a TPU to be here."""
    if name != "pallas_tpu":
        return name
    module: ModuleType = importlib.import_module(f"alignment.kernels.linear_logprob.{name}")
    return functools.partial(module.linear_logprob, temperature=1.0)


def abstract_inputs(setting: Setting, sharding: jax.sharding.Sharding) -> tuple[Any, Any, dict]:
    """State, frozen tree and batch of the update as shapes with this `sharding`; nothing is allocated."""
    state, frozen, batch = jax.eval_shape(functools.partial(update.make_inputs, setting))

    def shape(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)

    return jax.tree.map(shape, (state, frozen, {"grpo": batch}))
