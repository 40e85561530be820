"""What a user installs and types: the built wheel, and every command of the documents, far from the repository."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import commands
import pytest
from loopback_hub import LoopbackHub
from wheel_environment import ROOT, build_wheel, make_environment

QWEN = "Qwen/Qwen2.5-0.5B-Instruct"
REAL = (
    "python -m alignment.ablate --config=configs/qwen2_5.py:0.5b --workdir=runs/medqa --config.data.rl.source=medqa "
    "--config.data.rl.path=train.jsonl --config.data.eval.source=medqa --config.data.eval.path=dev.jsonl"
)
RUN = {
    **{f"data.{part}.count": 4 for part in ("sft", "rl", "eval")},
    **{"seeds": 0, "parallel.devices": 1, "adapters.reasoning.rank": 4, "adapters.reward.rank": 4},
    **{"sft.epochs": 1, "sft.batch_size": 4, "sft.micro_batches": 1, "sft.holdout": 0},
    **{"grpo.steps": 1, "grpo.prompts": 4},
    **{"grpo.group_size": 2, "grpo.micro_batches": 1, "grpo.max_new_tokens": 8, "eval.max_new_tokens": 8},
    **{"grpo.calibration_prompts": 4, "model.remat": False, "data.overlap": 1},
}
BUILD = {"workers": 1, "vignettes.count": 60, "vignettes.eval_count": 12, "traces.count": 48, "traces.tries": 1}
SMALL = {
    "alignment.ablate": [f"--config.{name}={value}" for name, value in RUN.items()],
    "alignment.train": [f"--config.{name}={value}" for name, value in RUN.items()],
    "alignment.feedback": [f"--config.{name}={value}" for name, value in RUN.items()],
    "alignment.evaluate": ["--limit=4", "--config.eval.max_new_tokens=8", "--config.parallel.devices=1"],
    "alignment.build_data": [f"--config.{name}={value}" for name, value in BUILD.items()],
    "alignment.bench": ["--size=32,2,4,2,48,97", "--prompts=2", "--prompt_len=8", "--new_tokens=8", "--repeats=1"],
}
# The real command trains all arms of its configuration, the others what is particular to them: one reward stage, or
ARMS = {"runs/demo_plain": "grpo_only", "runs/demo": "base,modular", "runs/traces": "sft_cot"}
ARMS |= {"runs/planted": "sft_ceiling", "runs/qwen2_5-0.5b": "base", "runs/0.5b": "base,modular"}
WITH_DEVELOPMENT = ("runs/stability", "runs/plain_rl/sweep")  # questions; elsewhere a count above 0 would add them
# What must be there before something else can read it, first.
ORDER = (
    "alignment.build_data --config=configs/data_vignettes.py",
    "alignment.build_data --config=configs/data_traces.py",
)
ORDER += ("alignment.build_data", "alignment.ablate --config=configs/demo.py", "alignment.train", "alignment.ablate")


class Teacher:
    """An endpoint of chat completions on loopback that reasons over the question and answers with its gold letter."""

    def __init__(self, rows: list[dict]):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = request["messages"][-1]["content"]
                row = next((row for row in rows if row["question"] in text), None)
                content = "I do not know." if row is None else _explained(row)
                message = {"role": "assistant", "content": content}
                choice = {"index": 0, "message": message, "finish_reason": "stop"}
                usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
                reply = {"id": "c", "object": "chat.completion", "model": request["model"], "choices": [choice]}
                body = json.dumps(reply | {"usage": usage}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def _explained(row: dict) -> str:
    letter = row["answer_idx"]
    reasoning = f"{row['question']} The findings of this patient point to one of the options and not to others."
    return f"<think>\n{reasoning}\n</think>\n<answer>\n{letter}. {row['answer']} \\boxed{{{letter}}}\n</answer>"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    return make_environment(tmp_path_factory.mktemp("environment") / "venv", wheel)


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A working folder with the files that the documents name; MedQA's are real where CLINICAL_DATA_DIR is set."""
    folder = tmp_path_factory.mktemp("desk")
    rows = medqa(48)
    for name, part in (("train", rows[:24]), ("dev", rows[24:36]), ("test", rows[36:])):
        write(folder / f"{name}.jsonl", part)
    letters = ("opa", "opb", "opc", "opd")
    medmcqa = [
        {"id": f"m{number}", "question": f"Sign {number} is seen in which disease?", "cop": number % 4 + 1}
        | {name: f"disease {number} {name}" for name in letters}
        for number in range(24)
    ]
    write(folder / "train.json", medmcqa)
    (folder / "hub" / "data").mkdir(parents=True)
    write(folder / "hub" / "data" / "train.jsonl", [row | {"cop": row["cop"] - 1} for row in medmcqa])
    pubmedqa = {
        str(number): {"QUESTION": f"Does treatment {number} help?", "CONTEXTS": [f"We gave {number} to patients."]}
        | {"final_decision": ("yes", "no", "maybe")[int(number) % 3], "LONG_ANSWER": "It may."}
        for number in official_ids()
    }
    (folder / "ori_pqal.json").write_text(json.dumps(pubmedqa))
    good, bad = "<think>The sign points to it.</think><answer>\\boxed{A}</answer>", "No idea at all, sorry."
    pair = {"responses": [good, bad], "preferred": "first"}
    write(folder / "log.jsonl", [{"prompt": f"Which disease has sign {number}?"} | pair for number in range(8)])
    shutil.copytree(ROOT / "docs", folder / "docs")
    return folder


