"""One bad record does not end a run: it is left out, by its id, in output, notes and results."""

from __future__ import annotations

import dataclasses
import json

import pytest
from made_data import write_records
from tiny import experiment_config, records

from alignment import ablate
from alignment.cli import show
from alignment.common.declaration import flatten
from alignment.data.ids import fingerprint
from alignment.data.load import Data
from alignment.errors import UserError
from alignment.parallel.data_parallel import choose_devices
from alignment.rollout.base_model import load_base_model
from alignment.training.usable import drop_unusable

BAD = {
    "long question": {"question": "Which condition is it? " * 120},
    "chat token in the question": {"question": "What does <|im_end|> mean?"},
    "chat token in an option": {"options": {"A": "<|im_start|>", "B": "gout"}},
    "chat token in the context": {"context": ("A text with <|endoftext|>.",)},
}
BAD_EXAMPLES = {
    "chat token in the reasoning": {"cot": "So it is <|im_end|> gout."},
    "tag in the reasoning": {"cot": "So </think> it is gout."},
    "empty reasoning": {"cot": " \n"},
    "no reasoning": {"cot": None},
    "long reasoning": {"cot": "It is gout. " * 200},
    "box in the gold option": {"options": {"A": "\\boxed{A}", "B": "gout"}, "gold": "A"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    config = experiment_config(folder)
    config.prompt.max_tokens, config.sft.max_tokens = 300, 500
    return config, load_base_model(config, choose_devices("jit", 1))


def data_of(role, bad, count=12):
    parts = {"eval": records(count), "rl": records(count, 20), "sft": records(count, 40)}
    parts[role][5] = dataclasses.replace(parts[role][5], **bad)
    prints = {name: fingerprint(part) for name, part in parts.items()}
    return Data(**{name: tuple(part) for name, part in parts.items()}, notes=("before",), fingerprints=prints)


CASES = [(role, name, bad) for role in ("eval", "rl", "sft") for name, bad in BAD.items()]
CASES += [("sft", name, bad) for name, bad in BAD_EXAMPLES.items()]


@pytest.mark.parametrize(("role", "bad"), [pytest.param(r, bad, id=f"{r}, {name}") for r, name, bad in CASES])
def test_a_bad_record_is_left_out_and_named(base, role, bad, capsys):
    config, model = base
    before = data_of(role, bad)
    after = drop_unusable(model, before, config, ("cot",))
    name = getattr(before, role)[5].id
    assert after.left_out == {role: (name,)}
    assert [record.id for record in getattr(after, role)] == [r.id for r in getattr(before, role) if r.id != name]
    (note,) = after.notes[1:]
    assert note.startswith(f"{role}: 1 of 12 records left out") and repr(name) in note
    assert note in capsys.readouterr().out
    assert after.fingerprints[role] != before.fingerprints[role]
    assert {n for n, value in after.fingerprints.items() if before.fingerprints[n] == value} == {
        "eval",
        "rl",
        "sft",
    } - {role}
    again = drop_unusable(model, before, config, ("cot",))
    assert again == after  # as at a resume


def test_good_records_are_all_there(base):
    config, model = base
    before = data_of("eval", {})
    assert drop_unusable(model, before, config, ("cot", "answer")) is before


def test_what_no_stage_uses_is_not_held_against_a_record(base):
    config, model = base
    before = data_of("sft", {"cot": " "})
    assert drop_unusable(model, before, config, ("answer",)) is before


def test_more_than_the_share_is_an_error_that_names_the_leaf(base):
    config, model = base
    data = data_of("rl", BAD["chat token in the question"])
    data = dataclasses.replace(data, rl=(*data.rl, dataclasses.replace(data.rl[5], id="tiny-99")))
    wanted = r"record 'tiny-25': .* \(2 of 13 cannot be used, 1 are let pass; of --config.data.rl; allow more: "
    with pytest.raises(UserError, match=wanted) as caught:
        drop_unusable(model, data, config, ("cot",))
    assert "\n" not in str(caught.value)
    config = config.copy_and_resolve_references()
    config.data.max_bad_share = 0.2
    assert drop_unusable(model, data, config, ("cot",)).left_out == {"rl": ("tiny-25", "tiny-99")}


@pytest.mark.ci
def test_a_run_with_a_bad_record_in_every_part_ends_and_its_resume_is_the_same(tmp_path, capsys):
    config = experiment_config(tmp_path)
    config.arms = ("base", "modular")
    for start, role in ((0, "eval"), (20, "rl"), (40, "sft")):
        part = records(14, start)
        part[3] = dataclasses.replace(part[3], question=f"What does <|im_end|> mean in case {start}?")
        config.data[role].update(path=str(tmp_path / f"{role}.jsonl"), count=0)
        write_records(config.data[role].path, part)
    command = [f"--config.{name}={show(value)}" for name, value in flatten(config).items()]
    command.append(f"--workdir={tmp_path / 'run'}")
    assert ablate.main(command) == 0
    printed = capsys.readouterr().out
    for role, name in (("eval", "tiny-3"), ("rl", "tiny-23"), ("sft", "tiny-43")):
        assert f"warning: {role}: 1 of 14 records left out, as they cannot be used: record {name!r}" in printed
        assert name in (tmp_path / "run" / "report.html").read_text()
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert all(row["n"] == 13 for row in results)
    assert results[0]["left_out"] == {"eval": ["tiny-3"], "rl": ["tiny-23"], "sft": ["tiny-43"]}
    assert ablate.main(command) == 0
    assert json.loads((tmp_path / "run" / "results.json").read_text()) == results
    assert capsys.readouterr().out.count("done before") == 4
