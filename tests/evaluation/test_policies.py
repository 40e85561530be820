"""Policies: what the flags name, where adapters lie, and which of them are refused before anything is answered."""

from __future__ import annotations

import json
from types import SimpleNamespace

import jax.numpy as jnp
import pytest
from tiny import CONFIG, lora

from alignment.adapters.peft import save_peft
from alignment.common.manifest import digest_of, seal
from alignment.errors import UserError
from alignment.evaluation.policies import PolicySpec, load_policy, locate_adapter, parse_policies

BASE = SimpleNamespace(config=CONFIG, fingerprint="abc")


def stage(folder, name: str, base: str = "abc", **more) -> None:
    """A finished stage as a run of ours leaves it."""
    save_peft(str(folder / name / "adapter"), lora(seed=1), "nano")
    seal(folder / name / "adapter")
    settings = {"base": base, "adapters below": {}, "stage": {"under": [], "merged": []}} | more
    (folder / name / "stage.json").write_text(json.dumps(settings | {"sha256": digest_of(settings)}))


def load(folder, name: str = "reward", force: bool = False):
    return load_policy(PolicySpec("p", {name: str(folder)}, (1.0,), "--adapters=x"), BASE, force)


def test_flags_name_one_policy_or_several_or_the_base():
    assert [spec.name for spec in parse_policies("", "", [])] == ["base"]
    (spec,) = parse_policies("reasoning=a/b,reward=gs://c/d", "1,0.5", [])
    assert (spec.folders, spec.gates) == ({"reasoning": "a/b", "reward": "gs://c/d"}, (1.0, 0.5))
    specs = parse_policies("", "", ["base:", "full: reasoning=a , reward=b gates=1,-1"])
    assert [(spec.name, dict(spec.folders), spec.gates) for spec in specs] == [
        ("base", {}, ()),
        ("full", {"reasoning": "a", "reward": "b"}, (1.0, -1.0)),
    ]


@pytest.mark.parametrize(
    "adapters, gates, policies, message",
    [
        ("", "1", [], "--adapters, which is missing"),
        ("reasoning", "", [], "not adapter=FOLDER"),
        ("a=x,a=y", "", [], "not adapter=FOLDER"),
        ("a=x", "1,2", [], "2 gates for 1 adapters"),
        ("a=x", "two", [], "one number an adapter"),
        ("a=x", "2.5", [], "gate 2.5 is out of range"),
        ("a=x", "nan", [], "gate nan is out of range"),
        ("", "", ["no colon"], "NAME: adapter=FOLDER"),
        ("", "", ["a:", "a:"], "two policies are called 'a'"),
    ],
)
def test_a_flag_that_cannot_be_meant_is_refused(adapters, gates, policies, message):
    with pytest.raises(UserError, match=message):
        parse_policies(adapters, gates, policies)


def test_an_adapter_is_looked_for_in_peft_folders_stages_seeds_and_workdirs(tmp_path):
    stage(tmp_path / "seed0", "reward")
    adapter = tmp_path / "seed0" / "reward" / "adapter"
    for folder in (adapter, adapter.parent, tmp_path / "seed0", tmp_path):
        assert locate_adapter("reward", str(folder), "--adapters") == adapter


def test_a_folder_without_a_finished_adapter_is_refused_with_what_it_lacks(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        locate_adapter("reward", str(tmp_path / "gone"), "--adapters")
    with pytest.raises(UserError, match="empty or half-written"):
        locate_adapter("reward", str(tmp_path), "--adapters")
    (tmp_path / "seed0" / "reward" / "checkpoints").mkdir(parents=True)
    with pytest.raises(UserError, match="reward is not finished"):
        locate_adapter("reward", str(tmp_path), "--adapters")
    stage(tmp_path / "seed0", "reasoning")
    (tmp_path / "seed1").mkdir()
    with pytest.raises(UserError, match="a workdir of 2 seeds"):
        locate_adapter("reasoning", str(tmp_path), "--adapters")


def test_gates_adapters_and_base_decide_the_hash_and_names_do_not(tmp_path):
    stage(tmp_path, "reward")
    specs = [
        PolicySpec(name, {"reward": str(tmp_path)}, (gate,), "") for name, gate in (("a", 1.0), ("b", 1.0), ("c", 0.5))
    ]
    first, second, third = (load_policy(spec, BASE) for spec in specs)
    assert first.digest == second.digest != third.digest
    other = SimpleNamespace(config=CONFIG, fingerprint="other")
    assert load_policy(specs[0], other, force=True).digest != first.digest
    assert third.describe()["adapters"][0]["gate"] == 0.5


def test_other_weights_are_refused_by_their_hash_unless_forced(tmp_path):
    stage(tmp_path, "reward", base="another")
    with pytest.raises(UserError, match="trained on other weights of this shape"):
        load(tmp_path)
    assert "--force" in load(tmp_path, force=True).notes[0]


def test_an_adapter_of_another_size_is_refused(tmp_path):
    save_peft(str(tmp_path), lora(config=CONFIG.replace(hidden_size=16, head_dim=4)), "elsewhere")
    with pytest.raises(UserError, match="made for another base: its q_proj has 2 layers from 16 to"):
        load(tmp_path)


def test_a_damaged_adapter_is_refused(tmp_path):
    stage(tmp_path, "reward")
    path = tmp_path / "reward" / "adapter" / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load(tmp_path)


def test_what_an_adapter_was_trained_on_top_of_is_remarked_where_it_is_missing(tmp_path):
    below = {"adapters below": {"reasoning": "hash"}, "stage": {"under": ["reasoning"], "merged": []}}
    stage(tmp_path, "reward", **below)
    assert "it is a probe" in load(tmp_path).notes[0]
    save_peft(str(tmp_path / "peft"), lora(), "elsewhere")
    assert "only its sizes were checked" in load(tmp_path / "peft").notes[0]


def test_the_gate_scales_the_adapter(tmp_path):
    stage(tmp_path, "reward")
    policy = load_policy(PolicySpec("p", {"reward": str(tmp_path)}, (-0.5,), ""), BASE)
    assert policy.stack.names == ("reward",)
    assert jnp.isclose(policy.stack.adapters[0].gate, -0.5)
