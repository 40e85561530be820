"""What a recipe needs on this machine: sizes by hand, verdicts, and the plan beside a measured update."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
import tiny

from alignment.adapters.stack import Stack
from alignment.benchmarks.fit import recipe
from alignment.benchmarks.setting import Setting, Size, parse_size
from alignment.config import default_config
from alignment.models import qwen2
from alignment.rollout import kv_cache
from alignment.rollout.sampling import SamplingConfig

SMALL = Setting("update", Size(32, 2, 4, 2, 48, 97), 2, 3, 8, 6)


@pytest.mark.parametrize(
    ("path", "layers"),
    [("Qwen/Qwen2.5-0.5B-Instruct", 24), ("someone/Qwen2.5-7B", 28), ("org/Qwen2.5-3b-Instruct-SFT", 36)],
)
def test_a_qwen_of_the_hub_is_known_by_its_name(path, layers):
    size, tied = recipe.model_size(path)
    assert size.layers == layers and tied == (layers != 28)


@pytest.mark.parametrize("path", ["org/some-model", "Qwen/Qwen2.5-14B-Instruct", "no/Qwen3-0.6B"])
def test_another_model_of_the_hub_is_unknown(path):
    assert recipe.model_size(path) is None


def test_folders_and_the_embedded_base_are_read(tmp_path):
    folder = tiny.write_folder(tmp_path / "base")
    assert recipe.model_size(str(folder)) == (Size(32, 2, 4, 2, 48, 448), True)
    assert recipe.model_size("")[0].layers == 4


def test_weights_and_cache_by_hand():
    """Embedding 97 x 32; a layer: q, o 32 x 32, k, v 32 x 16, three of 32 x 48, biases 64, norms 64; final norm 32."""
    layer = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + (32 + 16 + 16) + 64
    weights = 4 * (97 * 32 + 2 * layer + 32)
    assert recipe.weight_bytes(SMALL) == weights
    cache, logits = 5 * 14 * (2 * 2 * 2 * 8 * 4), 5 * 3 * 4 * 97
    assert recipe.rollout_bytes(SMALL, sequences=5) == 2 * weights + cache + logits
    # In bfloat16 a CPU holds the head and the completions' cache in float32 too.
    narrow, widened = dataclasses.replace(SMALL, dtype="bfloat16"), 4 * (97 * 32 + 5 * 6 * (2 * 2 * 2 * 8))
    assert recipe.rollout_bytes(narrow, sequences=5) == weights + cache / 2 + logits + widened
    long = dataclasses.replace(SMALL, prompt_len=512)  # five prompts at once: scores of four heads, three arrays of 48
    admitted, cache = 4 * 5 * 512 * (4 * 512 + 3 * 48), 5 * 518 * (2 * 2 * 2 * 8 * 4)
    assert recipe.rollout_bytes(long, sequences=5) == weights + cache + admitted


@pytest.mark.ci
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("prompt_len", "new_tokens"), [(16, 64), (512, 8)])
def test_a_rollout_is_what_the_compiler_plans_for_its_programs(dtype, prompt_len, new_tokens):
    """Decoding and prefill, each by itself, the larger of the two. Float32 decoding does not copy the embedding."""
    setting = Setting("update", Size(128, 2, 4, 2, 512, 8192), 4, 2, prompt_len, new_tokens, dtype=dtype)
    config, kind = setting.config, jnp.dtype(dtype)
    params = jax.eval_shape(lambda: qwen2.init_params(config, jax.random.key(0), kind))
    cache = jax.eval_shape(lambda: kv_cache.init_cache(config, kind, kind, (8, 1), (prompt_len, new_tokens)))
    rows = jax.ShapeDtypeStruct((8, prompt_len), int), jax.ShapeDtypeStruct((8, prompt_len), bool)
    slots, number = jax.ShapeDtypeStruct((8,), int), jax.ShapeDtypeStruct((), int)
    prefill = kv_cache.prefill_into.lower(cache, params, Stack(), *rows, slots, config=config)
    options = {"config": config, "sampling": SamplingConfig(), "stop_ids": (3,)}
    decode = kv_cache.decode_chunk.lower(cache, params, Stack(), number, number, **options)
    memory = [program.compile().memory_analysis() for program in (prefill, decode)]
    needed = max(each.argument_size_in_bytes + each.temp_size_in_bytes for each in memory)
    # Since jax 0.12 a CPU multiplies bfloat16 without copies in float32, which the plan goes on to count.
    most = 2.5 if dtype == "bfloat16" else 1.5
    assert 0.85 * needed <= recipe.rollout_bytes(setting, sequences=8) <= most * needed


def small_config(tmp_path):
    config = default_config()
    config.model.path = str(tiny.write_folder(tmp_path / "base"))
    config.prompt.max_tokens, config.grpo.max_new_tokens, config.sft.max_tokens = 16, 8, 24
    config.grpo.update(prompts=2, group_size=2)
    config.sft.batch_size = 2
    config.parallel.devices = 1
    return config


def test_what_does_not_fit_is_found_before_anything_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "_compiled_bytes", lambda *_: pytest.fail("compiled"))
    verdict = recipe.plan_recipe(small_config(tmp_path), available=recipe.GIB / 2)
    assert not verdict.fits and verdict.largest.part == "loading the weights"


@pytest.mark.ci
def test_every_part_is_planned_where_all_fit(tmp_path):
    verdict = recipe.plan_recipe(small_config(tmp_path), available=100 * recipe.GIB)
    parts = [need.part for need in verdict.needs]
    assert verdict.fits and parts == ["loading the weights", "a rollout", "a GRPO update", "an SFT update"]
    assert all(need.bytes > recipe.PROCESS_BYTES for need in verdict.needs)


def test_the_host_has_some_memory_left():
    total, available = recipe.host_memory()
    assert 0 < available <= total


@pytest.mark.long
def test_the_plan_is_near_the_measured_peak():
    """Within a quarter: the process itself takes 0.5 to 0.8 GiB, and not every page of a temporary is touched."""
    sizes = "256,4,4,2,768,4096"
    flags = ["--suite=update", f"--size={sizes}", "--prompts=8", "--prompt_len=256", "--new_tokens=128", "--repeats=1"]
    done = subprocess.run([sys.executable, "-m", "alignment.bench", *flags, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["peak_rss_mb"] * 1e6
    setting = Setting("update", parse_size(sizes), 8, 8, 256, 128)
    planned = recipe.PROCESS_BYTES + recipe.grpo_bytes(setting)
    assert planned == pytest.approx(measured, rel=0.25)
