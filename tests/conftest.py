"""Session settings shared by every test."""

from __future__ import annotations

import collections
import os
from pathlib import Path

import jax
import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# Eight simulated CPU devices, so that pmap and sharded jit are tested on any machine. Computations that name no device
# run on device 0, with the bits of one device on jax 0.10; since 0.12 the last bits may differ. Set here, as it must
# come before a backend starts; set through the configuration and not XLA_FLAGS so that programs started by a test see
# one device, as a user would.
jax.config.update("jax_num_cpu_devices", 8)

# Compiled programs are kept between tests, worker processes and sessions; started programs inherit the variables.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach for the network


# The first call of a property may compile, so no example has a time limit. Plain `pytest` tries the same few examples
# everywhere; `--hypothesis-profile=ci` (.ci/run) draws many new ones.
settings.register_profile("plain", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("ci", deadline=None, max_examples=100)
settings.load_profile("plain")

MOST_WORKERS = 8  # each holds about a gigabyte of libraries and compiled programs


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker a core for the whole suite; none for tests chosen by path or name, which end before workers start."""
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS or config.option.keyword
    return 0 if chosen else min(os.cpu_count() or 1, MOST_WORKERS)


# Files of a minute and more, the longest first: a worker that began one of them last would end long after the others.
LONG_FILES = (
    *("test_wheel", "test_run", "test_surroundings", "test_parity", "test_hub", "test_interrupts", "test_quickstart"),
    *("test_linear_logprob", "test_step", "test_update", "test_vocabulary", "test_metric_schema", "test_entry_point"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, then those with many tests; the order within a file stays."""
    counts = collections.Counter(item.path for item in items)
    ranks = {name: rank for rank, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: (ranks.get(item.path.stem, len(ranks)), -counts[item.path], str(item.path)))


MAPS = Path("/proc/self/maps")
MOST_MAPS = 20_000  # Linux gives a process 65,530 memory maps; every compiled program takes several and keeps them


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Drop compiled programs when they pile up: without memory maps left, the compiler aborts the whole process."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.fixture(scope="session")
def clinical_data() -> Path:
    """The folder of real clinical files named by CLINICAL_DATA_DIR; the test is skipped where it is unset."""
    folder = os.environ.get("CLINICAL_DATA_DIR")
    if not folder:
        pytest.skip("CLINICAL_DATA_DIR is unset: no real clinical files to read")
    if not Path(folder).is_dir():
        pytest.fail(f"CLINICAL_DATA_DIR={folder} is not a folder")
    return Path(folder).resolve()
