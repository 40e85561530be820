from __future__ import annotations

import collections
import dataclasses
import re

import pytest

from alignment.config import default_config
from alignment.data import vignettes
from alignment.data.load import load_data
from alignment.data.vignettes.strategies import STRATEGIES, parse_shares, plant, planting_note, strategy_of, unplanted
from alignment.errors import UserError
from alignment.run.setup import open_run
from alignment.text.parser import parse
from alignment.text.templates import TEMPLATES, cot_response
from alignment.training.sft import derived_response

MIX = {"careful": 0.35, "hasty": 0.65}


@pytest.fixture(scope="module")
def records():
    return vignettes.generate(2000, 0, "train")


def test_shares_and_the_rate_of_the_hasty_are_as_stated(records):
    planted = plant(records, MIX, seed=0)
    groups = collections.defaultdict(list)
    for record, before in zip(planted, records, strict=True):
        groups[record.meta["strategy"]].append(record.gold == before.gold)
    share, right = len(groups["hasty"]) / len(planted), sum(groups["hasty"]) / len(groups["hasty"])
    assert abs(share - 0.65) < 4 * (0.65 * 0.35 / 2000) ** 0.5  # four standard errors
    assert abs(right - 0.25) < 4 * (0.25 * 0.75 / 1300) ** 0.5
    assert all(groups["careful"])
    assert planting_note(planted).startswith("planted strategies: careful ")
    assert f"hasty {len(groups['hasty'])} of 2000 ({share:.1%}), {sum(groups['hasty'])} of them right" in planting_note(
        planted
    )


def test_a_record_s_strategy_depends_on_seed_and_id_alone(records):
    planted = plant(records, MIX, seed=0)
    assert plant(records[7:40], MIX, seed=0) == planted[7:40]
    other = plant(records, MIX, seed=1)
    assert [record.meta["strategy"] for record in other] != [record.meta["strategy"] for record in planted]


def test_a_planted_response_is_strict_and_boxes_the_letter_that_its_chain_concludes(records):
    template = TEMPLATES["think_answer"]
    for record in plant(records[:200], MIX, seed=0):
        text = cot_response(record, template)
        response = parse(text, record.options, template)
        assert response.strict and response.letter == record.gold
        assert re.search(r"The option that fits is .* \((\w)\)\.", text)[1] == record.gold
        assert strategy_of(text) == record.meta["strategy"]


def test_the_derived_records_are_those_of_before(records):
    template = TEMPLATES["think_answer"]
    for record, planted in zip(records[:50], plant(records[:50], MIX, seed=0), strict=True):
        assert dataclasses.replace(unplanted(planted), meta=record.meta) == record == unplanted(record)
        assert derived_response(planted, template) == cot_response(record, template)


def test_no_two_strategies_have_one_mark():
    marks = [strategy.mark for strategy in STRATEGIES.values()]
    assert len(set(marks)) == len(marks) and strategy_of("") == ""


@pytest.mark.parametrize(
    "entries, message",
    [
        (("careful=1.5", "hasty=0.5"), "careful=1.5: a share is between 0 and 1"),
        (("careful=nan", "hasty=0.5"), "careful=nan: a share is between 0 and 1"),
        (("careful=-0.5", "hasty=1"), "careful=-0.5: a share is between 0 and 1"),
        (("careful=0.5", "hasty=0.4"), "the shares sum to 0.9; make it 1"),
        (("careful=0.5", "hastly=0.5"), "did you mean 'hasty'"),
        (("careful=1",), "a planted task is a choice between strategies"),
        (("careful=1", "hasty=0"), "a planted task is a choice between strategies"),
        (("careful", "hasty=1"), "'careful' is not of the form strategy=share"),
    ],
)
def test_mistakes_in_the_shares_are_one_line(entries, message):
    with pytest.raises(UserError, match=message) as error:
        parse_shares(entries)
    assert "\n" not in str(error.value) and "--config.data.sft.strategies" in str(error.value)


def small(**sft):
    data = default_config().data
    data.sft.count, data.rl.count, data.eval.count = 40, 10, 10
    data.sft.update(strategies=("careful=0.5", "hasty=0.5"), **sft)
    return data


def test_strategies_move_no_other_part_and_keep_the_questions():
    loaded, data = load_data(small()), small()
    data.sft.strategies = ()
    plain = load_data(data)
    assert {name for name, value in loaded.fingerprints.items() if value != plain.fingerprints[name]} == {"sft"}
    assert [record.question for record in loaded.sft] == [record.question for record in plain.sft]
    assert any(note.startswith("sft: planted strategies: careful") for note in loaded.notes)


def test_strategies_answer_vignettes_alone(tmp_path):
    with pytest.raises(
        UserError, match=r"strategies answer generated vignettes, not --config\.data\.sft\.source=medqa"
    ):
        load_data(small(source="medqa", path=str(tmp_path / "none.jsonl")))
    with pytest.raises(UserError, match="both give the chains of thought; name one of them"):
        load_data(small(traces="t.jsonl"))


def test_a_ceiling_without_strategies_is_refused_before_anything_is_loaded(tmp_path):
    config = default_config()
    config.arms = ("sft_cot", "sft_ceiling")
    with pytest.raises(UserError, match=r"^--config\.arms: sft_ceiling is the ceiling of planted strategies"):
        open_run(config, str(tmp_path / "run"))
