"""The cache of compiled programs, and the release of the compiler's memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from alignment.parallel import compilation

# A program that takes seconds to compile: the memory a process holds after it, in MB, with and without its release.
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


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_compilers_memory_goes_back_to_the_system(monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    python = [sys.executable, "-c", SCRIPT]
    run = lambda back: subprocess.run([*python, str(back)], capture_output=True, text=True, check=True)  # noqa: E731
    without, after_release = (float(run(back).stdout) for back in (False, True))
    print(f"{without:.0f} MB without, {after_release:.0f} MB after the release")
    assert after_release < without - 20


def test_short_compilations_and_other_events_are_let_pass(monkeypatch):
    calls, listeners = [], []
    monkeypatch.setattr(compilation, "release_freed_memory", lambda: calls.append(1))
    monkeypatch.setattr(compilation.jax.monitoring, "register_event_duration_secs_listener", listeners.append)
    compilation.return_compiler_memory.__wrapped__()
    for event, seconds in ((compilation.COMPILED, 0.01), ("/jax/other", 9.0), (compilation.COMPILED, 9.0)):
        listeners[0](event, seconds, fun_name="step")
    assert calls == [1]


CACHED = """
import jax, jax.numpy as jnp
from alignment.parallel.compilation import set_up_compilation
set_up_compilation()
if jax.config.jax_persistent_cache_min_compile_time_secs < 1:
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
print(jax.jit(lambda x: jnp.tanh(x @ x).sum())(jnp.ones((3, 3))))
"""


@pytest.mark.ci
@pytest.mark.parametrize("below", ["", "/jax"])
def test_a_cache_of_programs_that_cannot_be_written_is_one_warning(tmp_path, below):
    (tmp_path / "file").write_text("")
    env = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{tmp_path}/file{below}", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", CACHED], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("warning: compiled programs are not kept: JAX_COMPILATION_CACHE_DIR") == 1
    assert "Error" not in run.stderr


@pytest.mark.ci
def test_a_damaged_entry_of_the_cache_is_compiled_again(tmp_path):
    env = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    once = subprocess.run([sys.executable, "-c", CACHED], env=env, capture_output=True, text=True)
    entries = list(tmp_path.glob("*-cache"))
    assert entries
    for entry in entries:
        content = entry.read_bytes()
        entry.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    again = subprocess.run([sys.executable, "-c", CACHED], env=env, capture_output=True, text=True)
    assert (once.returncode, again.returncode) == (0, 0) and once.stdout == again.stdout


def test_compilations_are_counted_with_their_time(monkeypatch):
    listeners = []
    monkeypatch.setattr(compilation.jax.monitoring, "register_event_duration_secs_listener", listeners.append)
    compiled = compilation.watch_compilations.__wrapped__()
    assert compiled() == (0, 0.0)
    for event, duration in ((compilation.COMPILED, 3.0), (compilation.COMPILED, 0.125), ("/jax/other", 9.0)):
        listeners[0](event, duration)
    assert compiled() == (1, 3.125)
