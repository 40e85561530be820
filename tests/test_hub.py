"""Models and data sets from the Hub, as a user's process fetches them: fresh interpreters against a Hub on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import pytest
from huggingface_hub import errors
from loopback_hub import TOKEN, LoopbackHub
from made_data import write_records
from tiny import records, write_folder

from alignment import hub as hub_module
from alignment.models.config import read_config
from alignment.models.hf import load_params, save_params

ROOT = Path(__file__).resolve().parents[1]
MODEL, SHARDED, LARGE, DATA = "Qwen/tiny", "Qwen/tiny-sharded", "Qwen/tiny-large", "clinic/questions"
QUESTIONS = [
    f"--config.data.{role}.{name}={value}"
    for role, split in (("eval", "test"), ("sft", "train"))
    for name, value in (("source", "records"), ("path", f"hf://{DATA}?split={split}"), ("count", 4))
]
SMALL = [
    *("--config.eval.max_new_tokens=4", "--config.sft.batch_size=4", "--config.sft.epochs=1"),
    *("--config.adapters.reasoning.rank=2", "--config.sft.max_tokens=512", "--config.parallel.devices=1"),
]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory) -> dict:
    """A tiny Qwen2 in one file, in shards, and as a file of 25 MB; questions of two splits."""
    folder = tmp_path_factory.mktemp("repositories")
    model = write_folder(folder / "model")
    config = read_config(str(model))
    params = load_params(str(model), config)
    save_params(str(folder / "sharded"), params, config, str(model), max_shard_bytes=60_000)
    large = config.replace(vocab_size=200_000)  # 25.6 MB: the library writes 10 MB at a time
    wide = params | {"embed": jnp.pad(params["embed"], ((0, large.vocab_size - config.vocab_size), (0, 0)))}
    save_params(str(folder / "large"), wide, large)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(model / name, folder / "large" / name)
    (folder / "data").mkdir()
    (folder / "data" / "README.md").write_text("---\nlicense: mit\n---\n# Questions\n")
    write_records(str(folder / "data" / "train.jsonl"), records(8))
    write_records(str(folder / "data" / "test.jsonl"), records(4, start=8))
    models = {MODEL: "model", SHARDED: "sharded", LARGE: "large"}
    return {("models", name): folder / part for name, part in models.items()} | {("datasets", DATA): folder / "data"}


@pytest.fixture
def hub(repositories):
    server = LoopbackHub(repositories)
    yield server
    server.close()


def start(hub, home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess:
    """Run an entry point as a user does, downloading from `hub` into `home`."""
    environment = hub.environment(home, PYTHONPATH=str(ROOT), JAX_PLATFORMS="cpu", **variables)
    return subprocess.run(
        [sys.executable, "-m", *command], env=environment, cwd=home.parent, capture_output=True, text=True, timeout=300
    )


def fetch(hub, home: Path, model: str = MODEL, **variables: str) -> subprocess.CompletedProcess:
    """Export the model as it comes: the entry point that does least beside downloading."""
    home.parent.mkdir(exist_ok=True)
    flags = (f"--run={home.parent}", "--arm=base", "--what=merged", f"--out={home.parent / 'out'}", "--force")
    return start(hub, home, "alignment.export", *flags, f"--config.model.path={model}", **variables)


def ask(hub, home: Path, dataset: str, *flags: str, **variables: str) -> subprocess.CompletedProcess:
    """Run the base arm on questions from `place`."""
    flags = ("--config.arms=base", "--config.data.eval.source=records", f"--config.data.eval.path={dataset}", *flags)
    return start(hub, home, "alignment.ablate", f"--workdir={home.parent / 'run'}", *flags, **variables)


def failure(done: subprocess.CompletedProcess) -> str:
    """The one line of a refusal."""
    assert done.returncode == 2, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and done.stderr.rstrip().endswith(lines[0])
    return lines[0]


@pytest.mark.ci
def test_ablate_train_and_export_cold_from_the_cache_and_offline(hub, tmp_path):
    ablate = ["alignment.ablate", "--config.arms=base,sft_cot", f"--config.model.path={MODEL}", *QUESTIONS, *SMALL]
    train = ["alignment.train", "--quiet", "--arm=sft_cot", f"--config.model.path={MODEL}", *QUESTIONS, *SMALL]
    export = ["alignment.export", f"--run={tmp_path / 'cold' / 'seed0'}", "--arm=sft_cot", "--what=merged"]
    states = {"cold": {}, "warm": {}, "offline": {"HF_HUB_OFFLINE": "1"}}
    results = []
    for state, variables in states.items():
        hub.seen.clear()
        home = tmp_path / "home"
        done = start(hub, home, *ablate, f"--workdir={tmp_path / state}", **variables)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "\r" not in done.stdout + done.stderr  # no bar of a library in a log
        assert (f"{MODEL}: fetching from" in done.stdout) == (state != "offline")
        assert (tmp_path / state / "report.html").is_file()
        results.append([row["accuracy"] for row in json.loads((tmp_path / state / "results.json").read_text())])
        assert bool(hub.fetched()) == (state == "cold") and bool(hub.seen) == (state != "offline")
        for command in ([*train, f"--workdir={tmp_path / state}-train"], [*export, f"--out={tmp_path / state}-export"]):
            hub.seen.clear()
            # The cold run of every command is into a cache of its own.
            done = start(hub, tmp_path / f"home-{command[0]}" if state == "cold" else home, *command, **variables)
            assert done.returncode == 0, done.stderr[-2000:]
            assert "--quiet" not in command or (not done.stderr and done.stdout.startswith("arm "))
            assert bool(hub.fetched(".safetensors")) == (state == "cold")
        assert read_config(str(tmp_path / f"{state}-export" / "merged")).vocab_size == 448
    assert results[0] == results[1] == results[2]


@pytest.mark.ci
def test_an_interrupted_download_resumes_where_it_broke(hub, tmp_path, repositories):
    hub.cuts["model.safetensors"] = [15_000_000]
    assert fetch(hub, tmp_path / "home", LARGE).returncode == 0
    first, second = hub.fetched("model.safetensors")
    assert first.range is None and int(second.range.removeprefix("bytes=").removesuffix("-")) == 10_485_760
    original = (repositories["models", LARGE] / "model.safetensors").read_bytes()
    assert next((tmp_path / "home").rglob("snapshots/*/model.safetensors")).read_bytes() == original


@pytest.mark.ci
def test_a_download_given_up_keeps_the_finished_files(hub, tmp_path):
    last = sorted(path.name for path in hub.repositories["models", SHARDED].glob("*.safetensors"))[-1]
    hub.cuts[last] = [0] * 6  # the library tries six times
    line = failure(fetch(hub, tmp_path / "home", SHARDED))
    assert line.startswith(f"error: {SHARDED}: not complete in the cache, and the Hub cannot be reached (")
    hub.seen.clear()
    assert fetch(hub, tmp_path / "home", SHARDED).returncode == 0
    assert [Path(seen.path).name for seen in hub.fetched(".safetensors")] == [last]


@pytest.mark.ci
@pytest.mark.parametrize("token", ["", "hf_somebodyelse0123456789"])
def test_a_gated_model_names_its_licence_and_never_the_token(hub, tmp_path, token):
    hub.gated = {MODEL}
    done = fetch(hub, tmp_path / "home", HF_TOKEN=token)
    assert f"error: {MODEL}: gated on the Hub: accept the licence at {hub.url}/{MODEL}" in failure(done)
    assert failure(done).endswith("with the account of HF_TOKEN" if token else "then set HF_TOKEN")
    assert not token or (token in {seen.token for seen in hub.seen} and token not in done.stdout + done.stderr)


@pytest.mark.ci
def test_gated_questions_name_their_licence(hub, tmp_path):
    hub.gated = {DATA}
    line = failure(ask(hub, tmp_path / "home", f"hf://{DATA}?split=test"))
    assert (
        line
        == f"error: hf://{DATA}: gated on the Hub: accept the licence at {hub.url}/datasets/{DATA}, then set HF_TOKEN"
    )


@pytest.mark.ci
def test_with_the_licence_accepted_the_token_opens_the_model(hub, tmp_path):
    hub.gated = {MODEL}
    done = fetch(hub, tmp_path / "home", HF_TOKEN=TOKEN)
    assert done.returncode == 0 and TOKEN not in done.stdout + done.stderr


@pytest.mark.ci
@pytest.mark.parametrize("token", ["", TOKEN])
def test_a_missing_model_is_told_apart_from_a_gated_one(hub, tmp_path, token):
    line = failure(fetch(hub, tmp_path / "home", "nobody/nothing", HF_TOKEN=token))
    assert line.startswith(
        "error: nobody/nothing: neither a local folder nor a public model on the Hub; check the name"
    )


@pytest.mark.ci
@pytest.mark.parametrize(
    "dataset, words",
    [
        ("hf://nobody/questions", "neither a local folder nor a public data set on the Hub; check the name"),
        (f"hf://{DATA}?revision=v9", "no revision 'v9' on the Hub"),
        (f"hf://{DATA}?split=dev", "cannot be read, split 'dev'"),
    ],
)
def test_missing_questions_revisions_and_splits_are_named(hub, tmp_path, dataset, words):
    assert failure(ask(hub, tmp_path / "home", dataset)).startswith(f"error: {dataset.split('?')[0]}: {words}")


@pytest.mark.ci
@pytest.mark.parametrize(
    "status, words", [(429, "limits the rate of requests (429); run it again in 600"), (503, "503")]
)
def test_a_hub_that_refuses_is_one_line_and_the_cache_still_serves(hub, tmp_path, status, words):
    assert fetch(hub, tmp_path / "warm" / "home").returncode == 0
    hub.status = status
    assert fetch(hub, tmp_path / "warm" / "home").returncode == 0
    hub.seen.clear()
    assert words in failure(fetch(hub, tmp_path / "cold" / "home"))
    assert sum("/api/models" in seen.path for seen in hub.seen) == 1  # refused at once, not after retries


@pytest.mark.ci
def test_without_a_network_what_is_missing_fails_at_once(hub, tmp_path):
    line = failure(fetch(hub, tmp_path / "home", HF_HUB_OFFLINE="1"))
    assert line.startswith(f"error: {MODEL}: not complete in the cache, and HF_HUB_OFFLINE is set; name a local folder")
    assert not hub.seen
    hub.close()
    line = failure(fetch(hub, tmp_path / "home"))
    assert line.startswith(f"error: {MODEL}: not complete in the cache, and the Hub cannot be reached (")
    assert line.endswith("or go online and run it again")
    line = failure(ask(hub, tmp_path / "home", f"hf://{DATA}"))
    assert f"hf://{DATA}: not complete in the cache" in line and "path=clinic-questions-train.parquet" in line


@pytest.mark.ci
def test_a_hub_that_never_answers_is_given_up(hub, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "cannot be reached (timed out)" in failure(fetch(hub, tmp_path / "home", HF_ENDPOINT=address))


# -------------------------------------------------------------------------------------------------------- the messages


def answer(status: int, kind=errors.HfHubHTTPError, **headers: str) -> Exception:
    return kind("refused", response=SimpleNamespace(status_code=status, headers=headers, request=None))


@pytest.mark.parametrize(
    "error, token, words",
    [
        (answer(401), "", "refused by the Hub without a login (401): accept the licence at"),
        (answer(403), "hf_x", "the Hub refuses the token (403); renew HF_TOKEN"),
        (answer(404), "", "neither a local folder nor a public model on the Hub"),
        (answer(429), "", "limits the rate of requests (429); run it again later"),
        (answer(502), "", "the Hub answers with status 502"),
        (answer(403, errors.GatedRepoError), "", "gated on the Hub: accept the licence"),
        (answer(404, errors.RevisionNotFoundError), "", "no revision 'v1' on the Hub"),
        (errors.HFValidationError("no id"), "", "no id of a model on the Hub"),
        (PermissionError(13, "denied", "/cache/x"), "", "/cache/x cannot be written; set HF_HOME"),
        (ValueError("Illegal header value b'Bearer hf_secret'"), "hf_secret", "(Illegal header value b'Bearer ...')"),
        (ValueError("http://me:hf_secret@hub/x failed"), "", "(http://hub/x failed)"),
    ],
)
def test_every_failure_has_a_meaning_and_no_secret(monkeypatch, error, token, words):
    monkeypatch.setattr(hub_module.huggingface_hub, "get_token", lambda: token or None)
    message = hub_module.explain(error, "Qwen/tiny", "model", "v1")
    assert words in message and "hf_secret" not in message and "\n" not in message


def test_the_cause_of_an_error_is_read_too():
    try:
        try:
            raise answer(403, errors.GatedRepoError)
        except errors.GatedRepoError as gated:
            raise errors.LocalEntryNotFoundError("not in the cache") from gated
    except errors.LocalEntryNotFoundError as error:
        assert hub_module.explain(error, "Qwen/tiny", "dataset").startswith("gated on the Hub: accept the licence at")
