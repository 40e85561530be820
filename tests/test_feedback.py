"""The command of online feedback: from a log of judgements to a reward model that a run uses."""

from __future__ import annotations

import argparse
import json

import pytest
from tiny import ReadLog, experiment_config

from alignment import feedback
from alignment.cli import leaves, override, show
from alignment.config import default_config
from alignment.data.load import load_data
from alignment.run.plan import execute
from alignment.run.setup import open_run

GOOD, BAD = "<think>The sign points to it.</think><answer>\\boxed{A}</answer>", "No idea at all, sorry."


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return experiment_config(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def log(config, tmp_path_factory):
    """Every question prefers the good text or thumbs the bad one down; one is about an evaluation question."""
    data = load_data(config.data, training=("rl",))
    rows = [{"id": record.id, "responses": [GOOD, BAD], "preferred": "first"} for record in data.rl]
    rows += [{"id": record.id, "response": BAD, "thumb": "down", "theme": "unhelpful"} for record in data.rl]
    rows += [{"id": record.id, "response": GOOD, "thumb": "up"} for record in data.rl]
    rows += [{"id": data.eval[0].id, "response": GOOD, "thumb": "up"}]
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def flags(config):
    return [f"--config.{name}={show(value)}" for name, value in leaves(config).items()]


@pytest.mark.ci
def test_from_a_log_to_a_rewarded_run(config, log, tmp_path, capsys):
    assert feedback.main([f"--feedback={log}", f"--out={tmp_path / 'scorer'}", *flags(config)]) == 0
    printed = capsys.readouterr().out
    assert "36 judgements: 12 pairs (0 ties), 24 thumbs; 1 on evaluation questions left out" in printed
    assert "agrees with 100.0% of 6 held-out judgements" in printed and "themes: unhelpful (12)" in printed
    summary = json.loads((tmp_path / "scorer" / "scorer.json").read_text())
    assert summary["accuracy"] == 1.0 and summary["held_out"] == 6 and summary["themes"] == {"unhelpful": 12}

    used = [word.removeprefix("--config.").split("=", 1) for word in printed.split() if word.startswith("--config.")]
    accepted = override(config.copy_and_resolve_references(), map(tuple, used), default_config())
    with accepted.unlocked():
        accepted.arms = ("grpo_only",)
        accepted.grpo.steps = 1
    (outcome,) = execute(open_run(accepted, str(tmp_path / "run")))
    assert 0.0 < outcome.curve[0]["reward/feedback"] < 1.0


@pytest.mark.ci
def test_without_held_out_questions_it_says_so(config, log, tmp_path, capsys):
    words = [f"--feedback={log}", f"--out={tmp_path}", *flags(config), "--config.feedback.holdout=0"]
    assert feedback.main(words) == 0
    assert "how good the reward model is, is unknown" in capsys.readouterr().out


@pytest.mark.ci
def test_it_reads_the_leaves_that_its_help_lists(config, log, tmp_path):
    names = set()
    args = argparse.Namespace(config=ReadLog(config, names), feedback=str(log), out=str(tmp_path))
    feedback.fit_reward_model(args)
    names.add("data.dev.source")  # which is read where there are development questions
    assert names == {
        name for name in leaves(config) if f"{name}.".startswith(tuple(f"{r}." for r in feedback.LEAVES_READ))
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [("--config.feedback.holdout=1", "holdout=1: "), ("--feedback=missing.jsonl", "missing.jsonl: no such file")],
)
def test_mistakes_are_one_line(config, log, tmp_path, capsys, word, message):
    assert feedback.main([f"--feedback={log}", f"--out={tmp_path}", *flags(config), word]) == 2
    assert message in capsys.readouterr().err
