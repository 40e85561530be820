"""Where a checkpoint folder comes from: the package, a path, a bucket, the Hub."""

from __future__ import annotations

import re
from pathlib import Path

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
    with pytest.raises(UserError, match=f"{re.escape(path)}: no such folder; name a checkpoint folder, a GGUF file or"):
        hf.resolve_folder(path)


def test_hub_id_offline():  # tests/conftest.py sets HF_HUB_OFFLINE
    with pytest.raises(UserError, match="nobody/nothing: not complete in the cache, and HF_HUB_OFFLINE is set; name a"):
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
    requested = []
    monkeypatch.setattr(hf, "fetch_folder", lambda source, cache: requested.append((str(source), cache)) or tmp_path)
    monkeypatch.setattr(hf.pathlib.Path, "home", lambda: tmp_path)
    assert hf.resolve_folder("gs://bucket/model") == str(tmp_path)
    assert requested == [("gs://bucket/model", tmp_path / ".cache" / "clinical-alignment")]
