"""Numbers that are not finite: every device skips the step, the run stops with a diagnosis, nothing is sealed."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import CONFIG, experiment_config, grpo_batch, lora, params, sft_batch

from alignment.adapters.peft import save_peft
from alignment.adapters.stack import Stack, make_stack
from alignment.common.manifest import seal
from alignment.errors import UserError
from alignment.models.hf import save_params
from alignment.parallel.data_parallel import choose_devices, compile_step, place_frozen
from alignment.run.plan import execute
from alignment.run.setup import open_run
from alignment.training.loop import Session, run_loop
from alignment.training.losses import make_grpo_loss, make_sft_loss
from alignment.training.mismatch import mismatch, mismatch_sums
from alignment.training.state import Frozen, StageState, init_state
from alignment.training.step import Term, make_step

KEY = jax.random.key(5)
GRPO = Term("grpo", make_grpo_loss(CONFIG, temperature=0.8, clip_low=0.2, clip_high=0.2, remat=False))
OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))


def frozen():
    return Frozen(params(), make_stack({"reasoning": lora(1)}), Stack())


def same_bits(left, right) -> bool:
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("mode", "devices"),
    [pytest.param("jit", 1, marks=pytest.mark.ci), ("jit", 8), pytest.param("pmap", 8, marks=pytest.mark.ci)],
)
def test_a_step_that_is_not_finite_changes_nothing_on_any_device(mode, devices):
    """One advantage, on one device of eight, is NaN; the step after it is as if it had not been."""
    placement = choose_devices(mode, devices)
    run = compile_step(lambda axis: make_step((GRPO,), OPTIMIZER, axis), placement)
    placed, good = place_frozen(frozen(), placement), grpo_batch()
    bad = good.replace(advantages=good.advantages.at[5, 0].set(jnp.nan))
    start, metrics = run(init_state(lora(2), OPTIMIZER, KEY), placed, {"grpo": good})
    before = jax.device_get(start)
    assert metrics["update/skipped"] == 0 and metrics["update_norm"] > 0 and before.skipped == 0
    state, metrics = run(start, placed, {"grpo": bad})
    assert metrics["update/skipped"] == 1 and jnp.isnan(metrics["loss"]) and jnp.isnan(metrics["grad_norm"])
    after = jax.device_get(state)
    assert same_bits((after.lora, after.opt_state), (before.lora, before.opt_state))
    assert (after.step, after.skipped) == (2, 1)
    leaf = jax.tree.leaves(state.lora)[0]
    assert all(np.array_equal(shard.data, np.asarray(leaf)[shard.index]) for shard in leaf.addressable_shards)
    state, metrics = run(state, placed, {"grpo": good})
    undisturbed, _ = run(jax.tree.map(jnp.asarray, before), placed, {"grpo": good})
    assert same_bits(state.lora, undisturbed.lora) and (int(state.step), int(state.skipped)) == (3, 0)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("rate", "weights", "name"),
    [(1e30, 1.0, "update_norm"), (1e-2, jnp.nan, "loss"), (1e-2, jnp.inf, "grad_norm")],
    ids=["rate", "base", "infinity"],
)
def test_each_way_to_lose_the_numbers_is_seen(rate, weights, name):
    tree = params() | {"norm": params()["norm"].at[3].multiply(weights)}
    still = Frozen(tree, Stack(), Stack())
    optimizer = optax.adam(rate)
    run = jax.jit(make_step((Term("sft", make_sft_loss(CONFIG, remat=False)),), optimizer))
    state, metrics = run(init_state(lora(2), optimizer, KEY), still, {"sft": sft_batch()})
    assert int(state.skipped) == 1 and not jnp.isfinite(metrics[name])
    assert same_bits(state.lora, lora(2))


# ------------------------------------------------------------------------------------------------------------ the loop


def run_with(folder, rows, **options):
    """A loop over made-up rows: a step with a number that is not finite is skipped, as `make_step` does."""
    state = init_state(lora(2, rank=1), optax.sgd(0.1), KEY)

    def body(state, step):
        bad = any(not np.isfinite(value) for value in rows[step].values())
        train = state.train
        train = train.replace(step=train.step + 1, skipped=(train.skipped + 1) * bad)
        return StageState(train), dict(rows[step])

    session = Session(folder, "[1/2] seed 0 grpo", {}, **({"every": 2, "max_skipped": 3} | options))
    return run_loop(session, StageState(state), len(rows), body).train


GOOD = {"loss": 0.1, "grad_norm": 1.0, "learning_rate": 0.25}
BAD = {"loss": np.nan, "grad_norm": np.nan, "learning_rate": 0.25}
SFT = {"nll": np.nan} | BAD
REWARDED = {"reward/mean": 1.0, "kl/mean": np.nan, "advantage/std": np.nan} | BAD


@pytest.mark.parametrize(
    ("rows", "step", "words"),
    [
        ([BAD] * 9, 3, ("loss was not finite", "no step was ever taken", "model.path")),
        ([GOOD, *[SFT] * 9], 4, ("nll was not finite", "lower --config.sft.learning_rate (now 0.25)")),
        ([GOOD, BAD, BAD, GOOD, *[BAD] * 9], 7, ("loss was not finite", "learning rate")),
        ([GOOD | {"update_norm": np.inf}] * 9, 3, ("update_norm was not finite", "learning rate")),
        ([GOOD, GOOD | {"grad_norm": np.inf}], 2, ("grad_norm was not finite", "learning rate")),
        ([REWARDED] * 9, 3, ("advantage/std was not finite", "reward channel", "--config.grpo.channels")),
    ],
    ids=["base", "rate", "in a row", "update", "last step", "reward"],
)
def test_a_run_stops_with_a_diagnosis(tmp_path, rows, step, words):
    with pytest.raises(UserError) as stopped:
        run_with(tmp_path, rows)
    line = str(stopped.value)
    assert "\n" not in line and line.startswith(f"[1/2] seed 0 grpo: stopped at step {step}, after ")
    assert all(word in line for word in words) and "--config.train.max_skipped=3" in line
    written = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in written] == list(range(1, step + 1)) and written[-1]["nonfinite"]


def test_a_run_goes_on_after_fewer_and_with_0_for_ever(tmp_path):
    assert int(run_with(tmp_path / "few", [GOOD, BAD, BAD, GOOD]).step) == 4
    assert int(run_with(tmp_path / "never", [BAD] * 6, max_skipped=0).skipped) == 6


def test_steps_in_a_row_are_counted_across_a_resume(tmp_path):
    """Killed at step 3, after two skipped steps were saved: the third stops the run all the same."""
    rows = [BAD, BAD, {"loss": "kill"}]
    with pytest.raises(TypeError):
        run_with(tmp_path, rows)
    with pytest.raises(UserError, match="stopped at step 3, after 3 optimiser step"):
        run_with(tmp_path, [BAD] * 9)


# --------------------------------------------------------------------------------------------------------- whole stages


@pytest.mark.ci
@pytest.mark.parametrize(
    ("arm", "changes", "words"),
    [
        ("sft_cot", {"sft.learning_rate": 1e30}, "--config.sft.learning_rate (now"),
        ("sft_cot", {"sft.learning_rate": 1e12, "sft.epochs": 4}, "--config.sft.learning_rate (now"),
        ("grpo_only", {"grpo.learning_rate": 1e30}, "--config.grpo.learning_rate (now"),
        ("grpo_only", {"grpo.channels": ("effective_ratio=1e39",)}, "reward channel 'effective_ratio'"),
    ],
)
def test_a_stage_that_diverges_leaves_no_adapter(tmp_path, arm, changes, words):
    config = experiment_config(tmp_path / "tiny")
    config.arms = (arm,)
    config.update_from_flattened_dict(changes)
    with pytest.raises(UserError) as stopped:
        execute(open_run(config, str(tmp_path / "run")))
    assert words in str(stopped.value)
    assert not list((tmp_path / "run").rglob("adapter")) and not list((tmp_path / "run").rglob("responses.jsonl"))
    for path in (tmp_path / "run").rglob("metrics.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=pytest.fail)


# ------------------------------------------------------------------------------------------------------ what is written


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nothing_that_is_not_finite_is_exported_or_sealed(tmp_path, value):
    bad = lora(2)
    bad.modules["v_proj"]["b"] = bad.modules["v_proj"]["b"].at[1, 0, 0].set(value)
    with pytest.raises(UserError, match=r"adapter_model.safetensors: .*layers\.1\.self_attn\.v_proj\.lora_B.* NaN or"):
        save_peft(str(tmp_path / "adapter"), bad, "base")
    tree = params()
    tree["layers"]["q_proj"]["w"] = tree["layers"]["q_proj"]["w"].at[1, 0, 0].set(value)
    with pytest.raises(UserError, match=r"model\.safetensors: model\.layers\.1\.self_attn\.q_proj\.weight holds"):
        save_params(str(tmp_path / "merged"), tree, CONFIG)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_folder_with_a_bad_tensor_is_not_sealed(tmp_path, dtype):
    from safetensors.flax import save_file

    save_file({"good": jnp.ones(3, dtype), "bad": jnp.full(2, jnp.nan, dtype)}, str(tmp_path / "a.safetensors"))
    with pytest.raises(UserError, match=r"a\.safetensors: bad holds 2 value"):
        seal(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_metrics_of_the_sampler_do_not_hide_what_is_not_finite():
    mask = jnp.ones((1, 3), bool)
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        sums = mismatch_sums(jnp.array([[-1.0, bad, -2.0]]), jnp.array([[-1.0, -1.5, -2.0]]), mask)
        row = mismatch({name: float(value) / 3 for name, value in sums.items()})
        assert not np.isfinite(row["sampler/correlation"])
