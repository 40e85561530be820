"""The file of hypotheses is recorded before a run, and what was written later is told apart."""

from __future__ import annotations

import json

from etils import epath

from alignment.arms import ARMS
from alignment.evaluation.preregistration import parse_registration
from alignment.run.store import REGISTERED, record_registration

TEXT = """level = 0.05
power = 0.8
correction = "bh"
[hypotheses.H]
statement = "modular gains"
metric = "accuracy"
arm = "modular"
against = ["sft_cot"]
rule = "greater"
detect = 0.1
seeds = [0]
"""


def record(folder, text=TEXT):
    return record_registration(epath.Path(folder), parse_registration(text, "study.toml", ARMS), ARMS)


def test_a_file_that_was_recorded_first_counts_and_a_changed_entry_does_not(tmp_path):
    assert record(tmp_path / "run").before_answers == {"H"}
    again = record(tmp_path / "run")
    assert again.before_answers == {"H"} and not again.changed
    changed = record(tmp_path / "run", TEXT.replace("0.1", "0.2"))
    assert changed.before_answers == frozenset() and changed.changed
    assert changed.recorded_sha256 == again.sha256
    assert record(tmp_path / "run") == again  # the record stays that of the first time


def test_nothing_is_registered_once_an_arm_has_answered(tmp_path):
    answers = tmp_path / "seed0" / "arms" / "modular" / "responses.jsonl"
    answers.parent.mkdir(parents=True)
    answers.write_text("{}")
    assert record(tmp_path).before_answers == frozenset()
    answers.unlink()
    assert record(tmp_path).before_answers == frozenset()


def test_a_damaged_record_registers_nothing(tmp_path, capsys):
    record(tmp_path)
    written = json.loads((tmp_path / REGISTERED).read_text())
    (tmp_path / REGISTERED).write_text(json.dumps(written | {"text": TEXT.replace("0.1", "0.9")}))
    assert record(tmp_path).before_answers == frozenset()
    assert "no hypothesis counts as registered" in capsys.readouterr().out
