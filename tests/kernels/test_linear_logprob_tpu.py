"""The TPU kernel compiled ahead of time for chips that are not here, in processes of their own: libtpu wants one."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import jax, jax.numpy as jnp
from jax.experimental import topologies
from alignment.kernels.linear_logprob import pallas_tpu

topology, tokens, dim, vocab, dtype = json.loads(sys.argv[1])
chip = jax.sharding.SingleDeviceSharding(topologies.get_topology_desc(topology, "tpu").devices[0])
shapes = ((tokens, dim), dtype), ((vocab, dim), dtype), ((tokens,), "int32")
abstract = [jax.ShapeDtypeStruct(shape, jnp.dtype(kind), sharding=chip) for shape, kind in shapes]
scalar = lambda *given: pallas_tpu.linear_logprob(*given, 0.7).log_prob.sum()
found = {}
for name, function in (("forward", scalar), ("gradient", jax.value_and_grad(scalar))):
    program = jax.jit(function).lower(*abstract).compile()
    found[name] = [program.memory_analysis().temp_size_in_bytes, program.cost_analysis()["flops"]]
print(json.dumps(found))
"""


@pytest.mark.ci
@pytest.mark.parametrize("topology", ["v5e:2x4", "v5p:2x2x1"])
@pytest.mark.parametrize(
    ("tokens", "dim", "dtype"), [(2048, 896, "bfloat16"), (2000, 896, "float32"), (2048, 3584, "bfloat16")]
)
def test_it_compiles_ahead_of_time(topology, tokens, dim, dtype):
    if importlib.util.find_spec("libtpu") is None:
        pytest.skip("libtpu, the TPU compiler, is not installed (pip install libtpu)")
    vocab = 151_936
    environment = os.environ | {"TPU_SKIP_MDS_QUERY": "1", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([topology, tokens, dim, vocab, dtype])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    for passes, (temporary, operations) in zip((1, 2), result.values(), strict=True):
        # The cotangent, stacked [T, D] float32 arrays and per-token numbers, but nothing of the vocabulary's size.
        assert temporary < 3 * tokens * dim * 4 + 2 * tokens * 128 * 4
        product = 2 * tokens * vocab * dim
        assert passes * product <= operations < 1.1 * passes * product