def medqa(count: int) -> list[dict]:
    """Rows in MedQA's layout: the shortest of the real ones, or made-up ones."""
    real = Path(os.environ.get("CLINICAL_DATA_DIR", "none")) / "medqa_us_dev" / "medqa_us_dev_5opt.jsonl"
    if real.is_file():
        rows = [json.loads(line) for line in real.read_text().splitlines()]
        return sorted(rows, key=lambda row: len(json.dumps(row)))[:count]
    options = {"A": "asthma", "B": "croup", "C": "gout", "D": "migraine", "E": "anaemia"}
    return [
        {"question": f"Patient {number} of {17 * number} years has wheeze. Which condition is it?", "options": options}
        | {"answer": "asthma", "answer_idx": "A", "meta_info": "step2&3"}
        for number in range(count)
    ]


def official_ids() -> list[str]:
    """Ids of PubMedQA's official test split, which `?keep=test` keeps."""
    lines = (ROOT / "alignment" / "assets" / "pubmedqa" / "test_pmids.txt").read_text().splitlines()
    return " ".join(line for line in lines if not line.startswith("#")).split()[:12]


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def variables(desk) -> dict[str, str]:
    """The environment of a user: no PYTHONPATH, a Hub and a teacher on loopback, one cache of compiled programs."""
    model = ROOT / "alignment" / "assets" / "nano"  # a tiny Qwen2 behind the name of a large one
    hub = LoopbackHub({("models", QWEN): model, ("datasets", "openlifescienceai/medmcqa"): desk / "hub" / "data"})
    teacher = Teacher(medqa(48))
    variables = {name: value for name, value in hub.environment(desk / "home").items() if name != "PYTHONPATH"}
    yield variables | {
        "JAX_PLATFORMS": "cpu",
        "HOME": str(desk / "home"),
        "OPENAI_API_KEY": "sk-loopback",
        "URL": teacher.url,
    }
    hub.close()
    teacher.server.shutdown()
    teacher.server.server_close()


