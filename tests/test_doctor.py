"""The doctor: what it makes of a machine, told in unit tests by planted findings and once as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import ReadLog

from alignment import doctor
from alignment.benchmarks.fit import recipe
from alignment.benchmarks.fit.recipe import Need, Verdict
from alignment.config import default_config
from alignment.doctor import BROKEN, OK, WARNING, Check

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("jax>=99.1", "needed >=99.1"),
        ("jax<0.1", "needed <0.1"),
        ("no-such-package-here>=2", "is missing"),
        ("numpy>=2.0,!=2.0.*,>=77", "needed"),
    ],
)
def test_a_package_that_is_old_new_or_missing_is_broken_with_the_command_that_mends_it(line, detail):
    (check,) = doctor.check_packages([line])
    assert check.state == BROKEN and detail in check.detail and check.remedy.startswith("pip install '")


def test_packages_of_extras_and_of_other_pythons_are_not_asked_for():
    lines = ["no-such-package-here>=2; extra == 'cuda'", "no-such-package-here>=2; python_version < '3'", "jax>=0.10.2"]
    (check,) = doctor.check_packages(lines)
    assert check.state == OK and "jax " in check.detail


def test_a_folder_is_judged_by_its_nearest_parent(tmp_path):
    assert doctor._check_folder("workdir", str(tmp_path / "not" / "yet"), essential=True).state == OK
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").write_text("")
    check = doctor._check_folder("workdir", str(tmp_path / "file" / "below"), essential=True)
    assert check.state == BROKEN and "is a file" in check.detail
    assert doctor._check_folder("cache", str(tmp_path / "file"), essential=False).state == WARNING


def test_every_recipe_of_the_checkout_is_planned_and_data_sets_are_not():
    names = [name for name, _ in doctor.recipes(str(ROOT / "configs"))]
    short = {name.rpartition("/")[2] for name in names}
    assert {"demo.py", "losses.py", "qwen2_5.py:7b", "crpo.py", "plain_rl.py:confirm"} <= short
    assert not any(name.startswith("data_") for name in short)


def test_the_findings_name_the_remedy_below_what_is_not_ok():
    lines = doctor.text([Check("a", OK, "fine"), Check("longer", BROKEN, "torn", "sew it")]).splitlines()
    assert lines == ["ok       a       fine", "broken   longer  torn", f"{'':17}-> sew it"]
    assert doctor.is_broken([Check("a", BROKEN, "")]) and not doctor.is_broken([Check("a", WARNING, "")])


def test_the_line_of_a_recipe_does_not_wait_for_the_plan_of_the_next(monkeypatch):
    planned = []
    monkeypatch.setattr(recipe, "plan_recipe", lambda config, available: planned.append(config.grpo.prompts))
    configs = [(f"{name}.py", default_config()) for name in "abc"]
    configs[1][1].grpo.prompts = 7
    lines = doctor.plan_recipes(configs)
    assert [(next(lines).name, len(planned)) for _ in configs] == [("a.py", 1), ("b.py", 2), ("c.py", 2)]
    assert planned == [32, 7]


def test_a_named_machine_has_its_memory(monkeypatch):
    monkeypatch.setattr(recipe, "plan_recipe", lambda config, available: Verdict(True, (Need("x", 1.0),), available))
    (line,) = doctor.plan_recipes([("a.py", default_config())], "v5e")
    assert line.detail == "fits: x needs 0.0 GiB of 16.0 GiB"


def test_a_plan_reads_the_leaves_that_help_lists(monkeypatch):
    for part in ("grpo_bytes", "sft_bytes"):  # what the compiler computes from the same setting
        monkeypatch.setattr(recipe, part, lambda *setting: 0.0)
    names = set()
    assert recipe.plan_recipe(ReadLog(default_config(), names), 2.0**40).fits
    assert names == set(doctor.LEAVES_READ)


def run(tmp_path, *flags, **variables):
    """The doctor in a fresh process, in a folder without recipes, with the Hub behind a closed port."""
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_secret"}
    command = [sys.executable, "-m", "alignment.doctor", *flags]
    return subprocess.run(command, cwd=tmp_path, env=environment | variables, capture_output=True, text=True)


@pytest.mark.ci
def test_it_ends_well_on_a_machine_without_hub_and_shows_no_token(tmp_path):
    done = run(tmp_path, "--json", f"--config={ROOT / 'configs' / 'demo.py'}")
    assert done.returncode == 0, done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["Hub"]["state"] == WARNING and "cannot be reached" in checks["Hub"]["detail"]
    assert checks["embedded base"]["state"] == checks["devices"]["state"] == OK
    assert checks[str(ROOT / "configs" / "demo.py")]["detail"].startswith("fits: ")
    assert "hf_secret" not in done.stdout + done.stderr


@pytest.mark.ci
def test_a_platform_that_is_not_there_is_broken(tmp_path):
    done = run(tmp_path, JAX_PLATFORMS="cuda")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "broken   devices" in done.stdout and "cuda" in done.stdout and "'.[cuda]'" in done.stdout


@pytest.mark.ci
def test_a_workdir_below_a_file_is_broken(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(tmp_path, "--workdir=file/run", "--config.grpo.steps=1")
    assert done.returncode == 1 and "is a file" in done.stdout


def test_a_wrong_flag_is_one_line(capsys):
    assert doctor.main(["--confgs=x"]) == 2
    assert "did you mean --configs" in capsys.readouterr().err
