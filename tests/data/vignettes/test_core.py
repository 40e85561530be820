"""Vignettes: seeded, one right answer by rule, eval cases never seen in training."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from alignment.data import vignettes
from alignment.data.vignettes import FAMILIES, generate, right_letters, split_of
from alignment.errors import UserError
from alignment.knowledge.base import defensible, fitting, load, ruled_out
from alignment.record import validate
from alignment.text.mentions import asserted_letter

TRAIN = generate(1500, seed=0, split="train")
EVAL = generate(500, seed=0, split="eval")
EVERY = TRAIN + EVAL


def test_same_arguments_same_records_and_other_seed_other_records():
    assert generate(30, seed=3, split="train") == generate(30, seed=3, split="train")
    assert generate(30, seed=3, split="train") == generate(60, seed=3, split="train")[:30]
    assert generate(30, seed=3, split="train") != generate(30, seed=4, split="train")


def test_ids_and_questions_are_unique_and_records_valid():
    assert len({record.id for record in EVERY}) == len({record.question for record in EVERY}) == len(EVERY)
    for record in EVERY:
        validate(record, record.id)
        assert list(record.options) == list("ABCD") and len(set(record.options.values())) == 4
        assert (record.licence, record.provenance) == ("Apache-2.0", "generated")


def test_no_case_of_eval_occurs_in_train():
    def cases(records):
        return {(record.meta["condition"], frozenset(record.meta["findings"])) for record in records}

    more = generate(1000, seed=17, split="train")
    assert not cases(EVAL) & cases([*TRAIN, *more])
    assert {split_of(name, tuple(conditions)) for name, conditions in cases(EVAL)} == {"eval"}


def test_split_ignores_the_order_of_findings():
    assert split_of("gout", ("a", "b", "c")) == split_of("gout", ("c", "a", "b"))


def test_exactly_one_option_is_right():
    assert [right_letters(record) for record in EVERY] == [[record.gold] for record in EVERY]


def test_right_letters_sees_a_moved_gold():
    record = EVAL[0]
    wrong = next(letter for letter in record.letters if letter != record.gold)
    swapped = dict(record.options) | {wrong: record.gold_text, record.gold: record.options[wrong]}
    assert right_letters(type(record)(**{**record.__dict__, "options": swapped})) == [wrong]


def test_findings_of_the_stem_fit_only_the_gold_condition():
    """Truth from the text alone: read the findings off the stem and look for conditions that show them all."""
    base = load()
    for record in EVERY:
        shown, denied = record.question.split(" The work-up finds no ", 1)
        assert all(text in shown for text in record.meta["findings"])
        assert all(text in denied for text in record.meta["absent"])
        conditions = fitting(base, record.meta["findings"], record.meta["absent"])
        assert [condition.name for condition in conditions] == [record.meta["condition"]]


def test_no_defensible_drug_is_offered_as_wrong():
    base = load()
    for record in EVERY:
        condition, family = base.conditions[record.meta["condition"]], record.meta["family"]
        wrong = [text for letter, text in record.options.items() if letter != record.gold]
        if family in ("treatment", "contraindication"):
            allowed = {condition.first_line} if family == "contraindication" else set()
            assert set(wrong) & defensible(condition) <= allowed
        elif family in ("drug_class", "mechanism"):
            closed = {base.class_of(drug) for drug in defensible(condition)}
            assert not set(wrong) & {getattr(c, "name" if family == "drug_class" else "mechanism") for c in closed}


def test_contraindicated_drug_is_offered_and_the_gold_is_allowed():
    base = load()
    records = [record for record in EVERY if record.meta["factor"]]
    assert len(records) > 200 and {record.meta["family"] for record in records} == {"contraindication"}
    for record in records:
        first = base.conditions[record.meta["condition"]].first_line
        assert first in record.options.values() and ruled_out(base, first, record.meta["factor"])
        assert not ruled_out(base, record.gold_text, record.meta["factor"])
        assert base.factors[record.meta["factor"]].clause in record.question


def test_chain_of_thought_names_a_finding_the_condition_every_option_and_the_answer():
    for record in EVERY:
        finding, condition = re.match(r"The key finding (.+) points to (.+?)\.(?: |$)", record.cot).groups()
        assert finding in record.meta["decisive"] and finding in record.question
        assert condition == record.meta["condition"]
        assert record.cot.endswith(f"\nThe option that fits is {record.gold_text} ({record.gold}).")
        restated = re.findall(r"^([A-D])\. (.+) \(([A-D])\)", record.cot, re.MULTILINE)
        assert restated == [(letter, text, letter) for letter, text in record.options.items()]
    sizes = [len(record.cot.split()) for record in EVERY]
    assert 40 <= sum(sizes) / len(sizes) <= 70 and min(sizes) >= 25 and max(sizes) <= 95


def test_two_rejections_are_explained_and_every_reason_is_a_fact():
    base = load()
    for record in EVERY:
        reasons = re.findall(r"^[A-D]\. (.+) \([A-D]\), (.+)$", record.cot, re.MULTILINE)
        assert len(reasons) == 2
        for text, reason in reasons:
            if reason.startswith("without "):
                absent = reason.removeprefix("without ")
                assert absent in record.meta["absent"] and absent in base.conditions[text].decisive
            elif reason.startswith("for "):
                assert base.conditions[reason.removeprefix("for ")].first_line == text
            elif reason.startswith("that is "):
                kind = base.class_of(reason.removeprefix("that is "))
                assert text in (kind.name, kind.mechanism)
            else:
                assert reason == "ruled out" and ruled_out(base, text, record.meta["factor"])


def test_the_option_asserted_last_is_the_gold_one():
    assert [asserted_letter(record.cot, record) for record in EVERY] == [record.gold for record in EVERY]


def test_gold_letters_and_families_are_even():
    letters, families = (Counter(x) for x in zip(*((r.gold, r.meta["family"]) for r in EVERY), strict=True))
    assert all(430 <= count <= 570 for count in letters.values())  # 500 +- 3.6 standard deviations
    assert set(families) == set(FAMILIES) and all(330 <= count <= 470 for count in families.values())


def test_stems_are_short_sentences():
    sizes = [len(" ".join((record.question, *record.options.values())).split()) for record in EVERY]
    assert 40 <= sum(sizes) / len(sizes) <= 90 and max(sizes) <= 100


def test_patients_fit_the_condition():
    base = load()
    for record in EVERY:
        condition = base.conditions[record.meta["condition"]]
        age, noun = re.match(r"A (\d+)-year-old (\w+) ", record.question).groups()
        assert condition.ages[0] <= int(age) <= condition.ages[1]
        assert condition.sex in (None, "female" if noun in ("woman", "girl") else "male")


def test_families_can_be_chosen():
    assert {record.meta["family"] for record in generate(40, 0, "train", families=("diagnosis",))} == {"diagnosis"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "test"}, "unknown split 'test'"),
        ({"families": ("surgery",)}, "unknown families"),
        ({"families": ()}, "unknown families"),
        ({"count": -1}, "must not be negative"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(UserError, match=message):
        generate(**({"count": 1, "seed": 0, "split": "train"} | arguments))


def test_asking_for_more_than_there_is(monkeypatch):
    record = EVAL[0]
    monkeypatch.setattr(vignettes.core, "_record", lambda *_: record)
    with pytest.raises(UserError, match="only 1 different train questions"):
        generate(2, seed=0, split="train")
