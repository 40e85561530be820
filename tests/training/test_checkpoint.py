"""Checkpoints: what comes back is bit for bit what went in, or the step before, with a message."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from etils import epath

from alignment.common import manifest
from alignment.common.fingerprint import fingerprint
from alignment.common.manifest import find_corruption, seal
from alignment.errors import UserError
from alignment.training import checkpoint
from alignment.training.checkpoint import restore_latest, save


def make_state(seed: int) -> dict:
    """A small training state with every kind of leaf a stage saves."""
    keys = jax.random.split(jax.random.key(seed), 3)
    lora = {"a": jax.random.normal(keys[0], (2, 5, 3)), "b": jax.random.normal(keys[1], (2, 3, 5), jnp.bfloat16)}
    return {
        "lora": lora,
        "optimizer": optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3)).init(lora),
        "step": jnp.int32(seed),
        "key": keys[2],
        "keys": jax.random.split(jax.random.key(seed, impl="rbg"), 2),
        "order": np.arange(7, dtype=np.int64) * seed,
        "special": jnp.array([3.4e38, -0.0, -1.0, 1e-45], jnp.float32),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two intact checkpoints, steps 10 and 20."""
    for step in (10, 20):
        save(tmp_path, step, make_state(step), {"offset": step})
    return tmp_path


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def restored_step(folder: Path) -> tuple[int, list[str]]:
    """Restore, check the state against the one saved at that step, and return the step and what was logged."""
    messages = []
    step, state, meta = restore_latest(folder, make_state(0), log=messages.append)
    assert fingerprint(state) == fingerprint(make_state(step))
    assert meta == {"offset": step}
    return step, messages


def test_round_trip_is_bit_identical(tmp_path):
    state = make_state(3)
    save(tmp_path, 3, state, {"hash": "abc", "offset": 12})
    step, restored, meta = restore_latest(tmp_path, make_state(0))
    assert (step, meta) == (3, {"hash": "abc", "offset": 12})
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    assert fingerprint(restored) == fingerprint(state)
    assert restored["lora"]["b"].dtype == jnp.bfloat16
    assert type(restored["optimizer"][1][0]) is optax.ScaleByAdamState
    assert isinstance(restored["order"], np.ndarray) and restored["order"].dtype == np.int64
    np.testing.assert_array_equal(np.signbit(restored["special"]), [False, True, True, False])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_what_is_not_finite_is_never_saved(folder, value, dtype):
    """It is named, and the earlier checkpoints are as they were."""
    state = make_state(30) | {"moment": jnp.zeros((2, 3), dtype).at[1, 2].set(value)}
    with pytest.raises(UserError, match=r"30: moment holds 1 value\(s\) that are NaN or infinite"):
        save(folder, 30, state, {})
    assert sorted(path.name for path in folder.iterdir()) == ["10", "20"]
    assert all(find_corruption(folder / name) is None for name in ("10", "20"))


def test_restored_keys_draw_the_same_numbers(tmp_path):
    state = make_state(5)
    save(tmp_path, 1, state, {})
    _, restored, _ = restore_latest(tmp_path, make_state(0))
    assert jax.random.key_impl(restored["keys"]) == "rbg"
    np.testing.assert_array_equal(jax.random.normal(restored["key"], (9,)), jax.random.normal(state["key"], (9,)))
    np.testing.assert_array_equal(jax.random.bits(restored["keys"][1]), jax.random.bits(state["keys"][1]))


def test_like_may_be_shapes_only(tmp_path):
    state = {"a": jnp.arange(6.0).reshape(2, 3), "key": jax.random.key(1)}
    save(tmp_path, 1, state, {})
    _, restored, _ = restore_latest(tmp_path, jax.eval_shape(lambda: state))
    assert fingerprint(restored) == fingerprint(state)


