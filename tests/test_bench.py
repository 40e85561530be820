"""`alignment.bench`: what it prints, stores and refuses, and that docs/performance.md agrees with the CSV files."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alignment import bench
from alignment.benchmarks.fit import entry as fit
from alignment.benchmarks.fit import results, tables
from alignment.benchmarks.registry import suite_names
from alignment.benchmarks.results import COLUMNS, read_csv
from alignment.benchmarks.tables import BEGIN, END, STEP_BEGIN, STEP_END, markdown, steps_markdown

ROOT = Path(__file__).resolve().parents[1]
TOY = ["--size=32,2,4,2,64,128", "--prompts=2", "--group=2", "--prompt_len=8", "--new_tokens=4", "--repeats=2"]
HEAVY = ("transformers", "datasets", "ml_collections", "torch")


@pytest.fixture(autouse=True)
def a_quick_rate(monkeypatch):
    monkeypatch.setattr(bench.machine, "matmul_rate", lambda dtype: 1e9)
    monkeypatch.setattr(bench.machine, "read_rate", lambda: 1e9)


@pytest.mark.ci
@pytest.mark.parametrize("suite", ["attention", "logprob"])
def test_one_line_of_json_with_both_cases_and_their_ratio(suite, capsys):
    assert bench.main([f"--suite={suite}", *TOY, "--against=plain", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert row["suite"] == suite and row["case"] == "ours" and row["compiles"] == 1
    assert row["step_s"] >= row["least_s"] > 0 and row["peak_rss_mb"] > 1
    expected = row["useful_gflop"] / row["step_s"] / row["matmul_gflop_s"]
    assert row["achieved_flops_fraction"] == pytest.approx(expected, rel=2e-3)
    assert row["against"]["plain"].keys() >= {"step_s", "time_ratio", "peak_ratio", "temp_ratio"}


@pytest.mark.ci
@pytest.mark.parametrize(
    ("suite", "against"),
    [("grpo", "plain"), ("load", "static"), ("decode", "plain,top_p,whole"), ("ending", "whole")],
)
def test_a_rollout_is_measured_with_its_parts(suite, against, capsys):
    many = ["--prompts=16", "--group=8", "--new_tokens=32"]  # flags given twice: the last one counts
    flags = [f"--suite={suite}", *TOY, *many, f"--against={against}", "--json"]
    assert bench.main(flags) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert row["rollout_s"] > 0 and row["gen_tok_s"] > 0 and row["compiles"] <= 12
    assert ("achieved_bandwidth_fraction" in row) == (suite == "decode")
    if suite == "grpo":
        assert row["step_s"] == pytest.approx(row["rollout_s"] + row["update_s"], rel=0.5)
    if suite == "load":
        (other,) = row["against"].values()
        assert row["decode_steps"] <= 0.65 * other["decode_steps"]


@pytest.mark.ci
def test_an_update_is_one_program_and_lands_in_the_csv(tmp_path, capsys):
    path = tmp_path / "bench.csv"
    flags = ["--suite=update", *TOY, "--against=plain", f"--csv={path}", "--note=a toy"]
    assert bench.main(flags) == 0
    assert capsys.readouterr().out.count("update_s") == 2
    ours, plain = read_csv(str(path))
    assert (ours["case"], plain["case"], ours["note"]) == ("ours", "plain", "a toy")
    assert ours["compiles"] == plain["compiles"] == "1"
    assert ours["time_ratio"] == "" and float(plain["time_ratio"]) > 0
    assert bench.main(["--table", f"--csv={path}"]) == 0
    assert "| update | 32, 2, 4, 2, 64, 128 | 8 | plain |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--suite is missing"),
        (["--suite=updates"], "attention, decode, ending, grpo, load, logprob, sft, update"),
        (["--suite=logprob", "--size=1,2,3"], "six whole numbers"),
        (["--suite=logprob", "--size=a,b,c,d,e,f"], "six whole numbers"),
        (["--suite=logprob", "--size=32,2,3,2,64,128"], "--size=32,2,3,2,64,128"),
        (["--suite=logprob", "--repeats=0"], "--repeats=0"),
        (["--suite=logprob", "--repeats=many"], "--repeats"),
        (["--suite=logprob", "--dtype=float16"], "float32, bfloat16"),
        (["--suite=logprob", "--against=unshared"], "beside plain only"),
        (["--suite=ending", "--against=plain"], "beside whole only"),
        (["--suite=update", "--against=nothing"], "plain, unshared, unfused"),
        (["--suite=logprob", "--implementation=cuda"], "no implementation 'cuda'"),
        (["--suite=attention", "--implementation=cuda"], "no implementation 'cuda'"),
        (["--sweet=logprob"], "--sweet=logprob"),
        (["--table", "--csv=/nowhere/bench.csv"], "--csv=/nowhere/bench.csv"),
        (["--suite=fit", "--chips=v3"], "--chips=v3"),
        (["--suite=fit", "--against=unshared"], "--against=unshared"),
        (["--suite=fit", "--most=0"], "--most=0"),
        (["--suite=fit", "--csv=/nowhere/fit.csv"], "/nowhere/fit.csv"),
        (["--suite=fit", "--table", "--csv=/nowhere/fit.csv"], "--csv=/nowhere/fit.csv"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(flags, message, capsys):
    assert bench.main(flags) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line


def test_a_mistyped_csv_folder_is_found_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setattr(bench, "bench", lambda *_: pytest.fail("measured first"))
    assert bench.main(["--suite=logprob", *TOY, "--csv=/nowhere/bench.csv"]) == 2
    assert "/nowhere/bench.csv" in capsys.readouterr().err


@pytest.mark.ci
def test_no_suite_needs_what_a_bare_accelerator_machine_lacks():
    code = (
        "import sys\n"
        "for name in sys.argv[1].split(','): sys.modules[name] = None\n"
        "from alignment import bench\n"
        "from alignment.benchmarks.registry import build_suite\n"
        "from alignment.benchmarks.setting import Setting, parse_size\n"
        "for suite in sys.argv[2].split(','):\n"
        "    setting = Setting(suite, parse_size('32,2,4,2,64,128'), 2, 2, 8, 4, 'bfloat16')\n"
        "    build_suite(setting, ('plain',))\n"
        "print({name for name in sys.argv[1].split(',') if sys.modules[name]})\n"
    )
    command = [
        sys.executable,
        "-c",
        code,
        ",".join(HEAVY),
        ",".join(("attention", "logprob", "update", "grpo", "decode", "load")),
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and done.stdout.strip() == "set()", done.stderr[-2000:]


def test_the_page_agrees_with_the_committed_figures():
    page, path = (ROOT / "docs/performance.md").read_text(), ROOT / "docs/bench.csv"
    table = page[page.index(BEGIN) : page.index(END) + len(END)]
    assert table == markdown(read_csv(str(path))).rstrip("\n"), "run python -m alignment.bench --table"


def test_the_table_beside_the_peers_agrees_with_the_committed_figures():
    page = (ROOT / "docs/performance.md").read_text()
    table = page[page.index(STEP_BEGIN) : page.index(STEP_END) + len(STEP_END)]
    expected = steps_markdown(read_csv(str(ROOT / "docs/bench.csv"))).rstrip("\n")
    assert table == expected, "run python -m alignment.bench --table"


def test_the_page_agrees_with_the_committed_compilations():
    page, path = (ROOT / "docs/performance.md").read_text(), ROOT / fit.COMMITTED
    table = page[page.index(tables.BEGIN) : page.index(tables.END) + len(tables.END)]
    expected = tables.markdown(read_csv(str(path), results.COLUMNS)).rstrip("\n")
    assert table == expected, "run python -m alignment.bench --suite=fit --table"


@pytest.fixture
def compiled(monkeypatch):
    """The programs that were compiled; each fits."""
    seen = []

    def compile_program(program):
        seen.append(program)
        return {"fits": "yes", "available_gib": 16.0, "planned_gib": 1.0}

    monkeypatch.setattr(fit.compiler, "check_compiler", lambda: None)
    monkeypatch.setattr(fit.compiler, "versions", lambda: {"jax": "1", "libtpu": "2"})
    monkeypatch.setattr(fit.compiler, "plan", compile_program)
    return seen


def test_fit_keeps_what_it_compiled_and_compiles_it_once_unless_asked(compiled, tmp_path, capsys):
    flags = ["--suite=fit", "--chips=v4,v6e", "--sizes=3b", "--groups=16", "--lengths=256", "--most=4"]
    flags.append(f"--csv={tmp_path / 'fit.csv'}")
    assert bench.main([*flags, "--against=plain"]) == 0
    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .startswith("v4 3b ours: 4 x 16 x 256+256 fits: 1.0 of 16.0 GiB, planned")
    )
    assert [(program.chip, program.way) for program in compiled] == [
        ("v4", "ours"), ("v4", "plain"), ("v6e", "ours"), ("v6e", "plain")
    ]  # fmt: skip
    assert bench.main([*flags, "--json"]) == 0 and len(compiled) == 4
    assert [row["chip"] for row in json.loads(capsys.readouterr().out)] == ["v4", "v6e"]
    assert bench.main([*flags, "--again"]) == 0 and len(compiled) == 6


def test_fit_without_its_compiler_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(fit.compiler.importlib.util, "find_spec", lambda name: None)
    assert bench.main(["--suite=fit"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "libtpu" in line and "Python 3.12" in line


def test_the_committed_figures_name_machine_versions_and_flags():
    with (ROOT / "docs/bench.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == COLUMNS
    for row in rows:
        assert all(row[name] for name in ("date", "version", "jax", "jaxlib", "cpu", "cores", "memory_gb", "size"))
        assert row["suite"] in suite_names() and float(row["achieved_flops_fraction"]) > 0