def run(python: Path, desk: Path, variables: dict[str, str], words: list[str]) -> subprocess.CompletedProcess:
    done = subprocess.run([str(python), *words], cwd=desk, env=variables, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done


def words_of(command: str, how: str, url: str) -> list[str]:
    """The arguments of `python` that test a command: placeholders filled, at a small size, files by their paths."""
    for placeholder, value in {
        "=FILE": "=log.jsonl",
        "=DIR": "=written",
        "https://HOST/v1": url,
        "=MODEL": "=t",
    }.items():
        command = command.replace(placeholder, value)
    words = shlex.split(command)[1:]
    target = words[1] if words[0] == "-m" else words[0]
    if how == "--help":
        words = [*words[: words.index(target) + 1], "--help"]
    elif how == "dry run":
        words.insert(2, "--dry-run")
    elif how == "small":
        words += SMALL.get(target, []) if not {"--help", "--table", "--commands"} & {*words} else []
        if "configs/data_traces.py" in command and target == "alignment.build_data":
            words += [f"--config.traces.endpoint.base_url={url}"]
        if "teacher=local" in command:  # the nano base explains about one question in twenty
            words += ["--config.traces.count=48", "--config.traces.tries=2"]
        if any(run in command for run in WITH_DEVELOPMENT):
            words += ["--config.data.dev.count=4"]
        if target == "alignment.ablate" and command != REAL and "--help" not in words:
            words += [f"--config.arms={next((arms for run, arms in ARMS.items() if run in command), 'grpo_only')}"]
    in_checkout = [
        word.replace("--config=configs/", f"--config={ROOT}/configs/") if word.startswith("--config=") else word
        for word in words
    ]
    return [f"{ROOT}/{word}" if word.startswith(("launch/", "docs/make_")) else word for word in in_checkout]


COLLECTED, ROWS = commands.collect(), commands.table()
HOW = {name: ROWS.get(commands.row_of(name, ROWS), ("small", ""))[0] for name in COLLECTED}


def rank(command: str) -> int:
    return next((index for index, words in enumerate(ORDER) if words in command), len(ORDER))


# Commands that are tested by the same words, as by `--help` of the same module, are run once.
RUNNABLE = {
    tuple(words_of(name, HOW[name], "")): name for name in sorted(COLLECTED, key=rank) if HOW[name] != "not run"
}


def test_the_table_names_only_commands_of_the_documents_and_how_they_are_official_ids():
    used = {commands.row_of(name, ROWS) for name in COLLECTED}
    assert set(ROWS) - used == set()
    assert {how for how, _ in ROWS.values()} <= {"not run", "--help", "dry run", "as it stands"}
    assert len(COLLECTED) > 50 and REAL in COLLECTED


def test_a_command_that_python_does_not_run_stands_in_the_table():
    assert [name for name, how in HOW.items() if how == "small" and not name.startswith("python ")] == []


def test_commands_are_read_from_blocks_continued_lines_and_quotes():
    text = "Run `python -m a --b`:\n\n    pip install x && python -m c \\\n        --d   --f  # twice\n"
    text += "    y = 1\n```\nmake e\n"
    assert list(commands.commands_of(text)) == ["python -m a --b", "pip install x", "python -m c --d --f", "make e"]


@pytest.mark.ci
def test_the_wheel_holds_every_file_of_the_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("alignment/")}
    files = [path for path in (ROOT / "alignment").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert packed.keys() == {path.relative_to(ROOT).as_posix() for path in files}
    recorded = packed["alignment/assets/nano/PROVENANCE.json"].decode()
    assert hashlib.sha256(packed["alignment/assets/nano/model.safetensors"]).hexdigest() in recorded


@pytest.mark.ci
def test_the_environment_holds_the_wheel_and_no_extra(python, desk, variables):
    extras = ("torch", "pytest", "wandb", "hypothesis")
    code = f"import alignment, importlib.util as u; print(alignment.__file__, [n for n in {extras} if u.find_spec(n)])"
    printed = run(python, desk, variables, ["-c", code]).stdout
    assert printed.startswith(str(python.parents[1])) and printed.endswith(" []\n")


@pytest.mark.ci
@pytest.mark.parametrize("command", RUNNABLE.values(), ids=lambda command: re.sub(r"[^\w.=:-]+", "_", command)[7:90])
def test_every_command_of_the_documents_runs(python, desk, variables, command):
    words = words_of(command, HOW[command], variables["URL"])
    done = run(python, desk, variables, words)
    assert "Traceback" not in done.stderr
    if command == REAL:
        rows = json.loads((desk / "runs" / "medqa" / "results.json").read_text())
        assert [row["arm"] for row in rows] == ["base", "sft_cot", "grpo_only", "monolithic", "modular"]
        report = (desk / "runs" / "medqa" / "report.html").read_text()
        assert QWEN in report and "not for patient care" in report