def test_arrays_return_to_where_like_lies(tmp_path):
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    spread = jax.device_put(jnp.arange(16.0), sharding)
    save(tmp_path, 1, {"spread": spread, "free": jnp.ones(3)}, {})
    _, restored, _ = restore_latest(tmp_path, {"spread": jnp.zeros_like(spread), "free": jnp.zeros(3)})
    assert restored["spread"].sharding == sharding
    np.testing.assert_array_equal(restored["spread"], np.arange(16.0))
    assert not restored["free"].committed  # else it could not meet arrays of other devices in one computation


def test_restored_state_survives_donation(tmp_path):
    save(tmp_path, 1, {"a": jnp.arange(4096.0)}, {})
    _, restored, _ = restore_latest(tmp_path, {"a": jnp.zeros(4096)})
    doubled = jax.jit(lambda a: a * 2, donate_argnums=0)(restored["a"])
    np.testing.assert_array_equal(doubled, np.arange(4096.0) * 2)


def test_nothing_to_restore(tmp_path):
    messages = []
    assert restore_latest(tmp_path / "never made", make_state(0), log=messages.append) is None
    assert messages == []


def test_keeps_the_newest_two(folder):
    save(folder, 30, make_state(30), {"offset": 30})
    assert sorted(path.name for path in folder.iterdir()) == ["20", "30"]
    assert restored_step(folder) == (30, [])


def test_steps_order_as_numbers(tmp_path):
    for step in (9, 10):
        save(tmp_path, step, make_state(step), {"offset": step})
    assert restored_step(tmp_path)[0] == 10


def test_saving_an_earlier_step_ends_the_abandoned_line(folder):
    save(folder, 15, make_state(15), {"offset": 15})
    assert sorted(path.name for path in folder.iterdir()) == ["10", "15"]
    assert restored_step(folder)[0] == 15


def test_a_step_can_be_saved_again(folder):
    save(folder, 20, make_state(21), {"offset": 21})
    step, state, _ = restore_latest(folder, make_state(0))
    assert step == 20 and fingerprint(state) == fingerprint(make_state(21))


