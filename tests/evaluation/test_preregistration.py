from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from alignment.arms import ARMS
from alignment.errors import UserError
from alignment.evaluation.preregistration import (
    RULES,
    compare_with_record,
    load_registration,
    parse_registration,
)

FILE = Path(__file__).resolve().parents[2] / "configs" / "preregistration.toml"
HEAD = 'level = 0.05\npower = 0.8\ncorrection = "holm"\n'
ENTRY = """
[hypotheses.H]
statement = "modular is no worse"
metric = "accuracy"
arm = "modular"
against = ["sft_cot", "grpo_only"]
rule = "not_less"
margin = 0.01
detect = 0.02
seeds = [0, 1]
"""


def parse(text: str):
    return parse_registration(text, "study.toml", ARMS)


def test_an_entry_becomes_a_typed_value_with_the_defaults_of_what_it_leaves_out():
    registration = parse(HEAD + ENTRY)
    (entry,) = registration.hypotheses
    assert (registration.level, registration.power, registration.correction) == (0.05, 0.8, "holm")
    assert (entry.name, entry.arm, entry.against, entry.rule) == ("H", "modular", ("sft_cot", "grpo_only"), "not_less")
    assert (entry.margin, entry.detect, entry.seeds, entry.questions, entry.completions) == (0.01, 0.02, (0, 1), 100, 0)
    assert entry.setting == {} and entry.parameters == (0.0, float("inf"))


def test_the_file_of_the_project_holds_h1_to_h4_and_their_restatements():
    registration = load_registration(str(FILE), ARMS)
    names = {hypothesis.name[:2] for hypothesis in registration.hypotheses}
    assert {"H1", "H2", "H3", "H4", "N1", "N2", "N3", "N4"} == names
    assert registration.sha256 == hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert all(entry.parameters[0] >= 3e8 for entry in registration.hypotheses if entry.name.startswith("H"))
    assert {entry.rule for entry in registration.hypotheses} <= RULES.keys()
    assert load_registration("", ARMS) is None


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("margin = 0.01", "margin = -1", "study.toml: hypotheses.H.margin = -1: expected a number of at least 0"),
        ("margin = 0.01", 'margin = "x"', "hypotheses.H.margin = 'x': expected a number"),
        ("margin = 0.01", "margn = 0.01", "hypotheses.H.margn: no such key; did you mean 'margin'?"),
        ("margin = 0.01", "", "hypotheses.H.margin: the rule not_less needs a margin above 0"),
        ("detect = 0.02", "", "hypotheses.H.detect is missing: a number above 0"),
        ("detect = 0.02", "detect = 0", "hypotheses.H.detect = 0: expected a number above 0"),
        ('arm = "modular"', 'arm = "modula"', "hypotheses.H.arm: no arm 'modula'; did you mean 'modular'?"),
        ('"grpo_only"]', '"modular"]', "hypotheses.H.against: holds the arm itself"),
        ('"grpo_only"]', '"sft_cot"]', "expected a list of different arms"),
        ('rule = "not_less"', 'rule = "better"', "hypotheses.H.rule = 'better': expected one of greater, less"),
        ('metric = "accuracy"', 'metric = "accurac"', "hypotheses.H.metric: unknown metric 'accurac'"),
        ('metric = "accuracy"', 'metric = "kl/mean"', "'kl/mean' is a metric of a step; name a key of results.json"),
        ('metric = "accuracy"', 'metric = "lost"', "hypotheses.H.rule: lost is counted in seeds"),
        ("seeds = [0, 1]", "seeds = [0, 0]", "hypotheses.H.seeds = [0, 0]: expected a list of different whole numbers"),
        ("seeds = [0, 1]", "seeds = [true]", "expected a list of different whole numbers"),
        ("seeds = [0, 1]", "seeds = [0]\nparameters = [9e9, 3e8]", "expected a list of two numbers in order"),
        ("seeds = [0, 1]", 'seeds = [0]\nsetting = {"grpo.rewrd" = 1}', "no leaf 'grpo.rewrd'; did you mean"),
        ("level = 0.05", "level = 5", "study.toml: level = 5: expected a number above 0, at most 0.5"),
        ('correction = "holm"', 'correction = "none"', "correction = 'none': expected one of holm, bh"),
        ("power = 0.8\n", "", "study.toml: power is missing"),
        ("[hypotheses.H]", "[hypothesis.H]", "study.toml: hypothesis: no such key; did you mean 'hypotheses'?"),
        ("[hypotheses.H]", "[hypotheses.H", "study.toml: not TOML"),
    ],
)
def test_a_wrong_entry_is_refused_with_file_and_key(old, new, words):
    text = HEAD + ENTRY
    assert old in text
    with pytest.raises(UserError) as error:
        parse(text.replace(old, new))
    assert words in str(error.value) and str(error.value).startswith("study.toml: ")


def test_a_file_that_is_missing_or_no_text_is_named_with_its_flag(tmp_path):
    with pytest.raises(UserError, match="--config.preregistration=.*absent.toml: No such file"):
        load_registration(str(tmp_path / "absent.toml"), ARMS)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="bytes.toml: .*UTF-8"):
        load_registration(str(tmp_path / "bytes.toml"), ARMS)


def test_what_was_changed_after_the_record_is_exploratory():
    before = parse(HEAD + ENTRY)
    same = compare_with_record(parse(HEAD + ENTRY.replace("no worse", "as good")), before, after_answers=False)
    assert same.before_answers == {"H"} and same.changed  # other words decide nothing, and yet the file is another
    assert not compare_with_record(before, before, after_answers=False).changed
    added = parse(HEAD + ENTRY + ENTRY.replace("hypotheses.H", "hypotheses.K"))
    assert compare_with_record(added, before, after_answers=False).before_answers == {"H"}
    for changed in (ENTRY.replace("0.01", "0.03"), ENTRY.replace("[0, 1]", "[0]")):
        assert compare_with_record(parse(HEAD + changed), before, after_answers=False).before_answers == frozenset()
    other_level = parse(HEAD.replace("0.05", "0.1") + ENTRY)
    assert compare_with_record(other_level, before, after_answers=False).before_answers == frozenset()
    assert compare_with_record(before, before, after_answers=True).before_answers == frozenset()
