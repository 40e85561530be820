"""Where a checkpoint folder comes from: the package, a path, a bucket, the Hub."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from etils import epath
from golden import make_golden as golden

from alignment.errors import UserError
from alignment.models import hf
from alignment.models.config import read_config


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return golden.write_model(tmp_path / "checkpoint", golden.MODELS["tied"])


def test_empty_path_is_the_embedded_base():
    folder = Path(hf.resolve_folder(""))
    assert folder.parts[-3:] == ("alignment", "assets", "nano")
    assert read_config(str(folder)).num_hidden_layers >= 1


def test_existing_folder_is_itself(checkpoint):
    assert hf.resolve_folder(str(checkpoint)) == str(checkpoint)


@pytest.mark.parametrize("path", ["/no/such/folder", "./models/mine", "mine", "a/b/c", "~/x"])
def test_missing_path_is_not_taken_for_a_hub_id(path, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: pytest.fail("asked the Hub"))
    with pytest.raises(UserError, match=f"{re.escape(path)}: no such folder; name a checkpoint folder or a Hub id"):
        hf.resolve_folder(path)


def test_hub_id_is_fetched_without_pickles(monkeypatch):
    asked = {}
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **kw: asked.update(name=name, **kw) or "/cache/x"
    )
    assert hf.resolve_folder("Qwen/Qwen2.5-0.5B-Instruct") == "/cache/x"
    assert asked["name"] == "Qwen/Qwen2.5-0.5B-Instruct"
    patterns = asked["allow_patterns"]
    kept = huggingface_hub.utils.filter_repo_objects(
        ["model.safetensors", "config.json", "merges.txt", "pytorch_model.bin", "model.py", "weights.pkl"],
        allow_patterns=patterns,
    )
    assert list(kept) == ["model.safetensors", "config.json", "merges.txt"]


def test_hub_id_offline(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="nobody/nothing: no such local folder, and the Hub cannot be reached"):
        hf.resolve_folder("nobody/nothing")


def test_hub_id_not_found(monkeypatch):
    def absent(*args, **kwargs):
        raise huggingface_hub.errors.RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", absent)
    with pytest.raises(UserError, match="nobody/nothing: neither a local folder nor a public model on the Hub"):
        hf.resolve_folder("nobody/nothing")


def test_remote_folder_is_copied_once(tmp_path, checkpoint, monkeypatch):
    (checkpoint / "pytorch_model.bin").write_bytes(b"pickle")
    (checkpoint / "logs").mkdir()
    local = hf.fetch_folder(epath.Path(checkpoint), tmp_path / "cache")
    assert sorted(file.name for file in local.iterdir()) == ["config.json", "model.safetensors"]
    assert (local / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()
    monkeypatch.setattr(hf, "copy_file", lambda *args: pytest.fail("copied again"))
    assert hf.fetch_folder(epath.Path(checkpoint), tmp_path / "cache") == local


def test_remote_folder_without_a_config(tmp_path):
    with pytest.raises(UserError, match="no config.json there"):
        hf.fetch_folder(epath.Path(tmp_path), tmp_path / "cache")


def test_bucket_is_fetched_into_the_users_cache(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(hf, "fetch_folder", lambda source, cache: asked.append((str(source), cache)) or tmp_path)
    monkeypatch.setattr(hf.pathlib.Path, "home", lambda: tmp_path)
    assert hf.resolve_folder("gs://bucket/model") == str(tmp_path)
    assert asked == [("gs://bucket/model", tmp_path / ".cache" / "clinical-alignment")]
