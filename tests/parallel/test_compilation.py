"""What a run asks of the compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alignment.parallel import compilation

# A program that takes seconds to compile: the memory a process holds after it, in MB, with and without giving back.
SCRIPT = """
import re, sys, jax, jax.numpy as jnp
from alignment.parallel import compilation
if sys.argv[1] == "True":
    compilation.return_compiler_memory()
def work(x):
    for i in range(300):
        x = jnp.tanh(x @ x * i) + x.T
    return x
jax.jit(work).lower(jnp.ones((64, 64))).compile()
print(int(re.search(r"VmRSS:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_compilers_memory_goes_back_to_the_system(monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    python = [sys.executable, "-c", SCRIPT]
    run = lambda back: subprocess.run([*python, str(back)], capture_output=True, text=True, check=True)  # noqa: E731
    kept, given_back = (float(run(back).stdout) for back in (False, True))
    print(f"{kept:.0f} MB kept, {given_back:.0f} MB after giving back")
    assert given_back < kept - 20


def test_short_compilations_and_other_events_are_let_pass(monkeypatch):
    calls, listeners = [], []
    monkeypatch.setattr(compilation, "release_freed_memory", lambda: calls.append(1))
    monkeypatch.setattr(compilation.jax.monitoring, "register_event_duration_secs_listener", listeners.append)
    compilation.return_compiler_memory.__wrapped__()
    for event, seconds in ((compilation.COMPILED, 0.01), ("/jax/other", 9.0), (compilation.COMPILED, 9.0)):
        listeners[0](event, seconds, fun_name="step")
    assert calls == [1]