def test_a_bit_flip_in_any_file_falls_back(folder, tmp_path_factory):
    names = [path.relative_to(folder) for path in files_of(folder / "20")]
    assert len(names) > 5 and Path("20/MANIFEST.json") in names
    for name in names:
        copy = tmp_path_factory.mktemp("copy") / "checkpoints"
        shutil.copytree(folder, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 4
        (copy / name).write_bytes(content)
        step, messages = restored_step(copy)
        assert step == 10, name
        assert len(messages) == 1 and name.name in messages[0] and messages[0].endswith("falling back to step 10")


def test_every_bit_of_the_manifest_counts(folder):
    manifest = folder / "20" / "MANIFEST.json"
    good = manifest.read_bytes()
    for bit in range(0, 8 * len(good), 7):  # a stride coprime to 8 visits every bit position
        content = bytearray(good)
        content[bit // 8] ^= 1 << bit % 8
        manifest.write_bytes(content)
        assert find_corruption(folder / "20"), f"bit {bit}"
    manifest.write_bytes(good)
    assert find_corruption(folder / "20") is None


@pytest.mark.parametrize("keep_bytes", [0, 10])
def test_a_truncated_file_falls_back(folder, keep_bytes):
    data = max(files_of(folder / "20" / "arrays"), key=lambda path: path.stat().st_size)
    data.write_bytes(data.read_bytes()[:keep_bytes])
    step, messages = restored_step(folder)
    assert step == 10 and data.name in messages[0]


def test_a_truncated_manifest_falls_back(folder):
    manifest = folder / "20" / "MANIFEST.json"
    manifest.write_text(manifest.read_text()[:100])
    assert restored_step(folder)[0] == 10


def test_missing_files_fall_back(folder):
    for path in files_of(folder / "20" / "arrays"):
        content = path.read_bytes()
        path.unlink()
        step, messages = restored_step(folder)
        assert step == 10 and "missing" in messages[0]
        path.write_bytes(content)
    assert restored_step(folder) == (20, [])


def test_a_missing_manifest_is_an_unfinished_save(folder):
    (folder / "20" / "MANIFEST.json").unlink()
    step, messages = restored_step(folder)
    assert step == 10 and "not finished" in messages[0] and str(folder / "20") in messages[0]


def test_all_damaged_starts_over_and_says_so(folder):
    for step in ("10", "20"):
        (folder / step / "state.json").write_text("{}")
    messages = []
    assert restore_latest(folder, make_state(0), log=messages.append) is None
    assert len(messages) == 2 and all("starts from its beginning" in message for message in messages)


class Killed(BaseException):
    """Stands for a kill: nothing of ours may run after it, so the clean-up is disabled with it."""


@pytest.mark.parametrize("moment", ["_write", "rename", "seal"])
def test_a_kill_at_any_moment_leaves_the_step_before(folder, monkeypatch, moment):
    monkeypatch.setattr(checkpoint, "_remove", lambda path: None)
    if moment == "rename":
        monkeypatch.setattr(checkpoint, "_publish", _raise_killed)
    else:
        monkeypatch.setattr(checkpoint, moment, _partly(getattr(checkpoint, moment), moment))
    with pytest.raises(Killed):
        save(folder, 30, make_state(30), {"offset": 30})
    monkeypatch.undo()
    assert len(list(folder.iterdir())) == 3, "the unfinished save should still lie there"
    step, messages = restored_step(folder)
    assert step == 20 and "not finished" in messages[0]
    save(folder, 30, make_state(30), {"offset": 30})
    assert restored_step(folder) == (30, [])
    assert sorted(path.name for path in folder.iterdir()) == ["20", "30"]


SAVE_WITHOUT_END = """
import itertools, sys
import jax.numpy as jnp
from alignment.training.checkpoint import restore_latest, save
like = {"a": jnp.zeros(4096)}
found = restore_latest(sys.argv[1], like, log=lambda message: None)
for step in itertools.count(found[0] + 1 if found else 1):
    save(sys.argv[1], step, {"a": jnp.full(4096, step, jnp.float32)}, {"offset": step})
    print(step, flush=True)
"""


@pytest.mark.ci
def test_a_real_kill_never_loses_what_was_reported_saved(tmp_path):
    env = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    saved = 0
    for wait in (0.011, 0.047, 0.083):  # a save takes about 0.05 s
        command = [sys.executable, "-c", SAVE_WITHOUT_END, str(tmp_path)]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
            first = int(process.stdout.readline())
            assert first > saved
            time.sleep(wait)
            process.kill()
            saved = max([first, *map(int, process.stdout.read().split())])
        step, state, meta = restore_latest(tmp_path, {"a": jnp.zeros(4096)}, log=lambda message: None)
        assert step >= saved and meta == {"offset": step}
        np.testing.assert_array_equal(state["a"], np.full(4096, step))


def _raise_killed(*_):
    raise Killed


def _partly(function, moment):
    """Do the work of `function` and then undo the end of it, as if it had been killed on the way."""

    def killed(target, *rest):
        function(target, *rest)
        last = target / ("MANIFEST.json" if moment == "seal" else "state.json")
        last.unlink()
        raise Killed

    return killed


def _full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def _tensorstore_full(*_, **__):
    raise ValueError("RESOURCE_EXHAUSTED: Failed to write 9 bytes: No space left on device [os_error_code='28']")


@pytest.mark.parametrize(
    ("owner", "name", "failure"),
    [
        (ocp.StandardCheckpointer, "save", _full_disk),
        (ocp.StandardCheckpointer, "save", _tensorstore_full),
        (checkpoint, "_write", _full_disk),
        (checkpoint, "seal", _full_disk),
        (manifest, "sync", _full_disk),
    ],
)
def test_a_full_disk_is_one_clear_message(folder, monkeypatch, owner, name, failure):
    monkeypatch.setattr(owner, name, failure)
    with pytest.raises(UserError, match=r"disk is full.*step 30 .*free some space") as caught:
        save(folder, 30, make_state(30), {"offset": 30})
    assert "\n" not in str(caught.value)
    monkeypatch.undo()
    assert sorted(path.name for path in folder.iterdir()) == ["10", "20"]
    assert restored_step(folder) == (20, [])


def test_other_errors_are_not_called_a_full_disk(folder, monkeypatch):
    def broken(*_, **__):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(ocp.StandardCheckpointer, "save", broken)
    with pytest.raises(OSError, match="Permission denied"):
        save(folder, 30, make_state(30), {})
    monkeypatch.undo()
    assert restored_step(folder) == (20, [])


def test_other_shapes_are_refused_by_name(tmp_path):
    save(tmp_path, 1, {"lora": {"a": jnp.ones((2, 4))}}, {})
    with pytest.raises(UserError, match=r"lora\.a is float32\[2,4\] in the checkpoint but float32\[2,8\] in this run"):
        restore_latest(tmp_path, {"lora": {"a": jnp.ones((2, 8))}})
    with pytest.raises(UserError, match=r"lora\.b is absent in the checkpoint"):
        restore_latest(tmp_path, {"lora": {"a": jnp.ones((2, 4)), "b": jnp.ones(1)}})
    with pytest.raises(UserError, match="in the checkpoint but absent in this run"):
        restore_latest(tmp_path, {"lora": {}})


def test_another_environment_is_told(tmp_path, monkeypatch):
    save(tmp_path, 1, {"a": jnp.ones(2)}, {})
    current = checkpoint.environment()
    monkeypatch.setattr(checkpoint, "environment", lambda: {**current, "jax": "0.0.1", "cores": 999})
    messages = []
    assert restore_latest(tmp_path, {"a": jnp.zeros(2)}, log=messages.append)[0] == 1
    assert any("jax was" in message and "is 0.0.1" in message for message in messages)
    assert any("cores was" in message for message in messages)


def test_meta_must_be_strict_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path, 1, {"a": jnp.ones(2)}, {"reward": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_fingerprint_sees_one_bit():
    tree = {"a": jnp.ones((2, 3)), "b": jnp.zeros(4, jnp.bfloat16)}
    same = {"b": jnp.zeros(4, jnp.bfloat16), "a": jnp.ones((2, 3))}
    assert fingerprint(tree) == fingerprint(same)
    assert fingerprint(tree) != fingerprint({**tree, "a": tree["a"].at[0, 0].set(np.nextafter(np.float32(1), 2))})
    assert fingerprint(tree) != fingerprint({**tree, "a": tree["a"].reshape(3, 2)})
    assert fingerprint(tree) != fingerprint({"a": tree["a"], "c": tree["b"]})


def test_manifest_lists_every_other_file(folder):
    listed = json.loads((folder / "20" / "MANIFEST.json").read_text())["files"]
    names = {path.relative_to(folder / "20").as_posix() for path in files_of(folder / "20")}
    assert set(listed) == names - {"MANIFEST.json"}


def test_paths_may_be_epath(tmp_path):
    save(epath.Path(tmp_path) / "deep" / "er", 1, {"a": jnp.ones(2)}, {})
    assert restore_latest(str(tmp_path / "deep" / "er"), {"a": jnp.zeros(2)})[0] == 1


def test_a_relative_folder_is_as_good(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("run", 3, make_state(3), {"offset": 3})
    monkeypatch.chdir(tmp_path / "run")
    step, state, _ = restore_latest(os.curdir, make_state(0))
    assert step == 3
    assert fingerprint(state) == fingerprint(make_state(3))


def test_a_checkpoint_of_another_layout_is_refused_in_one_line_that_says_to_start_again(tmp_path):
    """Checkpoints of version 0.1.0 name no layout: they held host and device state in one tree."""
    folder = tmp_path / "seed0" / "reward" / "checkpoints"
    save(folder, 2, {"a": jnp.ones(2)}, {})
    state = json.loads((folder / "2" / "state.json").read_text())
    del state["layout"]
    (folder / "2" / "state.json").write_text(json.dumps(state))
    seal(epath.Path(folder) / "2")
    with pytest.raises(UserError, match="delete .*/seed0/reward to start this stage again") as refused:
        restore_latest(folder, {"a": jnp.zeros(2)})
    assert "\n" not in str(refused.value)
