"""`python -m alignment.evaluate` on the embedded base: its files, resuming, two policies, and what it refuses."""

from __future__ import annotations

import dataclasses
import json

import jax
import pytest

from alignment import evaluate
from alignment.adapters.lora import LoraConfig, init_lora
from alignment.adapters.peft import save_peft
from alignment.errors import UserError
from alignment.evaluation import policy_evaluation
from alignment.models.config import read_config
from alignment.models.hf import resolve_folder

SMALL = ["--config.eval.max_new_tokens=6", "--config.parallel.devices=1", "--quiet"]


def questions(path, count: int = 6):
    rows = [
        {"question": f"Patient {number} wheezes <b>loudly</b>. Which disease is it?", "answer_idx": "AB"[number % 2]}
        | {"options": {"A": "asthma", "B": "gout of the big toe", "C": "croup"}}
        for number in range(count)
    ]
    rows += [{"question": "Which one?", "options": {"A": "same", "B": "same", "C": "other"}, "answer_idx": "C"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def adapter(folder, scale: float = 0.3):
    """A PEFT folder for the embedded base whose B is noise of this scale."""
    config = read_config(resolve_folder(""))
    lora = init_lora(jax.random.key(0), config.linear_shapes, config.num_hidden_layers, LoraConfig(4, 8.0, ("q_proj",)))
    factors = lora.modules["q_proj"]
    noise = scale * jax.random.normal(jax.random.key(1), factors["b"].shape)
    save_peft(str(folder), dataclasses.replace(lora, modules={"q_proj": factors | {"b": noise}}), "nano")
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The folder of an evaluation of two policies by two protocols."""
    folder = tmp_path_factory.mktemp("desk")
    questions(folder / "test.jsonl")
    adapter(folder / "peft")
    assert evaluate.main(command(folder)) == 0
    return folder


def command(folder, protocol: str = "likelihood,greedy", out: str = "out") -> list[str]:
    policies = ["--policy=base:", f"--policy=tuned: reasoning={folder / 'peft'} gates=0.5"]
    return [*policies, f"--on=medqa:{folder / 'test.jsonl'}", f"--protocol={protocol}", f"--out={folder / out}", *SMALL]


def written(folder, out: str = "out") -> dict:
    return json.loads((folder / out / "evaluation.json").read_text())


@pytest.mark.ci
def test_scores_items_and_page_are_written(desk):
    scores = written(desk)
    assert [(row["policy"], row["protocol"], row["n"]) for row in scores["results"]] == [
        ("base", "likelihood", 7),
        ("base", "greedy", 7),
        ("tuned", "likelihood", 7),
        ("tuned", "greedy", 7),
    ]
    items = [json.loads(line) for line in (desk / "out" / "items.jsonl").read_text().splitlines()]
    assert len(items) == 28
    base, tuned = (
        [item for item in items if item["policy"] == name and "log_probs" in item] for name in ("base", "tuned")
    )
    assert all(item["log_probs"] != other["log_probs"] for item, other in zip(base, tuned, strict=True))
    share = sum(item["correct"] for item in base) / 7
    assert scores["results"][0]["likelihood_accuracy"] == pytest.approx(share)
    assert base[-1]["near_tie"] or base[-1]["prediction"] == "C"  # two equal texts are a tie
    (benchmark,) = scores["benchmarks"]
    assert benchmark["equal_options"] == [base[-1]["id"]]
    assert [policy["adapters"][0]["gate"] for policy in scores["policies"][1:]] == [0.5]
    page = (desk / "out" / "report.html").read_text()
    assert "<b>loudly" not in page and "&lt;b&gt;loudly" in page and "<script" not in page and "http" not in page
    assert "Calibration" in page and "Research only" in page


@pytest.mark.ci
def test_the_same_command_answers_nothing_again_and_a_part_is_resumed(desk, monkeypatch):
    before = written(desk)
    journal = desk / "out" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-3]) + lines[-3][:9])  # killed in the middle of a line
    assert evaluate.main(command(desk)) == 0
    resumed = written(desk)
    assert len(journal.read_bytes().splitlines()) == len(lines)
    for row, again in zip(before["results"], resumed["results"], strict=True):
        assert row.keys() == again.keys()
        assert [row[name] for name in ("policy", "n")] == [again[name] for name in ("policy", "n")]
    assert before["results"][3] == resumed["results"][3]  # greedy answers do not depend on their batch

    monkeypatch.setattr(policy_evaluation, "stream_items", None)  # nothing is to be answered
    assert evaluate.main(command(desk)) == 0
    assert written(desk)["results"] == resumed["results"]


@pytest.mark.ci
def test_a_log_probability_that_is_not_finite_ends_the_call_and_names_the_question(desk, tmp_path, capsys):
    adapter(tmp_path / "broken", scale=1e37)
    policies = ["--policy=base:", f"--policy=broken: reasoning={tmp_path / 'broken'}"]
    flags = [f"--on=medqa:{desk / 'test.jsonl'}", "--protocol=likelihood", f"--out={tmp_path / 'out'}", *SMALL]
    assert evaluate.main([*policies, *flags]) == 2
    error = capsys.readouterr().err
    assert "broken, medqa, likelihood: record" in error and "the log-probability of option" in error
    assert len((tmp_path / "out" / "journal.jsonl").read_text().splitlines()) == 7  # those of the base are kept


@pytest.mark.ci
def test_a_question_is_answered_by_every_policy(desk, capsys):
    policies = ["--policy=base:", f"--policy=tuned: reasoning={desk / 'peft'}"]
    assert evaluate.main([*policies, "--ask=Which one?\nA. asthma\nB. gout", *SMALL]) == 0
    shown = capsys.readouterr().out
    assert shown.index("--- base") < shown.index("--- tuned") and "audit:" in shown


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--protocol=beam", "--on=medqa:x"], "beam"),
        (["--protocol=,"], "names no protocol"),
        ([], "names no benchmark"),
        (["--on=medqa:x.jsonl"], "--out is missing"),
        (["--on=medqa:x.jsonl", "--out=OUT"], "no such file"),
        (["--on=kqa:KQA", "--protocol=likelihood", "--out=OUT"], "compares options"),
        (["--on=medqa:TEST", "--trained_on=medqa:TEST", "--out=OUT"], "share text with the training data"),
        (["--gates=1", "--on=medqa:x"], "--adapters, which is missing"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_the_base_is_loaded(flags, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "load_sampler", None)
    questions(tmp_path / "test.jsonl")
    kqa = {"Question": "May I?", "Free_form_answer": "Yes.", "Must_have": ["You may"], "Nice_to_have": []}
    (tmp_path / "kqa.jsonl").write_text(json.dumps(kqa) + "\n")
    paths = {"OUT": tmp_path / "out", "KQA": tmp_path / "kqa.jsonl", "TEST": tmp_path / "test.jsonl"}
    for name, path in paths.items():
        flags = [flag.replace(name, str(path)) for flag in flags]
    assert evaluate.main(flags) == 2
    assert message in capsys.readouterr().err


def test_training_data_that_has_moved_is_said_and_that_which_is_named_must_be_there(tmp_path, capsys):
    path = questions(tmp_path / "train.jsonl")
    pairs = [("medqa", str(tmp_path / "gone.jsonl")), ("medqa", str(path))]
    assert len(evaluate.training_records([], pairs)) == 7
    assert "the overlap with the training data is not known" in capsys.readouterr().out
    assert len(evaluate.training_records([pairs[1]], pairs[1:])) == 7
    with pytest.raises(UserError, match="no such file"):
        evaluate.training_records(pairs, [])
